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
from crstudy.data.chips import ChipProducts
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
    valid: NDArray[np.bool_],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    radius: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Sum an image over circles with exact overlap.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Image.
    valid : ndarray of bool, shape (ny, nx)
        Pixels that are summed.
    x, y, radius : ndarray, shape (n,)
        Centres (columns and rows, from 0) and radii, px.

    Returns
    -------
    ndarray, shape (n,)
    """
    data = np.where(valid, image, 0).astype(np.float32)
    return sep.sum_circle(data, x, y, radius, subpix=EXACT)[0]


def flux_and_error(
    image: NDArray[np.floating],
    valid: NDArray[np.bool_],
    sky: Sky,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    radius: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the fluxes of stars and the flux errors, sigma_F, of the study.

    sigma_F = sqrt(sum of background variance + F / gain), summed over the valid pixels of the
    aperture: the noise of SEP (Barbary 2016) and SExtractor, which Lin et al. 2023 use.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Image, e-; for the error of a star its clean image.
    valid : ndarray of bool, shape (ny, nx)
        Pixels that are summed.
    sky : Sky
        Background of the image; its local RMS squared is the background variance.
    x, y, radius : ndarray, shape (n,)
        Apertures, px.

    Returns
    -------
    flux, sigma : ndarray, shape (n,)
        Flux and its error, e-; no Poisson noise is added to a negative flux.

    Examples
    --------
    A star of 900 e- on a sky of 25 e-/px, whose noise is 5 e-/px, in an aperture of 28.3 px2:

    >>> image, sky = np.full((21, 21), 25.0), np.full((21, 21), 25.0)
    >>> image[9:12, 9:12] += 100
    >>> noise = np.full((21, 21), 5.0)
    >>> place = np.array([10.0]), np.array([10.0]), np.array([3.0])
    >>> flux, sigma = flux_and_error(image, np.ones((21, 21), bool), Sky(sky, noise, 5.0), *place)
    >>> round(float(flux[0]), 1), round(float(sigma[0]), 1)
    (900.0, 40.1)
    """
    data = np.where(valid, image - sky.level, 0).astype(np.float32)
    noise = np.where(valid, sky.rms, 0).astype(np.float32)
    flux, sigma, _ = sep.sum_circle(data, x, y, radius, err=noise, gain=GAIN, subpix=EXACT)
    return flux, sigma


