"""Fluxes, centres, sizes and ellipticities of the true stars of a CSST exposure, with its PSF."""

from collections.abc import Mapping
from typing import Any

import galsim
import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.csst.star_fluxes import measure_tile
from crstudy.data.background import measure_sky
from crstudy.data.chips import ChipProducts
from crstudy.instrument.csst_psf import effective_psf
from crstudy.metrics.pooling import ratio
from crstudy.photometry.aperture import stars_on_chip

#: Fits and moments use the pixels this far from the central one: the PSF has a sigma of 1 px.
STAMP_PX = 5
PSF_SIGMA_PX = 1.0
#: Numbers of `_moments`.
MOMENTS = ("x", "y", "sigma", "e1", "e2")
#: Columns of `measure_profiles`, after those that say which star and image.
PROFILES = ("psf_flux", "psf_flux_clean", "psf_sigma", "dx_mas", "dy_mas", "size_change")
PROFILES += ("e1_change", "e2_change")


def measure_stars(
    chip: ChipProducts,
    stars: Table,
    images: Mapping[tuple[str, str], NDArray[np.float32]],
    settings: Mapping[str, float],
    csst: Mapping[str, Any],
) -> Table:
    """Measure the stars of an exposure in apertures, with the PSF and by their moments.

    Parameters
    ----------
    chip, stars, images, settings
        As for `crstudy.csst.star_fluxes.measure_tile`; stars of
        `crstudy.csst.star_fluxes.find_true_stars`.
    csst : mapping
        The configuration section ``csst``: PSF and pixel scale.

    Returns
    -------
    Table
        Columns of `measure_tile` and of `measure_profiles`.
    """
    table = measure_tile(chip, stars, images, settings)
    profiles = measure_profiles(chip, stars, images, settings, csst)
    # In the order of images, then stars, both; apertures may leave out stars.
    profiles = profiles[np.isin(profiles["star"], table["star"])]
    for name in ("mag", *PROFILES, "moments"):
        table[name] = profiles[name]
    return table


def measure_profiles(
    chip: ChipProducts,
    stars: Table,
    images: Mapping[tuple[str, str], NDArray[np.float32]],
    settings: Mapping[str, float],
    csst: Mapping[str, Any],
) -> Table:
    """Fit the PSF to the stars of an exposure, and measure their adaptive moments.

    Parameters
    ----------
    chip, stars, images, settings, csst
        As for `measure_stars`.

    Returns
    -------
    Table
        A row per image and star: star, mag (true AB magnitude); psf_flux,
        psf_flux_clean (on the clean image) and psf_sigma (its error), e-; moments, whether those
        on the clean image could be measured; and, image minus clean image: dx_mas and dy_mas, the
        centre; size_change, relative to the clean size; e1_change and e2_change, the ellipticity
        (a^2 - b^2) / (a^2 + b^2). Changes are NaN where moments cannot be measured.

    Notes
    -----
    The PSF is the one that drew the stars, at their true positions, and weights are the inverse
    of the true variance: errors of a survey's own PSF model are not part of the comparison. Moments
    are weighted with the Gaussian that fits best (Hirata & Seljak 2003, MNRAS 343, 459).
    """
    here = stars_on_chip(chip, stars, settings["edge_fraction"])
    x, y = chip.wcs.all_world2pix(here["true_ra"], here["true_dec"], 0)
    sky = measure_sky(chip.clean, chip.valid, int(settings["background_box_px"]))
    where, inside = _stamps(x, y, chip.valid.shape)
    used = inside & chip.valid[where]
    weight = np.where(used, 1 / chip.truth.noise_e[where] ** 2, 0)
    psf = _draw(effective_psf(csst), x, y)
    clean = (chip.clean - sky.level)[where]
    known = np.array([_moments(*pair) for pair in zip(clean, used, strict=True)]).reshape(-1, 5)
    scale_mas = 1000 * csst["pixel_scale_arcsec"]
    parts = []
    for image in images.values():
        part = here["star", "mag"]
        stamps = (image - sky.level)[where]
        flux, sigma = fit_flux(stamps, weight, psf)
        numbers = _changes(known, stamps, clean, used, scale_mas)
        values = (flux, fit_flux(clean, weight, psf)[0], sigma, *numbers.T)
        for name, column in zip(PROFILES, values, strict=True):
            part[name] = column.astype(np.float32)
        part["moments"] = np.isfinite(known[:, 0])
        parts.append(part)
    return vstack(parts, metadata_conflicts="silent")


