"""Draw the sky of a simulated field: stars and galaxies of three field classes."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True)
class Population:
    """Sources with a power-law number count.

    Attributes
    ----------
    per_arcmin2 : float
        Mean surface density over the field.
    mag_bright, mag_faint : float
        AB magnitude limits.
    slope : float
        d log10 N / d mag.
    core_arcsec : float
        Plummer core radius of the density around the field centre; infinite: uniform.
    """

    per_arcmin2: float
    mag_bright: float
    mag_faint: float
    slope: float
    core_arcsec: float = np.inf


#: Stars of the Milky Way at moderate galactic latitude: 1 per arcmin2 to 18.5 mag, 1.3 per field
#: of ACS/WFC to 15 mag, between the counts at latitudes of 30 and 90 degrees (Bahcall & Soneira
#: 1980, ApJS 44, 73); fainter, the slope flattens.
FOREGROUND = (Population(1.0, 12.0, 18.5, 0.25), Population(12, 18.5, 26.0, 0.10))
#: Stars of each field class. The densities are those of typical HST fields, thinned where a field
#: would be too crowded to render fast.
STARS: dict[str, tuple[Population, ...]] = {
    "extragalactic": FOREGROUND,
    # The giants continue the dwarfs at 18 mag, up to the tip of the red giant branch: V = 12 to 13
    # at the distances of most clusters that HST observed (Harris 1996, AJ 112, 1487).
    "globular_cluster": (
        Population(35, 12.0, 18.0, 0.30, core_arcsec=25.0),
        Population(1500, 18.0, 26.5, 0.16, core_arcsec=25.0),
    ),
    "resolved_galaxy": (
        FOREGROUND[0],
        Population(1200, 20.5, 26.8, 0.30, core_arcsec=30.0),
    ),
}
#: Galaxies and the AB magnitude of the diffuse disc of each field class.
FIELD_CLASSES: dict[str, tuple[Population, float | None]] = {
    "extragalactic": (Population(110, 20.0, 26.8, 0.33), None),
    "globular_cluster": (Population(20, 21.0, 26.8, 0.33), None),
    "resolved_galaxy": (Population(60, 20.5, 26.8, 0.33), 13.5),
}

DISC_HALF_LIGHT_ARCSEC = 25.0


def draw_scene(
    rng: Generator,
    field_class: str,
    centre: SkyCoord,
    half_size_arcsec: float,
    zero_point_mag: float,
) -> Table:
    """Draw the sources of a field.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    field_class : str
        A key of `FIELD_CLASSES`.
    centre : SkyCoord
        Centre of the field.
    half_size_arcsec : float
        Half the side of the square that is filled, arcsec.
    zero_point_mag : float
        AB magnitude of 1 e-/s.

    Returns
    -------
    astropy.table.Table
        One row per source: kind (star or galaxy), ra and dec (deg), mag (AB), flux (e-/s),
        sersic_n, half_light (arcsec), axis_ratio, pa (deg); the last four are NaN for stars.
    """
    galaxies, disc_mag = FIELD_CLASSES[field_class]
    parts = [_draw_stars(rng, stars, half_size_arcsec) for stars in STARS[field_class]]
    parts.append(_draw_galaxies(rng, galaxies, half_size_arcsec))
    if disc_mag is not None:
        parts.append(_disc(disc_mag))
    table = vstack(parts)
    sky = centre.spherical_offsets_by(table["dx"] * u.arcsec, table["dy"] * u.arcsec)
    table["ra"], table["dec"] = sky.ra.to(u.deg), sky.dec.to(u.deg)
    table["flux"] = 10 ** (-0.4 * (table["mag"] - zero_point_mag)) * u.electron / u.s
    table["mag"].unit, table["half_light"].unit, table["pa"].unit = u.mag, u.arcsec, u.deg
    table.meta["field_class"] = field_class
    return table["kind", "ra", "dec", "mag", "flux", "sersic_n", "half_light", "axis_ratio", "pa"]


def _draw_stars(rng: Generator, population: Population, half_size: float) -> Table:
    dx, dy = _positions(rng, population, half_size)
    nothing = np.full(len(dx), np.nan)
    return Table(
        {
            "kind": np.full(len(dx), "star", dtype="U6"),
            "dx": dx,
            "dy": dy,
            "mag": _magnitudes(rng, population, len(dx)),
            "sersic_n": nothing,
            "half_light": nothing,
            "axis_ratio": nothing,
            "pa": nothing,
        }
    )


def _draw_galaxies(rng: Generator, population: Population, half_size: float) -> Table:
    dx, dy = _positions(rng, population, half_size)
    mag = _magnitudes(rng, population, len(dx))
    # Median half-light radius of field galaxies shrinks with magnitude (e.g. 0.3" at 24 mag).
    half_light = 0.3 * 10 ** (-0.1 * (mag - 24) + rng.normal(0, 0.2, len(dx)))
    return Table(
        {
            "kind": np.full(len(dx), "galaxy", dtype="U6"),
            "dx": dx,
            "dy": dy,
            "mag": mag,
            "sersic_n": rng.choice([1.0, 1.5, 2.5, 4.0], len(dx), p=[0.5, 0.25, 0.15, 0.1]),
            "half_light": np.clip(half_light, 0.05, 3.0),
            "axis_ratio": rng.uniform(0.25, 1.0, len(dx)),
            "pa": rng.uniform(0, 180, len(dx)),
        }
    )


def _disc(mag: float) -> Table:
    return Table(
        {
            "kind": ["galaxy"],
            "dx": [0.0],
            "dy": [0.0],
            "mag": [mag],
            "sersic_n": [1.0],
            "half_light": [DISC_HALF_LIGHT_ARCSEC],
            "axis_ratio": [0.7],
            "pa": [30.0],
        }
    )


def _magnitudes(rng: Generator, population: Population, count: int) -> NDArray[np.float64]:
    """Draw from d log10 N / d mag = slope by inverting the cumulative count."""
    low, high = 10 ** (population.slope * np.array([population.mag_bright, population.mag_faint]))
    return np.log10(rng.uniform(low, high, count)) / population.slope


def _positions(
    rng: Generator, population: Population, half_size: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw offsets from the field centre, arcsec, inside the square."""
    count = rng.poisson(population.per_arcmin2 * (2 * half_size / 60) ** 2)
    if np.isinf(population.core_arcsec):
        dx, dy = rng.uniform(-half_size, half_size, (2, count))
        return dx, dy
    # Plummer sphere in projection: enclosed fraction r^2 / (r^2 + core^2).
    enclosed = rng.uniform(0, 1, count)
    radius = population.core_arcsec * np.sqrt(enclosed / (1 - enclosed))
    angle = rng.uniform(0, 2 * np.pi, count)
    dx, dy = radius * np.cos(angle), radius * np.sin(angle)
    inside = (abs(dx) < half_size) & (abs(dy) < half_size)
    return dx[inside], dy[inside]
