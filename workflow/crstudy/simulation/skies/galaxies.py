"""Draw the galaxies of a field, with published counts, bulges and clumpy discs."""

import numpy as np
from astropy.table import Table, vstack
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

#: log10 of the number of galaxies per mag and square degree at AB magnitudes in F606W. Up to
#: 18 mag 92 galaxies brighter than r = 17.77 per square degree (Strauss et al. 2002, AJ 124,
#: 1810) with a slope that falls from 0.6 at r < 16 to 0.5 (Yasuda et al. 2001, AJ 122, 1104);
#: then those of COSMOS2020 in i (Weaver et al. 2022, ApJS 258, 11, Table 2). Colours are
#: assumed: F606W - r = 0.15 (0.1 to 0.2), F606W - i = 0.45 (0.3 to 0.7).
GALAXY_COUNTS: tuple[tuple[float, float], ...] = (
    *((14.0, -0.20), (16.15, 1.09), (17.92, 2.05), (19.70, 3.01), (20.70, 3.44), (21.70, 3.85)),
    *((22.70, 4.21), (23.70, 4.54), (24.70, 4.86), (25.70, 5.08), (26.70, 5.29), (27.20, 5.35)),
)
#: Magnitudes of a galaxy that the telescope is pointed at, and RMS of its distance in x and y
#: from the centre of the field, arcsec (both assumed).
TARGET_MAG = (14.0, 17.0)
TARGET_OFFSET_ARCSEC = 10.0
#: Brighter galaxies have a bulge and a disc of their own, and knots in the disc.
COMPOSITE_MAG, KNOTS_MAG = 21.0, 19.0
#: Fraction of galaxies without a disc (Shimasaku et al. 2001, AJ 122, 1238, find about a third of
#: early type) and largest bulge of the others (Graham & Worley 2008, MNRAS 388, 1708).
ELLIPTICAL_FRACTION, LARGEST_BULGE_FRACTION = 0.3, 0.4
#: Half-light radius of a bulge in scale lengths of its disc (Graham & Worley 2008).
BULGE_SCALE_LENGTHS = 0.2
#: Star-forming knots have 7 % of a disc's light in B, with luminosities of a power law of
#: exponent -2 (Elmegreen & Salzer 1999, AJ 117, 764). Their number (100 to 1000), the range of
#: luminosity and the half-light radii in those of the disc (10 to 100 pc in one of 4 kpc) are
#: assumed.
KNOT_FRACTION, KNOT_COUNT, KNOT_RANGE = 0.07, 300, 300.0
KNOT_HALF_LIGHT = (0.002, 0.025)
#: Pitch of the two logarithmic arms (Kennicutt 1981, AJ 86, 1847), deg, and RMS of the angle of
#: knots from their middle (assumed), rad.
ARM_PITCH_DEG, ARM_WIDTH_RAD = 15.0, 0.35
#: Half-light radius of an exponential disc in scale lengths.
HALF_LIGHT_SCALE_LENGTHS = 1.678


def draw_galaxies(rng: Generator, half_size_arcsec: float, target_probability: float) -> Table:
    """Draw galaxies over a square field.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    half_size_arcsec : float
        Half the side of the square, arcsec.
    target_probability : float
        Probability that the field is pointed at a bright galaxy.

    Returns
    -------
    astropy.table.Table
        One row per profile, a galaxy, a bulge, a disc or a knot: kind (galaxy), dx and dy
        (arcsec from the centre to the east and north), mag (AB), sersic_n, half_light (arcsec),
        axis_ratio, pa (deg, from north to east).
    """
    mag = draw_magnitudes(rng, (2 * half_size_arcsec / 3600) ** 2)
    dx, dy = rng.uniform(-half_size_arcsec, half_size_arcsec, (2, len(mag)))
    if rng.uniform() < target_probability:
        mag = np.append(mag, rng.uniform(*TARGET_MAG))
        offset = rng.normal(0, TARGET_OFFSET_ARCSEC, 2)
        dx, dy = np.append(dx, offset[0]), np.append(dy, offset[1])
    composite = mag < COMPOSITE_MAG
    parts = [_single(rng, mag[~composite], dx[~composite], dy[~composite])]
    parts += [_composite(rng, mag[i], dx[i], dy[i]) for i in composite.nonzero()[0]]
    return vstack(parts)


def draw_magnitudes(rng: Generator, area_deg2: float) -> NDArray[np.float64]:
    """Draw magnitudes of the galaxies of an area from `GALAXY_COUNTS`.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    area_deg2 : float
        Area, square degrees.

    Returns
    -------
    ndarray, shape (n,)
        AB magnitudes in F606W; n is a Poisson number.
    """
    knots, log_counts = np.array(GALAXY_COUNTS).T
    mag = np.linspace(knots[0], knots[-1], 2000)
    counts = 10 ** np.interp(mag, knots, log_counts)
    cumulative = np.append(0, np.cumsum((counts[1:] + counts[:-1]) / 2 * np.diff(mag)))
    number = rng.poisson(cumulative[-1] * area_deg2)
    return np.interp(rng.uniform(0, cumulative[-1], number), cumulative, mag)