def fit_flux(
    stamps: NDArray[np.floating], weight: NDArray[np.floating], psf: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the flux of stars of known position, by weighted least squares.

    Parameters
    ----------
    stamps, weight, psf : ndarray, shape (n, side, side)
        Images less sky, e-; inverse variances, zero for pixels that are not used; and the PSF, of
        unit flux.

    Returns
    -------
    flux, sigma : ndarray, shape (n,)
        Flux and its error, e-; NaN without a pixel.

    Examples
    --------
    >>> psf = np.array([[[0.2, 0.6, 0.2]]])
    >>> flux, sigma = fit_flux(100 * psf, np.full(psf.shape, 0.01), psf)
    >>> round(float(flux[0]), 6), round(float(sigma[0]), 2)
    (100.0, 15.08)
    """
    total = (weight * psf**2).sum(axis=(1, 2))
    return ratio((weight * psf * stamps).sum(axis=(1, 2)), total), np.sqrt(ratio(1, total))


def _stamps(
    x: NDArray, y: NDArray, shape: tuple[int, int]
) -> tuple[tuple[NDArray, NDArray], NDArray[np.bool_]]:
    """Return rows and columns of the pixels around stars, and which of them lie on the image."""
    steps = np.arange(-STAMP_PX, STAMP_PX + 1)
    rows = np.rint(y).astype(int)[:, np.newaxis, np.newaxis] + steps[:, np.newaxis]
    columns = np.rint(x).astype(int)[:, np.newaxis, np.newaxis] + steps
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return (np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1)), inside


def _draw(psf: galsim.GSObject, x: NDArray, y: NDArray) -> NDArray[np.float32]:
    """Draw the PSF of stars on their stamps."""
    side = 2 * STAMP_PX + 1
    stamp = {"nx": side, "ny": side, "scale": 1, "method": "no_pixel"}
    offsets = zip(x - np.rint(x), y - np.rint(y), strict=True)
    drawn = [psf.drawImage(offset=offset, **stamp).array for offset in offsets]
    return np.array(drawn).reshape(-1, side, side)


def _moments(stamp: NDArray[np.floating], used: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return `MOMENTS`: centre and size, px, and ellipticity; NaN where they cannot be measured."""
    image = galsim.Image(np.ascontiguousarray(stamp, dtype=np.float64))
    guess = {"guess_sig": PSF_SIGMA_PX, "guess_centroid": image.true_center, "strict": False}
    found = galsim.hsm.FindAdaptiveMom(image, weight=galsim.Image(used.astype(np.int32)), **guess)
    # A hole has moments, too.
    if found.moments_status != 0 or found.moments_amp <= 0:
        return (np.nan,) * len(MOMENTS)
    shape, centre = found.observed_shape, found.moments_centroid
    return centre.x, centre.y, found.moments_sigma, shape.e1, shape.e2


def _changes(
    known: NDArray[np.float64],
    stamps: NDArray[np.floating],
    clean: NDArray[np.floating],
    used: NDArray[np.bool_],
    scale_mas: float,
) -> NDArray[np.float64]:
    """Return how the moments differ from the known ones of the clean stamps, shape (n, 5)."""
    found = known.copy()
    for i in np.flatnonzero(((stamps != clean) & used).any(axis=(1, 2))):
        found[i] = _moments(stamps[i], used[i])
    changes = found - known
    changes[:, :2] *= scale_mas
    changes[:, 2] /= known[:, 2]
    return changes
