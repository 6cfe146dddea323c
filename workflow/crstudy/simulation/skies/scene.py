"""Draw the sky of a simulated field: stars and galaxies of three field classes."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from crstudy.simulation.skies.galaxies import HALF_LIGHT_SCALE_LENGTHS, draw_galaxies, rows
from crstudy.simulation.skies.populations import (
    Population,
    draw_population,
    mag_of_density,
    mean_flux,
)

#: Stars are drawn to this AB magnitude.
FAINTEST_MAG = 29.0
#: Stars fainter than where there are so many per arcsec2 in the middle of the field cannot be
#: told apart: they are no sources of the catalogue, nor are those beyond a magnitude. One star
#: in 44 beams of ACS: the limit of confusion (Hogg 2001, AJ 121, 1207).
TOLD_APART_PER_ARCSEC2, TOLD_APART_MAG = 4.0, 26.0
#: Stars of the Milky Way at moderate galactic latitude: 1 per arcmin2 to 18.5 mag, 1.3 per field
#: of ACS/WFC to 15 mag, between the counts at latitudes of 30 and 90 degrees (Bahcall & Soneira
#: 1980, ApJS 44, 73); fainter, the slope flattens.
FOREGROUND = (Population(1.0, 12.0, 18.5, 0.25), Population(12, 18.5, 26.0, 0.10))


@dataclass(frozen=True)
class Sky:
    """What a field of a class is made of.

    Attributes
    ----------
    populations : tuple of Population
        Stars to the faintest.
    target_probability : float
        Probability of a bright galaxy near the centre.
    diffuse : Table or None
        Light of the stars beyond the faintest, a row of `crstudy.simulation.skies.galaxies.rows`.
    """

    populations: tuple[Population, ...]
    target_probability: float = 0.0
    diffuse: Table | None = None


def extragalactic(rng: Generator) -> Sky:
    """Return a field with a galaxy as its target in half of the cases (assumed; 0.3 to 0.7)."""
    return Sky(FOREGROUND, target_probability=0.5)


def globular_cluster(rng: Generator) -> Sky:
    """Return the core of a Galactic globular cluster, main sequence to its end.

    Surface brightness, core radius and distance are those of a rather loose cluster of Harris
    (1996, AJ 112, 1487, edition of 2010): its 148 clusters have medians of 18.1 mag/arcsec2
    (16 to 84 %: 15.6 to 22.0) and 0.35' (0.08 to 1.2); the 35 nearer than (m-M)V = 15.5 with
    E(B-V) < 0.4 have (m-M)V = 14.8.
    """
    central_mag_arcsec2, core_radius_arcsec, modulus = 19.5, 21.0, 14.8
    turn_off = modulus + 4.0
    # The projected density of a Plummer sphere falls to a half at 0.64 of its radius.
    core = core_radius_arcsec / 0.64
    # Giants and main sequence have 60 and 40 % of the light (assumed; main sequence 30 to 50).
    # With the slope of 0.1 (assumed; 0.05 to 0.16) there are 4 stars per solar luminosity, as
    # M/L = 2 of old clusters and stars of half a solar mass ask for (McLaughlin & van der Marel
    # 2005, ApJS 161, 304).
    giants = Population(1, modulus - 2.6, turn_off, 0.30, core_arcsec=core)
    dwarfs = Population(1, turn_off, FAINTEST_MAG, 0.10, core_arcsec=core)
    light = 3600 * 10 ** (-0.4 * central_mag_arcsec2)
    members = (_with_light(giants, 0.6 * light), _with_light(dwarfs, 0.4 * light))
    return Sky((*members, *FOREGROUND))


def resolved_galaxy(rng: Generator) -> Sky:
    """Return a part of the disc of a spiral galaxy at 2 to 4.4 Mpc.

    An exponential disc of Freeman's (1970, ApJ 160, 811) central surface brightness, 21.65 in
    B, here 20.9 mag/arcsec2, and a scale length of 2.5 kpc (assumed; 1 to 5), seen at 0.3 to 3
    scale lengths from its centre: 21.2 to 24.2 mag/arcsec2.
    """
    modulus, scale_lengths = rng.uniform(26.5, 28.2), rng.uniform(0.3, 3.0)
    scale = 2.5 / 10 ** (0.2 * modulus - 2) * np.degrees(3600)
    central = 3600 * 10 ** (-0.4 * 20.9)
    light = central * np.exp(-scale_lengths)
    place = {"scale_arcsec": scale, "centre_arcsec": scale_lengths * scale}
    # Red giants below the tip (Rizzi et al. 2007, ApJ 661, 815; in F606W -3.1 to -2.6), with the
    # slope of Mendez et al. (2002, AJ 124, 213; 0.2 to 0.4), and so many that an old population
    # fluctuates as stars of 0.4 mag (assumed, 0 to 1: between R and V).
    giants = Population(1, modulus - 2.9, FAINTEST_MAG, 0.30, **place)
    fluctuation = 0.85 * light * 10 ** (-0.4 * (modulus + 0.4))
    giants = replace(giants, per_arcmin2=fluctuation / mean_flux(giants, 2))
    # Young stars have 15 % of the light (assumed; 5 to 30), with the slope of the brightest in
    # late-type galaxies (Freedman 1985, ApJ 299, 74; 0.5 to 0.7), half of them in associations.
    young = Population(1, modulus - 8.0, FAINTEST_MAG, 0.60, clustered=0.5, **place)
    young = _with_light(young, 0.15 * light)
    drawn = giants.per_arcmin2 * mean_flux(giants) + 0.15 * light
    total = 2 * np.pi * scale**2 * central / 3600 * (1 - drawn / light)
    half_light = HALF_LIGHT_SCALE_LENGTHS * scale
    mag = -2.5 * np.log10(total)
    diffuse = rows(-place["centre_arcsec"], 0.0, mag, 1.0, half_light, 1.0, 0.0)
    return Sky((giants, young, *FOREGROUND), diffuse=diffuse)


def _with_light(population: Population, light_per_arcmin2: float) -> Population:
    """Give a population the density at which it has so much light, in stars of 0 mag."""
    return replace(population, per_arcmin2=light_per_arcmin2 / mean_flux(population))


#: How the sky of each field class is drawn.
FIELD_CLASSES: dict[str, Callable[[Generator], Sky]] = {
    "extragalactic": extragalactic,
    "globular_cluster": globular_cluster,
    "resolved_galaxy": resolved_galaxy,
}


def draw_scene(
    rng: Generator,
    field_class: str,
    centre: SkyCoord,
    half_size_arcsec: float,
    zero_point_mag: float,
    *,
    pointed: bool = True,
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
    pointed : bool
        Whether a telescope was pointed at the field: a survey's fields have no target.

    Returns
    -------
    astropy.table.Table
        One row per source: kind (star; galaxy, also its bulge, disc and knots), ra and dec (deg),
        mag (AB), flux (e-/s), sersic_n, half_light (arcsec), axis_ratio, pa (deg, from north to
        east); the last four are NaN for stars. Its meta holds what `faint_stars` needs.
    """
    sky = FIELD_CLASSES[field_class](rng)
    crowded = mag_of_density(sky.populations, 3600 * TOLD_APART_PER_ARCSEC2)
    meta = {
        "field_class": field_class,
        "centre_ra": float(centre.ra.deg),
        "centre_dec": float(centre.dec.deg),
        "half_size_arcsec": float(half_size_arcsec),
        "zero_point_mag": float(zero_point_mag),
        "star_seed": int(rng.integers(2**62)),
        "told_apart_mag": min(crowded, TOLD_APART_MAG),
        "populations": [asdict(population) for population in sky.populations],
    }
    dx, dy, mag = _all_stars(meta)
    apart = mag < meta["told_apart_mag"]
    shape = [np.nan] * 4
    parts = [
        rows(dx[apart], dy[apart], mag[apart], *shape, kind="star"),
        draw_galaxies(rng, half_size_arcsec, sky.target_probability * pointed),
    ]
    if sky.diffuse is not None:
        parts.append(sky.diffuse)
    table = vstack(parts)
    offsets = centre.spherical_offsets_by(table["dx"] * u.arcsec, table["dy"] * u.arcsec)
    table["ra"], table["dec"] = offsets.ra.to(u.deg), offsets.dec.to(u.deg)
    table["flux"] = _flux(table["mag"], zero_point_mag) * u.electron / u.s
    table["mag"].unit, table["half_light"].unit, table["pa"].unit = u.mag, u.arcsec, u.deg
    table.meta = meta
    return table["kind", "ra", "dec", "mag", "flux", "sersic_n", "half_light", "axis_ratio", "pa"]


