"""Aperture photometry of stars, and its flux error (paper section 3.2)."""

from collections.abc import Mapping, Sequence

import numpy as np
import sep
from astropy.coordinates import SkyCoord
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.data.background import Sky, measure_sky
from crstudy.data.chips import ChipProducts
from crstudy.instrument.wcs import on_chip

#: Electrons per count: calibrated images are in electrons.
GAIN = 1.0
#: Exact overlap of pixels and circle.
EXACT = 0


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
    aperture, with a gain of 1: the error that SEP (Barbary 2016) computes. Lin et al. 2023 do not
    define theirs.

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
        used, as in `crstudy.photometry.forced.COLUMNS`.
    """
    table, circles = stars.copy(), aperture_circles(stars)
    table["flux_clean"], table["sigma"] = flux_and_error(clean, valid, sky, *circles)
    for name, image in images.items():
        table[f"flux_{name}"] = aperture_sum(image - sky.level, valid, *circles)
    table["excluded_px"], usable = usable_apertures(valid, *circles, max_excluded)
    table["used"] = usable & (table["flux_clean"] > 0)
    return table


def aperture_circles(stars: Table) -> tuple[NDArray, NDArray, NDArray]:
    """Return columns, rows and radii of the stars' apertures, px."""
    x, y, radius = (np.asarray(stars[name]) for name in ("x", "y", "radius"))
    return x, y, radius


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
        background_box_px, edge_fraction and max_excluded, as for
        `crstudy.photometry.forced.measure_chip`.

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
    table["charge"] = aperture_sum(charge, chip.valid, *aperture_circles(table))
    used = table[table["used"]]
    once = ("star", "flux_clean", "sigma", "charge", *(f"flux_{name}" for name in scene))
    versions = Table({name: np.tile(np.asarray(used[name]), len(images)) for name in once})
    versions["flux"] = np.concatenate([used[f"flux_{number}"] for number in numbered])
    versions["version"] = np.repeat(np.arange(len(images)), len(used))
    return versions
