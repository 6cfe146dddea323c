"""Refine deepCR's masks on stars: by another threshold there, or by residuals from fitted stars."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_propagation

from crstudy.data.chips import ComparisonData
from crstudy.data.view import View
from crstudy.metrics.names import FULL
from crstudy.refinement.psf_fitting import SampledPsf
from crstudy.refinement.settings import NONE, RESIDUALS, THRESHOLD, Setting, trial_settings
from crstudy.refinement.star_model import STAR_RMS, StarModel, fit_stars

#: Pixels next to a cosmic ray belong to it above this fraction of the limit.
GROWTH = 0.5
#: Only stars with a peak above this multiple of the background noise are protected: the others
#: may be faint cosmic rays.
PROTECTED_RMS = 3 * STAR_RMS


def refine(
    kind: str,
    setting: Setting,
    probability: NDArray[np.floating],
    threshold: float,
    model: StarModel,
) -> NDArray[np.bool_]:
    """Refine deepCR's mask of a chip.

    Parameters
    ----------
    kind : str
        One of `crstudy.refinement.settings.REFINEMENTS`.
    setting : Setting
        Its parameters.
    probability : ndarray, shape (ny, nx)
        Of deepCR; NaN is never flagged by it.
    threshold : float
        Above which deepCR flags a pixel.
    model : StarModel
        Of the chip.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Outside `StarModel.tested` deepCR's unrefined mask.
    """
    flagged = probability > threshold
    if kind == THRESHOLD:
        return np.where(model.tested, probability > setting.star_threshold, flagged)
    if kind == RESIDUALS:
        found = _recover(flagged, model, setting.recover_sigma)
        return found & ~_protected(found, model, setting.protect_sigma)
    return flagged


def _recover(flagged: NDArray[np.bool_], model: StarModel, sigmas: float) -> NDArray[np.bool_]:
    """Add pixels that hold more light than their stars, and what is connected to them."""
    bright = model.tested & (model.residual > GROWTH * sigmas)
    seeds = bright & (flagged | (model.residual > sigmas))
    return flagged | binary_propagation(seeds, structure=np.ones((3, 3)), mask=bright)


def _protected(flagged: NDArray[np.bool_], model: StarModel, sigmas: float) -> NDArray[np.bool_]:
    """Mark the cores of flagged stars that the PSF alone explains, within 2 px of their centres.

    All residuals within a pixel of the centre are below this many sigmas, in absolute value.
    """
    kept = np.zeros(flagged.shape, bool)
    stars = model.stars[model.stars.peak > PROTECTED_RMS * model.sky_rms]
    for x, y in zip(np.rint(stars.x).astype(int), np.rint(stars.y).astype(int), strict=True):
        core = np.s_[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        if flagged[core].any() and (np.abs(model.residual[core]) < sigmas).all():
            kept[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = True
    return kept & model.tested


def try_settings(
    view: View,
    probability: NDArray[np.floating],
    threshold: float,
    psf: SampledPsf,
    data: ComparisonData,
    stars: NDArray[np.bool_],
    box_px: int,
) -> Iterator[dict[str, Any]]:
    """Count what every setting flags on a chip.

    Parameters
    ----------
    view, probability, threshold
        The chip, and deepCR's probabilities, as for `refine`.
    psf, box_px
        As for `crstudy.refinement.star_model.fit_stars`.
    data : ComparisonData
        What masks are compared with: the truth where it is known, else the labels.
    stars : ndarray of bool, shape (ny, nx)
        Star regions.

    Yields
    ------
    dict
        remedy, the fields of `Setting`, and for the star regions and the frame (``_full``): tp,
        flagged and positives, px. First the unrefined mask.
    """
    actual = data.best
    areas = {"": data.counted & stars, f"_{FULL}": data.counted}

    def row(kind: str, setting: Setting, model: StarModel) -> dict[str, Any]:
        mask = refine(kind, setting, probability, threshold, model)
        counts: dict[str, Any] = {"remedy": kind, **setting._asdict()}
        for end, area in areas.items():
            counts[f"tp{end}"] = int((mask & actual & area).sum())
            counts[f"flagged{end}"] = int((mask & area).sum())
            counts[f"positives{end}"] = int((actual & area).sum())
        return counts

    flagged = probability > threshold
    errors = dict.fromkeys(setting.model_error for _, setting in trial_settings())
    models = {error: fit_stars(view, flagged, psf, error, box_px) for error in errors}
    yield row(NONE, Setting(np.nan), next(iter(models.values())))
    for kind, setting in trial_settings():
        yield row(kind, setting, models[setting.model_error])
