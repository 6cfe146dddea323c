"""Forced aperture photometry of a group's stars (paper section 3.2, figure 2)."""

from collections.abc import Mapping, Sequence

import numpy as np
import sep
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table, vstack
from numpy.random import Generator
from numpy.typing import NDArray

from crstudy.data.background import Sky, measure_sky
from crstudy.data.products import ChipProducts
from crstudy.instrument.wcs import on_chip

#: Electrons per count: calibrated images are in electrons.
GAIN = 1.0
#: Exact overlap of pixels and circle.
EXACT = 0
#: Random stream of the exposures without cosmic rays; 0 to 3 are `crstudy.simulation.acs.Stream`.
CONTROL_STREAM = 4

#: Columns of a photometry table: unit and meaning.
COLUMNS: dict[str, tuple[str | None, str]] = {
    "group": (None, "group of exposures of one field"),
    "exposure": (None, "dataset"),
    "chip": (None, "EXTVER of the SCI extension"),
    "star": (None, "number of the star in its group"),
    "ra": ("deg", "right ascension (ICRS) of the star's one centre"),
    "dec": ("deg", "declination (ICRS) of the star's one centre"),
    "x": ("pix", "column of the centre on the chip, from 0"),
    "y": ("pix", "row of the centre on the chip, from 0"),
    "mag": ("mag", "AB magnitude, median of the star's clean fluxes"),
    "area": ("pix2", "isophotal area of the star"),
    "radius": ("pix", "radius of the aperture, the same in all exposures"),
    "flux_original": ("electron", "flux in the calibrated image"),
    "flux_clean": ("electron", "flux with labelled pixels replaced by the blotted median"),
    "flux_inpaint": ("electron", "flux with pixels that deepCR flags replaced by deepCR-inpaint"),
    "flux_masked": (
        "electron",
        "flux without pixels that deepCR flags, scaled by the lost area; NaN if all are lost",
    ),
    "flux_scene": ("electron", "flux in the noiseless image; NaN where it is not known"),
    "flux_crfree": (
        "electron",
        "flux in a simulated exposure without cosmic rays; NaN where there is none",
    ),
    "sigma": ("electron", "error of flux_clean: background and Poisson noise"),
    "cr_true": ("electron", "true cosmic-ray charge in the aperture; NaN where it is not known"),
    "label_px": ("pix2", "area of the aperture that the reference labels"),
    "flagged_px": ("pix2", "area of the aperture that deepCR flags"),
    "excluded_px": ("pix2", "area of the aperture that does not count"),
    "used": (
        None,
        "whether the central pixel and enough of the aperture count, and flux_clean is positive",
    ),
}


