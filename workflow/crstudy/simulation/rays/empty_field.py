"""Background, noise and source-free pixels of dithered exposures of a nearly empty field."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy import ndimage

from crstudy.core.errors import StudyError
from crstudy.data.background import measure_sky
from crstudy.data.exposure import Exposure, read_exposure, read_noise
from crstudy.instrument.dq import COSMIC_RAY_FLAGS, Dq
from crstudy.instrument.wcs import read_wcs
from crstudy.simulation.rays.events import label_events

#: Hot pixels (above 54 e-/h in WFC3/UVIS) add a few e- to an exposure of minutes, which the dark
#: subtracts; those that do more stand out in the median of the other exposures.
HARMLESS = COSMIC_RAY_FLAGS | Dq.HOT
#: Exposures in a median, and how far a pixel of it must stand out to be masked, sigma.
LEAST_OTHERS = 3
MASK_SIGMA = 4.0
#: Smoothing that finds faint extended light in the median, px.
SMOOTHING_PX = 1.5
#: Mesh of the background, px; what is left out of it and of its noise: sigma, and px around rays.
BOX_PX, CLIP_SIGMA, WINGS_PX = 64, 4.5, 3
#: Less bare sky than this fraction of a chip is no empty field.
LEAST_SKY = 0.5


class BareSky(NamedTuple):
    """An exposure of an empty field.

    Attributes
    ----------
    name : str
        Rootname.
    header : fits.Header
        Primary header.
    image_e, background_e, sigma_e : ndarray, shape (ny, nx)
        Image, background, and its noise, e-: photons and read noise, scaled to the scatter seen.
    valid : ndarray of bool, shape (ny, nx)
        Pixels of bare sky.
    scene_e : ndarray, shape (ny, nx)
        Median of the other exposures on this one's pixels, minus their sky, e-; NaN where fewer
        than three of them are.
    """

    name: str
    header: fits.Header
    image_e: NDArray[np.float64]
    background_e: NDArray[np.float64]
    sigma_e: NDArray[np.float64]
    valid: NDArray[np.bool_]
    scene_e: NDArray[np.float64]


def read_empty_field(paths: Sequence[str | Path]) -> Iterator[BareSky]:
    """Read dithered exposures of a nearly empty field.

    Pixels are bare sky where the DQ is good and the median of the other exposures shows nothing:
    as pixels lie on the detector (hot pixels), on the sky (sources) and, if the telescope followed
    a moving target, on that.

    Parameters
    ----------
    paths : sequence of path-like
        Calibrated exposures of one chip, at least four.

    Yields
    ------
    BareSky

    Raises
    ------
    StudyError
        Fewer than four exposures, their shapes differ, or one has hardly any bare sky.
    """
    if len(paths) <= LEAST_OTHERS:
        raise StudyError(
            "empty field", f"{len(paths)} exposures", f"give more than {LEAST_OTHERS} of one field"
        )
    exposures = [read_exposure(path) for path in sorted(paths)]
    chips = [exposure.chips[0] for exposure in exposures]
    if len({chip.sci.shape for chip in chips}) > 1:
        raise StudyError("empty field", "exposures of different shapes", "give those of one mode")
    good = np.array([(chip.dq & ~int(HARMLESS)) == 0 for chip in chips])
    images = np.array([chip.sci for chip in chips], dtype=float)
    skies = [np.median(image[mask]) for image, mask in zip(images, good, strict=True)]
    residuals = np.where(good, images - np.reshape(skies, (-1, 1, 1)), np.nan)
    frames = _frames(sorted(paths), exposures)
    for i, exposure in enumerate(exposures):
        medians = [_median_of_others(residuals, i, frame) for frame in frames]
        valid = good[i] & ~_stands_out(medians[0], 0)
        for median in medians[1:]:
            valid &= ~_stands_out(median, SMOOTHING_PX)
        noise_e = np.hypot(np.sqrt(max(skies[i], 0)), read_noise(exposure.header))
        bare = valid & (abs(images[i] - skies[i]) < CLIP_SIGMA * noise_e)
        if bare.mean() < LEAST_SKY:
            problem = f"only {100 * bare.mean():.0f} % of its pixels are bare sky"
            raise StudyError(exposure.name, problem, "use exposures of a nearly empty field")
        level, sigma = _level_and_noise(images[i], valid, bare, read_noise(exposure.header))
        yield BareSky(exposure.name, exposure.header, images[i], level, sigma, valid, medians[1])


def _level_and_noise(image, valid, bare, read_noise_e):
    """Measure the background and scale its noise by the scatter of pixels without rays, e-."""
    level = measure_sky(image, bare, BOX_PX).level.astype(float)
    sigma = np.sqrt(np.maximum(level, 0) + read_noise_e**2)
    excess = (image - level) / sigma
    near_rays = ndimage.maximum_filter(label_events(excess, 1.0, valid), size=2 * WINGS_PX + 1) > 0
    # The values are steps of the gain, so that percentiles would jump.
    scatter = excess[valid & ~near_rays & (abs(excess) < CLIP_SIGMA)]
    return level + scatter.mean() * sigma, scatter.std() * sigma


def _frames(
    paths: Sequence[str | Path], exposures: Sequence[Exposure]
) -> list[NDArray[np.float64]]:
    """Return where a point fixed on detector, sky and moving target lies (y, x) per exposure."""
    shape = exposures[0].chips[0].sci.shape
    solutions = [next(iter(read_wcs(path).values())) for path in paths]
    middle = solutions[0].all_pix2world([[shape[1] / 2, shape[0] / 2]], 0)
    frames = [np.zeros((len(paths), 2))]
    frames.append(np.array([wcs.all_world2pix(middle, 0)[0, ::-1] for wcs in solutions]))
    headers = [exposure.header for exposure in exposures]
    if all(header.get("MTFLAG") == "T" for header in headers):
        targets = [[[header["RA_TARG"], header["DEC_TARG"]]] for header in headers]
        pairs = zip(solutions, targets, strict=True)
        frames.append(np.array([wcs.all_world2pix(target, 0)[0, ::-1] for wcs, target in pairs]))
    return frames


def _median_of_others(
    residuals: NDArray[np.float64], i: int, frame: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Median of all but exposure `i`, on its pixels; NaN where fewer than three are."""
    others = np.array(
        [
            ndimage.shift(residuals[k], frame[i] - frame[k], order=1, cval=np.nan)
            for k in range(len(residuals))
            if k != i
        ]
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        median = np.nanmedian(others, axis=0)
    return np.where(np.isfinite(others).sum(axis=0) < LEAST_OTHERS, np.nan, median)


def _stands_out(median: NDArray[np.float64], smoothing_px: float) -> NDArray[np.bool_]:
    """Tell where a median differs from an empty sky, or is unknown."""
    unknown = np.isnan(median)
    smooth = ndimage.gaussian_filter(np.where(unknown, 0, median), smoothing_px)
    low, middle, high = np.percentile(smooth[~unknown], [15.87, 50, 84.13])
    return unknown | (abs(smooth - middle) > MASK_SIGMA * (high - low) / 2)
