"""Photometry table of a group: its stars in every exposure, on every image (paper section 3.2)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack
from numpy.random import Generator
from numpy.typing import NDArray

from crstudy.data.background import measure_sky
from crstudy.data.chips import ChipProducts
from crstudy.photometry.aperture import (
    aperture_circles,
    aperture_sum,
    measure_apertures,
    stars_on_chip,
)

#: Draws a star at a column and row, from 0: the fraction of its light per pixel of an odd square
#: around the pixel next to its centre.
StarImage = Callable[[float, float], NDArray[np.floating]]
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
        "flux without pixels that deepCR flags, scaled by the light that the PSF puts into them; "
        "NaN if all are lost",
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
    "excluded_px": ("pix2", "area of the aperture in pixels that are not valid"),
    "used": (
        None,
        "whether the central pixel and enough of the aperture are valid, and flux_clean positive",
    ),
}


def measure_chip(
    chip: ChipProducts,
    stars: Table,
    seeds: Sequence[int],
    settings: Mapping[str, float],
    star: StarImage | None = None,
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
        excluded fraction of a usable aperture).
    star : callable, optional
        See `StarImage`; without it flux_masked is NaN.

    Returns
    -------
    Table
        The columns of `COLUMNS` but for group and mag, and zero_point, the AB magnitude of 1 e-.
    """
    here = stars_on_chip(chip, stars, settings["edge_fraction"])
    sky = measure_sky(chip.clean, chip.valid, int(settings["background_box_px"]))
    images = {"original": chip.original, "inpaint": chip.inpaint} | _simulated(chip, seeds)
    table = measure_apertures(here, chip.clean, images, chip.valid, sky, settings["max_excluded"])
    where = chip.valid, *aperture_circles(table)
    table["cr_true"] = aperture_sum(chip.truth.cr, *where) if chip.truth else np.nan
    flagged = chip.probability > settings["threshold"]
    for name, mask in (("label", chip.label), ("flagged", flagged)):
        table[f"{name}_px"] = aperture_sum(mask, *where)
    left = chip.original - sky.level, chip.valid, chip.valid & ~flagged
    table["flux_masked"] = masked_flux(*left, table, star) if star else np.nan
    table["exposure"], table["chip"] = chip.exposure, chip.extver
    table["zero_point"] = zero_point_mag(chip.header) + 2.5 * np.log10(chip.exptime_s)
    return table


def _simulated(chip: ChipProducts, seeds: Sequence[int]) -> dict[str, NDArray]:
    """Return the images that only a simulation has; NaN for real data."""
    if chip.truth is None:
        unknown = np.full(chip.original.shape, np.nan, np.float32)
        return {"scene": unknown, "crfree": unknown}
    rng = np.random.default_rng([CONTROL_STREAM, *seeds])
    truth = chip.truth
    crfree = without_cosmic_rays(rng, truth.scene, truth.dark_e, truth.read_noise_e)
    return {"scene": truth.scene, "crfree": crfree}


def masked_flux(
    image: NDArray, valid: NDArray[np.bool_], kept: NDArray[np.bool_], table: Table, star: StarImage
) -> NDArray[np.float64]:
    """Measure stars without some of the pixels of their apertures.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Image without its background, e-.
    valid, kept : ndarray of bool, shape (ny, nx)
        Pixels of the apertures, and those of them that are summed.
    table : Table
        x, y, radius, px, and flagged_px, the lost area.
    star : callable
        See `StarImage`.

    Returns
    -------
    ndarray, shape (len(table),)
        Sum of the kept pixels over the fraction of the star's light in the valid ones that falls
        on them, e-; NaN where none is kept.
    """
    circles = aperture_circles(table)
    flux = aperture_sum(image, kept, *circles)
    for i in np.flatnonzero(table["flagged_px"] > 0):
        x, y, radius = (one[i : i + 1] for one in circles)
        light = star(float(x[0]), float(y[0]))
        half = len(light) // 2
        corner = [int(np.floor(place[0] + 0.5)) - half for place in (y, x)]
        where = x - corner[1], y - corner[0], radius
        whole, left = (
            aperture_sum(light, _cut(mask, corner, len(light)), *where)[0] for mask in (valid, kept)
        )
        flux[i] *= whole / left if left > 0 else np.nan
    return flux


def _cut(mask: NDArray[np.bool_], corner: Sequence[int], side: int) -> NDArray[np.bool_]:
    """Return a square of a mask; False beyond its edge."""
    cut = np.zeros((side, side), bool)
    inside = [slice(max(c, 0), c + side) for c in corner]
    part = mask[tuple(inside)]
    first = [max(-c, 0) for c in corner]
    cut[first[0] : first[0] + part.shape[0], first[1] : first[1] + part.shape[1]] = part
    return cut


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