def aperture_sum(
    image: NDArray[np.floating],
    counted: NDArray[np.bool_],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    radius: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Sum an image over circles with exact overlap.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Image.
    counted : ndarray of bool, shape (ny, nx)
        Pixels that count; others add nothing.
    x, y, radius : ndarray, shape (n,)
        Centres (columns and rows, from 0) and radii, px.

    Returns
    -------
    ndarray, shape (n,)
    """
    data = np.where(counted, image, 0).astype(np.float32)
    return sep.sum_circle(data, x, y, radius, subpix=EXACT)[0]


def clean_flux(
    clean: NDArray[np.floating],
    counted: NDArray[np.bool_],
    sky: Sky,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    radius: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the fluxes of stars and their errors on a clean image.

    Parameters
    ----------
    clean : ndarray, shape (ny, nx)
        Clean image, e-.
    counted : ndarray of bool, shape (ny, nx)
        Pixels that count; others add nothing.
    sky : Sky
        Background of the image.
    x, y, radius : ndarray, shape (n,)
        Apertures, px.

    Returns
    -------
    flux, sigma : ndarray, shape (n,)
        Electrons; sigma = sqrt(sum of background variance + flux / gain).
    """
    data = np.where(counted, clean - sky.level, 0).astype(np.float32)
    noise = np.where(counted, sky.rms, 0).astype(np.float32)
    flux, sigma, _ = sep.sum_circle(data, x, y, radius, err=noise, gain=GAIN, subpix=EXACT)
    return flux, sigma


def usable(
    counted: NDArray[np.bool_],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    radius: NDArray[np.floating],
    max_excluded: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Tell how much of each aperture does not count, and whether the rest can be used.

    Parameters
    ----------
    counted : ndarray of bool, shape (ny, nx)
        Pixels that count.
    x, y, radius : ndarray, shape (n,)
        Apertures, px; centres lie on the image.
    max_excluded : float
        Largest part of a usable aperture that does not count.

    Returns
    -------
    excluded_px : ndarray, shape (n,)
        Area that does not count or lies beyond the edge, px2.
    usable : ndarray of bool, shape (n,)
        Whether that is little enough and the central pixel counts.
    """
    area = np.pi * radius**2
    excluded = area - aperture_sum(counted, counted, x, y, radius)
    # Rounding in single precision.
    excluded[excluded < 1e-5 * area] = 0
    centre = counted[np.rint(y).astype(int), np.rint(x).astype(int)]
    return excluded, (excluded <= max_excluded * area) & centre


def measure_chip(
    chip: ChipProducts, stars: Table, seeds: Sequence[int], settings: Mapping[str, float]
) -> Table:
    """Measure the stars that lie on a chip, on all of its images.

    Parameters
    ----------
    chip : ChipProducts
        With probability and inpainted image.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    seeds : sequence of int
        Seed of the study, numbers of group, exposure and chip.
    settings : mapping
        threshold (of deepCR-mask), background_box_px, edge_fraction and max_excluded (largest
        part of a usable aperture that does not count).

    Returns
    -------
    Table
        The columns of `COLUMNS` but for group and mag, and zero_point, the AB magnitude of 1 e-.

    Notes
    -----
    The background of the clean image is taken from all images alike, so that they differ by
    cosmic rays alone. A pixel that does not count is left out of every flux.
    """
    positions = SkyCoord(stars["ra"], stars["dec"], unit="deg")
    inside, x, y = on_chip(chip.wcs, positions, chip.original.shape, settings["edge_fraction"])
    table = stars["star", "ra", "dec", "area", "radius"][inside]
    table.meta.clear()
    table["x"], table["y"] = x[inside], y[inside]
    circles = tuple(np.asarray(table[name]) for name in ("x", "y", "radius"))
    where = chip.counted, *circles
    sky = measure_sky(chip.clean, chip.counted, int(settings["background_box_px"]))
    table["flux_clean"], table["sigma"] = clean_flux(chip.clean, chip.counted, sky, *circles)
    images = {"original": chip.original, "inpaint": chip.inpaint} | _simulated(chip, seeds)
    for name, image in images.items():
        table[f"flux_{name}"] = aperture_sum(image - sky.level, *where)
    table["cr_true"] = aperture_sum(chip.truth.cr, *where) if chip.truth else np.nan
    flagged = chip.probability > settings["threshold"]
    for name, mask in (("label", chip.label), ("flagged", flagged)):
        table[f"{name}_px"] = aperture_sum(mask, *where)
    table["excluded_px"], whole = usable(chip.counted, *circles, settings["max_excluded"])
    table["flux_masked"] = _masked_flux(chip.original - sky.level, chip.counted & ~flagged, table)
    table["used"] = whole & (table["flux_clean"] > 0)
    table["exposure"], table["chip"] = chip.exposure, chip.extver
    table["zero_point"] = zero_point_mag(chip.header) + 2.5 * np.log10(chip.exptime_s)
    return table


def _simulated(chip: ChipProducts, seeds: Sequence[int]) -> dict[str, NDArray]:
    """Return the images that only a simulation has; NaN without one."""
    if chip.truth is None:
        unknown = np.full(chip.original.shape, np.nan, np.float32)
        return {"scene": unknown, "crfree": unknown}
    rng = np.random.default_rng([CONTROL_STREAM, *seeds])
    truth = chip.truth
    crfree = without_cosmic_rays(rng, truth.scene, truth.dark_e, truth.read_noise_e)
    return {"scene": truth.scene, "crfree": crfree}


def _masked_flux(image: NDArray, kept: NDArray[np.bool_], table: Table) -> NDArray[np.float64]:
    """Sum the kept pixels, scaled to the area that counts; NaN where none is kept."""
    circles = tuple(np.asarray(table[name]) for name in ("x", "y", "radius"))
    left = aperture_sum(kept, kept, *circles)
    flux = np.full(len(table), np.nan)
    area = np.pi * circles[2] ** 2 - table["excluded_px"]
    return np.divide(aperture_sum(image, kept, *circles) * area, left, out=flux, where=left > 0)


def photometry_table(parts: Sequence[Table], group: str, meta: Mapping[str, object]) -> Table:
    """Stack the measurements of a group.

    Parameters
    ----------
    parts : sequence of Table
        Of `measure_chip`, for every chip of every exposure.
    group : str
        Name of the group.
    meta : mapping
        Metadata to keep.

    Returns
    -------
    Table
        The columns of `COLUMNS` with their units and meanings; a row per star and exposure.
    """
    table = vstack(list(parts), metadata_conflicts="silent")
    table["group"] = np.full(len(table), group)
    table["mag"] = _magnitudes(table)
    table = table[tuple(COLUMNS)]
    for name, (unit, meaning) in COLUMNS.items():
        table[name].unit = unit
        table[name].description = meaning
    table.meta = dict(meta)
    return table


def _magnitudes(table: Table) -> NDArray[np.float64]:
    """Return one magnitude per star, that of its median flux over its used exposures."""
    magnitudes = np.full(len(table), np.nan)
    star = np.asarray(table["star"])
    flux = np.where(table["used"], table["flux_clean"], np.nan)
    single = np.asarray(table["zero_point"] - 2.5 * np.log10(flux))
    order = np.argsort(star, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(star[order])) + 1):
        if np.isfinite(single[rows]).any():
            magnitudes[rows] = np.nanmedian(single[rows])
    return magnitudes


def zero_point_mag(header: fits.Header) -> float:
    """Return the AB magnitude of 1 e-/s from PHOTFLAM and PHOTPLAM of a SCI header.

    Parameters
    ----------
    header : Header
        SCI header; PHOTFLAM in erg/cm2/Angstrom/electron, PHOTPLAM in Angstrom.

    Returns
    -------
    float
        -2.5 log10 PHOTFLAM - 5 log10 PHOTPLAM - 2.408 (ACS Data Handbook, section 5.1).
    """
    return -2.5 * np.log10(header["PHOTFLAM"]) - 5 * np.log10(header["PHOTPLAM"]) - 2.408


def without_cosmic_rays(
    rng: Generator, scene_e: NDArray[np.floating], dark_e: float, read_noise_e: float
) -> NDArray[np.float32]:
    """Simulate the exposure of a noiseless image that no cosmic ray hit.

    Parameters
    ----------
    rng : numpy Generator
        Noise.
    scene_e : ndarray, shape (ny, nx)
        Noiseless sky and sources, e-.
    dark_e, read_noise_e : float
        Dark charge, which is subtracted, and read noise, e-.

    Returns
    -------
    ndarray, shape (ny, nx), float32
    """
    noise = rng.normal(0, read_noise_e, scene_e.shape)
    return (rng.poisson(scene_e + dark_e) + noise - dark_e).astype(np.float32)