def usable_apertures(
    valid: NDArray[np.bool_],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    radius: NDArray[np.floating],
    max_excluded: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Measure the excluded area of each aperture, and tell whether the rest can be used.

    Parameters
    ----------
    valid : ndarray of bool, shape (ny, nx)
        Valid pixels.
    x, y, radius : ndarray, shape (n,)
        Apertures, px; centres lie on the image.
    max_excluded : float
        Largest excluded fraction of a usable aperture.

    Returns
    -------
    excluded_px : ndarray, shape (n,)
        Area of invalid pixels or beyond the edge, px2.
    usable : ndarray of bool, shape (n,)
        Whether that is little enough and the central pixel is valid.
    """
    area = np.pi * radius**2
    excluded = area - aperture_sum(valid, valid, x, y, radius)
    # Rounding in single precision.
    excluded[excluded < 1e-5 * area] = 0
    centre = valid[np.rint(y).astype(int), np.rint(x).astype(int)]
    return excluded, (excluded <= max_excluded * area) & centre


def stars_on_chip(chip: ChipProducts, stars: Table, edge_fraction: float) -> Table:
    """Select the stars that lie on a chip and place their apertures.

    Parameters
    ----------
    chip : ChipProducts
        Chip.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    edge_fraction : float
        Stars closer to an edge are left out; a fraction of the shorter side.

    Returns
    -------
    Table
        Rows of `stars` with x and y on the chip, px.
    """
    positions = SkyCoord(stars["ra"], stars["dec"], unit="deg")
    inside, x, y = on_chip(chip.wcs, positions, chip.original.shape, edge_fraction)
    table = stars[inside]
    table.meta.clear()
    table["x"], table["y"] = x[inside], y[inside]
    return table


def measure_apertures(
    stars: Table,
    clean: NDArray[np.floating],
    images: Mapping[str, NDArray[np.floating]],
    valid: NDArray[np.bool_],
    sky: Sky,
    max_excluded: float,
) -> Table:
    """Measure stars in fixed apertures on a chip's clean image and on other versions of it.

    Parameters
    ----------
    stars : Table
        Of `stars_on_chip`.
    clean : ndarray, shape (ny, nx)
        Image that sets the flux error, e-.
    images : mapping of str to ndarray, shape (ny, nx)
        Other images, e-, by name.
    valid : ndarray of bool, shape (ny, nx)
        Valid pixels; the others are left out of every flux.
    sky : Sky
        Background of the clean image, subtracted from all images, so that their fluxes differ by
        cosmic rays and their removal alone.
    max_excluded : float
        Largest excluded fraction of a usable aperture.

    Returns
    -------
    Table
        `stars` with flux_clean, sigma (its error), flux_<name> of each image, excluded_px and
        used, as in `COLUMNS`.
    """
    table, circles = stars.copy(), _circles(stars)
    table["flux_clean"], table["sigma"] = flux_and_error(clean, valid, sky, *circles)
    for name, image in images.items():
        table[f"flux_{name}"] = aperture_sum(image - sky.level, valid, *circles)
    table["excluded_px"], usable = usable_apertures(valid, *circles, max_excluded)
    table["used"] = usable & (table["flux_clean"] > 0)
    return table


def _circles(stars: Table) -> tuple[NDArray, NDArray, NDArray]:
    """Return columns, rows and radii of the stars' apertures, px."""
    x, y, radius = (np.asarray(stars[name]) for name in ("x", "y", "radius"))
    return x, y, radius


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
        excluded fraction of a usable aperture).

    Returns
    -------
    Table
        The columns of `COLUMNS` but for group and mag, and zero_point, the AB magnitude of 1 e-.
    """
    here = stars_on_chip(chip, stars, settings["edge_fraction"])
    sky = measure_sky(chip.clean, chip.valid, int(settings["background_box_px"]))
    images = {"original": chip.original, "inpaint": chip.inpaint} | _simulated(chip, seeds)
    table = measure_apertures(here, chip.clean, images, chip.valid, sky, settings["max_excluded"])
    where = chip.valid, *_circles(table)
    table["cr_true"] = aperture_sum(chip.truth.cr, *where) if chip.truth else np.nan
    flagged = chip.probability > settings["threshold"]
    for name, mask in (("label", chip.label), ("flagged", flagged)):
        table[f"{name}_px"] = aperture_sum(mask, *where)
    table["flux_masked"] = _masked_flux(chip.original - sky.level, chip.valid & ~flagged, table)
    table["exposure"], table["chip"] = chip.exposure, chip.extver
    table["zero_point"] = zero_point_mag(chip.header) + 2.5 * np.log10(chip.exptime_s)
    return table


def measure_versions(
    chip: ChipProducts,
    stars: Table,
    clean: NDArray[np.floating],
    images: Sequence[NDArray[np.floating]],
    settings: Mapping[str, float],
) -> Table:
    """Measure the stars of a chip on versions of its image, a row per version and usable star.

    Parameters
    ----------
    chip : ChipProducts
        With its truth, if it is simulated.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    clean : ndarray, shape (ny, nx)
        The image without cosmic rays, e-.
    images : sequence of ndarray, shape (ny, nx)
        Its versions, e-.
    settings : mapping
        background_box_px, edge_fraction and max_excluded, as for `measure_chip`.

    Returns
    -------
    Table
        version (number of the image, from 0), star, and e-: flux, flux_clean, flux_scene (of the
        noiseless image, if it is known), sigma (of flux_clean), charge (of cosmic rays in the
        aperture: true, or by the reference).
    """
    here = stars_on_chip(chip, stars, settings["edge_fraction"])
    sky = measure_sky(clean, chip.valid, int(settings["background_box_px"]))
    numbered = {str(number): image for number, image in enumerate(images)}
    scene = {"scene": chip.truth.scene} if chip.truth else {}
    table = measure_apertures(
        here, clean, numbered | scene, chip.valid, sky, settings["max_excluded"]
    )
    charge = chip.truth.cr if chip.truth else chip.cr_charge
    table["charge"] = aperture_sum(charge, chip.valid, *_circles(table))
    used = table[table["used"]]
    once = ("star", "flux_clean", "sigma", "charge", *(f"flux_{name}" for name in scene))
    versions = Table({name: np.tile(np.asarray(used[name]), len(images)) for name in once})
    versions["flux"] = np.concatenate([used[f"flux_{number}"] for number in numbered])
    versions["version"] = np.repeat(np.arange(len(images)), len(used))
    return versions


def _simulated(chip: ChipProducts, seeds: Sequence[int]) -> dict[str, NDArray]:
    """Return the images that only a simulation has; NaN for real data."""
    if chip.truth is None:
        unknown = np.full(chip.original.shape, np.nan, np.float32)
        return {"scene": unknown, "crfree": unknown}
    rng = np.random.default_rng([CONTROL_STREAM, *seeds])
    truth = chip.truth
    crfree = without_cosmic_rays(rng, truth.scene, truth.dark_e, truth.read_noise_e)
    return {"scene": truth.scene, "crfree": crfree}


def _masked_flux(image: NDArray, kept: NDArray[np.bool_], table: Table) -> NDArray[np.float64]:
    """Sum the kept pixels, scaled to the valid area; NaN where none is kept."""
    circles = _circles(table)
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