def median_half_light(mag: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median half-light radius of galaxies of a magnitude, arcsec."""
    # 0.3" at 24 mag as deep fields show; below 20 mag the surface brightness stays and 17 mag
    # have 3", as galaxies of the SDSS (Shen et al. 2003, MNRAS 343, 978).
    return 0.3 * 10 ** (-0.1 * (mag - 24) + 0.1 * np.maximum(20 - mag, 0))


def _half_light(rng: Generator, mag: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw half-light radii, arcsec."""
    scatter = rng.normal(0, 0.2, np.shape(mag))
    return np.clip(median_half_light(mag) * 10**scatter, 0.05, 10.0)


def _single(
    rng: Generator, mag: NDArray[np.float64], dx: NDArray[np.float64], dy: NDArray[np.float64]
) -> Table:
    """Draw galaxies of one profile each."""
    count = len(mag)
    n = rng.choice([1.0, 1.5, 2.5, 4.0], count, p=[0.5, 0.25, 0.15, 0.1])
    half_light, ratio = _half_light(rng, mag), rng.uniform(0.25, 1.0, count)
    return rows(dx, dy, mag, n, half_light, ratio, rng.uniform(0, 180, count))


def _composite(rng: Generator, mag: float, dx: float, dy: float) -> Table:
    """Draw an elliptical, or a bulge, a disc and its knots."""
    half_light, pa = float(_half_light(rng, mag)), rng.uniform(0, 180)
    if rng.uniform() < ELLIPTICAL_FRACTION:
        return rows(dx, dy, mag, 4.0, half_light, rng.uniform(0.5, 1.0), pa)
    bulge, ratio = rng.uniform(0, LARGEST_BULGE_FRACTION), rng.uniform(0.25, 1.0)
    bulge_radius = BULGE_SCALE_LENGTHS * half_light / HALF_LIGHT_SCALE_LENGTHS
    disc_mag = mag - 2.5 * np.log10(1 - bulge)
    smooth = 1 - KNOT_FRACTION if mag < KNOTS_MAG else 1.0
    parts = [
        rows(dx, dy, mag - 2.5 * np.log10(bulge), 4.0, bulge_radius, 1.0, pa),
        rows(dx, dy, disc_mag - 2.5 * np.log10(smooth), 1.0, half_light, ratio, pa),
    ]
    if mag < KNOTS_MAG:
        parts.append(_knots(rng, disc_mag, dx, dy, half_light, ratio, pa))
    return vstack(parts)


def _knots(
    rng: Generator,
    disc_mag: float,
    dx: float,
    dy: float,
    half_light: float,
    ratio: float,
    pa: float,
) -> Table:
    """Draw the knots of a disc, about two spiral arms."""
    # The inverse of a power law of exponent -2 is uniform.
    light = 1 / rng.uniform(1 / KNOT_RANGE, 1, KNOT_COUNT)
    mag = disc_mag - 2.5 * np.log10(KNOT_FRACTION * light / light.sum())
    radius = rng.gamma(2, half_light / HALF_LIGHT_SCALE_LENGTHS, KNOT_COUNT)
    arm = np.log(np.maximum(radius / half_light, 0.05)) / np.tan(np.radians(ARM_PITCH_DEG))
    arm += np.pi * rng.integers(0, 2, KNOT_COUNT)
    angle = arm + rng.normal(0, ARM_WIDTH_RAD, KNOT_COUNT)
    along, across = radius * np.cos(angle) / ratio**0.5, radius * np.sin(angle) * ratio**0.5
    east, north = np.sin(np.radians(pa)), np.cos(np.radians(pa))
    x, y = dx + along * east + across * north, dy + along * north - across * east
    size = half_light * np.exp(rng.uniform(*np.log(KNOT_HALF_LIGHT), KNOT_COUNT))
    return rows(x, y, mag, 0.5, size, 1.0, 0.0)


def rows(
    dx: ArrayLike,
    dy: ArrayLike,
    mag: ArrayLike,
    sersic_n: ArrayLike,
    half_light: ArrayLike,
    axis_ratio: ArrayLike,
    pa: ArrayLike,
    kind: str = "galaxy",
) -> Table:
    """Make rows of sources from numbers and arrays; columns as in `draw_galaxies`."""
    columns = {"dx": dx, "dy": dy, "mag": mag, "sersic_n": sersic_n, "half_light": half_light}
    columns |= {"axis_ratio": axis_ratio, "pa": pa}
    values = np.broadcast_arrays(*np.atleast_1d(*columns.values()))
    table = Table(dict(zip(columns, (v.astype(float) for v in values), strict=True)))
    table.add_column(np.full(len(table), kind, dtype="U6"), name="kind", index=0)
    return table
