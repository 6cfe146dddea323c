"""ROC and precision-recall curves from histograms of score maps.

A pixel is flagged at a threshold if its score is not below it. Maps of probability as stored
(`crstudy.data.score_maps`) hold no threshold of two digits itself, so this is ``p > threshold`` for
them, and the definition of `crstudy.methods.runner.scan` for scans.
"""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.special import expit

from crstudy.metrics.pooling import ratio

COUNTS = ("positives", "negatives")
#: The grid of `probability_edges`: from 1e-5 to 1 - 1e-5, as stored maps resolve.
LOGIT_RANGE, LOGIT_STEPS = 11.5, 99


def probability_edges(thresholds: Sequence[float]) -> NDArray[np.float64]:
    """Return thresholds at which to resolve the ROC of probabilities.

    Parameters
    ----------
    thresholds : sequence of float
        Thresholds in use, 0..1, which become exact edges.

    Returns
    -------
    ndarray, shape (about 200,)
        Increasing: 0, equal steps of the logit symmetric about 0.5, and 1.
    """
    low = expit(np.linspace(-LOGIT_RANGE, 0, LOGIT_STEPS, endpoint=False))
    return np.unique([0, *low, 0.5, *(1 - low), 1, *thresholds])


def histogram(
    score: NDArray[np.floating],
    actual: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    edges: Sequence[float],
) -> Table:
    """Count positives and negatives by score.

    Parameters
    ----------
    score : ndarray, shape (ny, nx)
        Higher is more like a cosmic ray.
    actual, valid : ndarray of bool, shape (ny, nx)
        Cosmic rays by the reference or truth, and valid pixels.
    edges : sequence of float
        Increasing thresholds, compared in the precision of the map: those of a scan, or
        `probability_edges`.

    Returns
    -------
    Table
        A row per bin: threshold, its lower end, included; -inf for the first bin, that of
        scores below all thresholds; positives and negatives, px.

    Raises
    ------
    ValueError
        The map has another shape, or is not finite in a valid pixel.
    """
    if score.shape != valid.shape:
        raise ValueError(f"score map of shape {score.shape}, chip of shape {valid.shape}")
    if not np.isfinite(score[valid]).all():
        raise ValueError(f"score not finite in {(~np.isfinite(score[valid])).sum()} valid pixels")
    cell = 2 * score_bins(score, edges)[valid] + actual[valid]
    negatives, positives = np.bincount(cell, minlength=2 * len(edges) + 2).reshape(-1, 2).T
    columns = [lower_ends(edges), positives, negatives]
    return Table(columns, names=("threshold", *COUNTS))


def score_bins(score: NDArray[np.floating], edges: Sequence[float]) -> NDArray[np.int32]:
    """Return the bin of `histogram` that each pixel falls into, from 0; of NaN, the last."""
    bins = np.searchsorted(np.asarray(edges, dtype=score.dtype), score, side="right")
    return bins.astype(np.int32)


def lower_ends(edges: Sequence[float]) -> NDArray[np.float64]:
    """Return the lower ends of the bins of `histogram`."""
    return np.array([-np.inf, *edges])


def flagged_px(counts: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Count flagged pixels.

    Parameters
    ----------
    counts : ndarray, shape (..., 2, bins)
        As for `rates`.

    Returns
    -------
    flagged : ndarray, shape (..., 2, bins - 1)
        True and false positives at each threshold, the highest first.
    total : ndarray, shape (..., 2, 1)
        All positives and negatives.
    """
    reached = np.cumsum(counts[..., ::-1], axis=-1)
    return reached[..., :-1], reached[..., -1:]


def rates(
    counts: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the points of the ROC and the precision-recall curve.

    Parameters
    ----------
    counts : ndarray, shape (..., 2, bins)
        Positives and negatives by score as from `histogram`, scores increasing.

    Returns
    -------
    fpr, recall, precision : ndarray, shape (..., bins - 1)
        At each threshold, the highest first. NaN without negatives, positives, flagged pixels.
    """
    flagged, total = flagged_px(counts)
    fraction = ratio(flagged, total)
    precision = ratio(flagged[..., 0, :], flagged.sum(axis=-2))
    return fraction[..., 1, :], fraction[..., 0, :], precision


def at_rates(
    counts: NDArray[np.floating], thresholds: NDArray[np.floating], wanted: Sequence[float]
) -> NDArray[np.float64]:
    """Return recall and threshold at given false-positive rates.

    Parameters
    ----------
    counts : ndarray, shape (..., 2, bins)
        As for `rates`.
    thresholds : ndarray, shape (bins - 1,)
        Increasing.
    wanted : sequence of float, length k
        False-positive rates.

    Returns
    -------
    ndarray, shape (..., k, 2)
        Linear between neighbouring thresholds. NaN at rates that lie outside the curve: a scan
        is not extended beyond its last thresholds, nor to (0, 0) if it never flags nothing.
        Of thresholds with exactly the wanted rate, the lowest decides.
    """
    fraction = ratio(*flagged_px(counts))
    recall, fpr = fraction[..., 0, :], fraction[..., 1, :]
    falling, last = np.asarray(thresholds)[::-1], fpr.shape[-1] - 1
    found = []
    for rate in wanted:
        below = np.count_nonzero(fpr <= rate, axis=-1) - 1
        one, other = (np.clip(below + step, 0, last) for step in (0, 1))
        x, to_x = _pick(fpr, one), _pick(fpr, other)
        y, to_y = _pick(recall, one), _pick(recall, other)
        # Off the curve, both are its end: nothing to divide by.
        weight = np.where(x == rate, 0, ratio(rate - x, to_x - x))
        threshold = falling[one] + weight * (falling[other] - falling[one])
        found.append(np.stack([y + weight * (to_y - y), threshold], axis=-1))
    return np.stack(found, axis=-2)


def _pick(values: NDArray[np.floating], index: NDArray[np.integer]) -> NDArray[np.floating]:
    """Return one value from each row (last axis)."""
    return np.take_along_axis(values, np.asarray(index)[..., np.newaxis], axis=-1)[..., 0]


def average_precision(counts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the average precision, shape (...), of counts as for `rates`.

    Notes
    -----
    The step sum over thresholds, the highest first: no interpolation. Recall beyond the lowest
    threshold adds nothing, so that of a scan which ends early it is a lower bound.
    """
    _, recall, precision = rates(counts)
    steps = np.diff(recall, axis=-1, prepend=0)
    return (steps * np.where(steps > 0, precision, 0)).sum(axis=-1)
