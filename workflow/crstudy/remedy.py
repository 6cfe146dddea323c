"""Two remedies for deepCR on stars: another threshold there, and residuals from fitted stars."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.ndimage import binary_propagation

from crstudy.pooled import ratio, sum_rows
from crstudy.psffitting import SampledPsf
from crstudy.starmodel import STAR_RMS, StarModel, fit_stars
from crstudy.table1 import FULL
from crstudy.view import View
from crstudy.views import Ruler

#: deepCR's mask as it comes; with another threshold in the light of stars; with pixels that
#: stars do not explain, and without those that they do.
NONE, THRESHOLD, RESIDUALS = "none", "region threshold", "psf residuals"
REMEDIES = (NONE, THRESHOLD, RESIDUALS)
#: Pixels beside a cosmic ray belong to it above this part of its own limit.
GROWTH = 0.5
#: Only stars with a peak above this multiple of the background noise are protected: the others
#: may be faint cosmic rays.
PROTECTED_RMS = 3 * STAR_RMS
#: Values that tuning tries.
MODEL_ERRORS = (0.005, 0.01, 0.02, 0.04)
STAR_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
RECOVER_SIGMAS = (4.0, 5.0, 6.0, 8.0, 10.0, 15.0)
PROTECT_SIGMAS = (0.0, 3.0, 5.0)
CRITERION = "highest F1 in star regions above the lowest multiple of the background RMS"


class Setting(NamedTuple):
    """Parameters of a remedy; NaN where it has none.

    Attributes
    ----------
    model_error : float
        Error of the star model, a fraction of a star's light around a pixel.
    star_threshold : float
        Probability above which a pixel in the light of stars is flagged.
    recover_sigma : float
        Residual above which a pixel is flagged.
    protect_sigma : float
        A star whose residuals all stay below keeps its core; 0: none does.
    """

    model_error: float
    star_threshold: float = np.nan
    recover_sigma: float = np.nan
    protect_sigma: float = np.nan


def settings() -> list[tuple[str, Setting]]:
    """Return all remedies and settings that tuning tries."""
    nan = np.nan
    of_residuals = product(MODEL_ERRORS, [nan], RECOVER_SIGMAS, PROTECT_SIGMAS)
    return [
        *((THRESHOLD, Setting(*values)) for values in product(MODEL_ERRORS, STAR_THRESHOLDS)),
        *((RESIDUALS, Setting(*values)) for values in of_residuals),
    ]


def refine(
    remedy: str,
    setting: Setting,
    probability: NDArray[np.floating],
    threshold: float,
    model: StarModel,
) -> NDArray[np.bool_]:
    """Refine deepCR's mask of a chip.

    Parameters
    ----------
    remedy : str
        One of `REMEDIES`.
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
        Outside `StarModel.tested` deepCR's mask as it comes.
    """
    flagged = probability > threshold
    if remedy == THRESHOLD:
        return np.where(model.tested, probability > setting.star_threshold, flagged)
    if remedy == RESIDUALS:
        found = recover(flagged, model, setting.recover_sigma)
        return found & ~protected(found, model, setting.protect_sigma)
    return flagged


def recover(flagged: NDArray[np.bool_], model: StarModel, sigmas: float) -> NDArray[np.bool_]:
    """Add pixels that hold more light than their stars, and what is joined to them.

    Parameters
    ----------
    flagged : ndarray of bool, shape (ny, nx)
        Mask.
    model : StarModel
        Of the chip.
    sigmas : float
        Limit of the residual; for neighbours of pixels above it, and of flagged ones, the part
        `GROWTH` of it.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
    """
    bright = model.tested & (model.residual > GROWTH * sigmas)
    seeds = bright & (flagged | (model.residual > sigmas))
    return flagged | binary_propagation(seeds, structure=np.ones((3, 3)), mask=bright)


def protected(flagged: NDArray[np.bool_], model: StarModel, sigmas: float) -> NDArray[np.bool_]:
    """Tell which pixels are cores of flagged stars that the PSF alone explains.

    Parameters
    ----------
    flagged : ndarray of bool, shape (ny, nx)
        Mask.
    model : StarModel
        Of the chip.
    sigmas : float
        All residuals within a pixel of the centre stay below, in absolute value.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Up to two pixels from the centres of such stars.
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
    ruler: Ruler,
    stars: NDArray[np.bool_],
    box_px: int,
) -> Iterator[dict[str, Any]]:
    """Count what every setting flags on a chip.

    Parameters
    ----------
    view, probability, threshold
        The chip, and deepCR's opinion, as for `refine`.
    psf, box_px
        As for `crstudy.starmodel.fit_stars`.
    ruler : Ruler
        What masks are compared with: the truth where it is known, else the labels.
    stars : ndarray of bool, shape (ny, nx)
        Star regions.

    Yields
    ------
    dict
        remedy, the fields of `Setting`, and for the star regions and the frame (``_full``): tp,
        flagged and positives, px. First deepCR as it comes.
    """
    actual = ruler.label if ruler.truth is None else ruler.truth
    areas = {"": ruler.counted & stars, f"_{FULL}": ruler.counted}

    def row(remedy: str, setting: Setting, model: StarModel) -> dict[str, Any]:
        mask = refine(remedy, setting, probability, threshold, model)
        counts: dict[str, Any] = {"remedy": remedy, **setting._asdict()}
        for end, area in areas.items():
            counts[f"tp{end}"] = int((mask & actual & area).sum())
            counts[f"flagged{end}"] = int((mask & area).sum())
            counts[f"positives{end}"] = int((actual & area).sum())
        return counts

    models = {
        error: fit_stars(view, probability > threshold, psf, error, box_px)
        for error in MODEL_ERRORS
    }
    yield row(NONE, Setting(np.nan), models[MODEL_ERRORS[0]])
    for remedy, setting in settings():
        yield row(remedy, setting, models[setting.model_error])


def choose(chips: Sequence[Table]) -> Table:
    """Choose the setting of each remedy.

    Parameters
    ----------
    chips : sequence of Table
        Of `try_settings`, for chips of the held-out groups.

    Returns
    -------
    Table
        A row per remedy and setting: sums over all chips, f1 in the star regions, and chosen: by
        `CRITERION`. An F1 of nothing is NaN; if all are, the first setting is taken.
    """
    keys = ("remedy", *Setting._fields)
    counts = [f"{n}{end}" for end in ("", f"_{FULL}") for n in ("tp", "flagged", "positives")]
    table, sums = sum_rows(chips, keys, counts)
    for i, name in enumerate(counts):
        table[name] = sums[..., i].sum(axis=0).astype(int)
    table["f1"] = ratio(2 * table["tp"], table["flagged"] + table["positives"])
    table["chosen"] = False
    for remedy in REMEDIES:
        rows = np.flatnonzero(table["remedy"] == remedy)
        f1 = np.asarray(table["f1"])[rows]
        table["chosen"][rows[np.nanargmax(f1) if np.isfinite(f1).any() else 0]] = True
    table.meta["criterion"] = CRITERION
    return table


def chosen_settings(table: Table) -> Mapping[str, Setting]:
    """Return the setting of each remedy, the untouched mask first, from a table of `choose`."""
    return {
        str(row["remedy"]): Setting(*(float(row[name]) for name in Setting._fields))
        for row in table[np.asarray(table["chosen"], dtype=bool)]
    }
