"""Populations of stars: how many there are, how bright, and where in the field."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True)
class Population:
    """Stars with a power-law number count.

    Attributes
    ----------
    per_arcmin2 : float
        Surface density, at the field centre where it is not uniform.
    mag_bright, mag_faint : float
        AB magnitude limits.
    slope : float
        d log10 N / d mag.
    core_arcsec : float
        Plummer core radius of the density around the field centre; infinite: uniform.
    scale_arcsec, centre_arcsec : float
        Scale length of an exponential disc (infinite: uniform) and how far to the west of the
        field centre its own centre lies.
    clustered : float
        Fraction in associations of `ASSOCIATION_RADIUS_ARCSEC`.
    """

    per_arcmin2: float
    mag_bright: float
    mag_faint: float
    slope: float
    core_arcsec: float = np.inf
    scale_arcsec: float = np.inf
    centre_arcsec: float = 0.0
    clustered: float = 0.0


#: RMS distance in x and y of a young star from the centre of its association: 40 pc (Efremov
#: 1987, BAAS 19, 1008: OB associations are 80 pc wide) at 3.5 Mpc. Stars in one: assumed.
ASSOCIATION_RADIUS_ARCSEC = 2.4
ASSOCIATION_STARS = 300


def draw_population(
    rng: Generator, population: Population, half_size_arcsec: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw stars over a square field.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    population : Population
        What to draw.
    half_size_arcsec : float
        Half the side of the square, arcsec.

    Returns
    -------
    dx, dy : ndarray, shape (n,)
        Offsets from the field centre to the east and north, arcsec.
    mag : ndarray, shape (n,)
        AB magnitudes.
    """
    draw = _core if np.isfinite(population.core_arcsec) else _disc
    dx, dy = draw(rng, population, half_size_arcsec)
    dx, dy = _associated(rng, population.clustered, dx, dy)
    # Inverse of the cumulative count.
    limits = population.slope * np.array([population.mag_bright, population.mag_faint])
    low, high = 10**limits
    mag = np.log10(rng.uniform(low, high, len(dx))) / population.slope
    inside = (abs(dx) < half_size_arcsec) & (abs(dy) < half_size_arcsec)
    return dx[inside], dy[inside], mag[inside]


def mean_flux(population: Population, power: int = 1) -> float:
    """Return the mean of a power of the stars' flux, in units of a star of 0 mag.

    Parameters
    ----------
    population : Population
        Its limits and slope matter.
    power : int
        1 for light, 2 for surface-brightness fluctuations.
    """
    bright, faint = population.mag_bright, population.mag_faint
    steps = np.log(10) * np.array([population.slope, population.slope - 0.4 * power])
    number, moment = np.expm1(steps * (faint - bright)) / steps
    return float(10 ** (-0.4 * power * bright) * moment / number)


def mag_of_density(populations: Sequence[Population], per_arcmin2: float) -> float:
    """Return the magnitude down to which stars have a density at the field centre, or the limit."""
    limits = [limit for p in populations for limit in (p.mag_bright, p.mag_faint)]
    mag = np.linspace(min(limits), max(limits), 2000)
    density = np.zeros(len(mag))
    for p in populations:
        reached = np.clip(mag, p.mag_bright, p.mag_faint) - p.mag_bright
        part = np.expm1(np.log(10) * p.slope * np.array([*reached, p.mag_faint - p.mag_bright]))
        density += p.per_arcmin2 * part[:-1] / part[-1]
    return float(np.interp(per_arcmin2, density, mag))


def _core(
    rng: Generator, population: Population, half_size: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw from a Plummer sphere in projection: enclosed fraction r^2 / (r^2 + core^2)."""
    core = population.core_arcsec
    corner2 = 2 * half_size**2
    within = corner2 / (corner2 + core**2)
    count = rng.poisson(population.per_arcmin2 / 3600 * np.pi * core**2 * within)
    enclosed = rng.uniform(0, within, count)
    radius, angle = core * np.sqrt(enclosed / (1 - enclosed)), rng.uniform(0, 2 * np.pi, count)
    return radius * np.cos(angle), radius * np.sin(angle)


def _disc(
    rng: Generator, population: Population, half_size: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw from a uniform density or an exponential disc, by rejection."""
    scale, centre = population.scale_arcsec, population.centre_arcsec
    # The highest density in the square, relative to that at the field centre.
    highest = np.exp((centre - max(centre - half_size, 0)) / scale)
    count = rng.poisson(population.per_arcmin2 * (2 * half_size / 60) ** 2 * highest)
    dx, dy = rng.uniform(-half_size, half_size, (2, count))
    if np.isinf(scale):
        return dx, dy
    density = np.exp((centre - np.hypot(dx + centre, dy)) / scale)
    kept = rng.uniform(0, highest, count) < density
    return dx[kept], dy[kept]


def _associated(
    rng: Generator, fraction: float, dx: NDArray[np.float64], dy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move a fraction of the stars around the places of a few of them."""
    moved = int(fraction * len(dx))
    if moved == 0:
        return dx, dy
    centre = rng.integers(0, len(dx), max(moved // ASSOCIATION_STARS, 1))
    home = rng.choice(centre, moved)
    offset = rng.normal(0, ASSOCIATION_RADIUS_ARCSEC, (2, moved))
    return (
        np.append(dx[home] + offset[0], dx[moved:]),
        np.append(dy[home] + offset[1], dy[moved:]),
    )
