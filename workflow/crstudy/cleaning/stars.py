"""Masks of one's own exposures refined on stars, as in the study."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.exposure import Exposure, observed_with, read_noise
from crstudy.data.good_pixels import good_pixels
from crstudy.data.view import View
from crstudy.instrument.epsf import PsfGrid, central_psf, load_psf
from crstudy.refinement.psf_fitting import sample_psf
from crstudy.refinement.refine import refine
from crstudy.refinement.settings import RESIDUALS, Setting, chosen_settings
from crstudy.refinement.star_model import fit_stars

#: Copies of resources/psf/acswfc_f606w_gaussians.ecsv and resources/remedy.ecsv.
DATA = Path(__file__).with_name("data")
PSF, SETTINGS = DATA / "psf.ecsv", DATA / "refinement.ecsv"
#: The only camera and filter whose PSF is here.
KNOWN = "ACS/WFC F606W"


def refine_masks(
    path: Path,
    exposure: Exposure | None,
    maps: Sequence[NDArray[np.float32]],
    threshold: float,
) -> Iterator[NDArray[np.bool_]]:
    """Refine the masks of an exposure by the residuals of fitted stars.

    Parameters
    ----------
    path : pathlib.Path
        The exposure, for messages.
    exposure : Exposure or None
        None if it is not one of HST.
    maps : sequence of ndarray, shape (ny, nx), float32
        Probabilities of its chips.
    threshold : float
        Probability above which a pixel is flagged.

    Yields
    ------
    ndarray of bool, shape (ny, nx)
        Mask of each chip.

    Raises
    ------
    StudyError
        The PSF of camera and filter is not known.
    """
    here = "no known camera" if exposure is None else observed_with(exposure.header)
    if exposure is None or not here.endswith(KNOWN):
        problem = f"is from {here}, --refine has the PSF of {KNOWN}"
        raise StudyError(path, problem, "leave --refine out")
    from crstudy.config.study import Study

    study = Study()
    grid, stamp, setting = _inputs()
    for chip, probability in zip(exposure.chips, maps, strict=True):
        good = good_pixels(chip.sci, chip.dq, **study.mask.model_dump())
        view = View(chip.sci, good, read_noise(exposure.header), stamp)
        psf, flagged = sample_psf(grid, chip.sci.shape, chip.extver), probability > threshold
        box_px = study.metrics.background_box_px
        model = fit_stars(view, flagged, psf, setting.model_error, box_px)
        yield refine(RESIDUALS, setting, probability, threshold, model)


@cache
def _inputs() -> tuple[PsfGrid, NDArray[np.float64], Setting]:
    """Read PSFs and the tuned parameters."""
    setting = chosen_settings(Table.read(SETTINGS))[RESIDUALS]
    return load_psf(PSF), central_psf(PSF), setting