def faint_stars(
    catalogue: Table,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw the stars of a field that are too faint to be told apart.

    Parameters
    ----------
    catalogue : Table
        Of `draw_scene`.

    Returns
    -------
    dx, dy : ndarray, shape (n,)
        Offsets from the field centre to the east and north, arcsec.
    flux : ndarray, shape (n,)
        Flux, e-/s. The same in every call; none for a table without the meta of `draw_scene`.
    """
    if "populations" not in catalogue.meta:
        return np.empty(0), np.empty(0), np.empty(0)
    dx, dy, mag = _all_stars(catalogue.meta)
    faint = mag >= catalogue.meta["told_apart_mag"]
    return dx[faint], dy[faint], _flux(mag[faint], catalogue.meta["zero_point_mag"])


def _all_stars(meta: Mapping[str, Any]) -> NDArray[np.float64]:
    """Draw dx, dy and magnitudes of all stars of a field, shape (3, n)."""
    rng, half_size = default_rng(meta["star_seed"]), meta["half_size_arcsec"]
    drawn = [draw_population(rng, Population(**p), half_size) for p in meta["populations"]]
    return np.hstack([np.empty((3, 0)), *drawn])


def _flux(mag: NDArray[np.float64], zero_point_mag: float) -> NDArray[np.float64]:
    """Return count rates, e-/s."""
    return 10 ** (-0.4 * (mag - zero_point_mag))
