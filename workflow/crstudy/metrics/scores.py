"""Recall, precision and F scores with intervals from a bootstrap over groups."""

from collections.abc import Sequence

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

#: Scores by name: F_beta weighs recall beta times as much as precision (paper section 3.3).
SCORES = ("recall", "precision", "f05", "f1", "f2")
BETAS = {"f05": 0.5, "f1": 1.0, "f2": 2.0}


def score(
    tp: NDArray[np.integer], fp: NDArray[np.integer], fn: NDArray[np.integer]
) -> dict[str, NDArray[np.float64]]:
    """Return every score of `SCORES`.

    Parameters
    ----------
    tp, fp, fn : array_like of int
        Counts, of any common shape.

    Returns
    -------
    dict of str to ndarray
        Scores by name. A ratio without a denominator is NaN, and so is an F score without
        recall or precision.
    """
    tp, fp, fn = (np.asarray(n, dtype=float) for n in (tp, fp, fn))
    scores = {"recall": _ratio(tp, tp + fn), "precision": _ratio(tp, tp + fp)}
    for name, beta in BETAS.items():
        weight = beta**2
        combined = _ratio((1 + weight) * tp, (1 + weight) * tp + weight * fn + fp)
        scores[name] = np.where((tp + fn > 0) & (tp + fp > 0), combined, np.nan)
    return scores


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    undefined = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)


def bootstrap_scores(
    counts: Sequence[tuple[int, int, int]], samples: int, confidence: float, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Return pooled scores with percentile intervals over groups.

    Parameters
    ----------
    counts : sequence of (tp, fp, fn), one per group
        Pixels of a group, pooled over its exposures.
    samples : int
        Number of bootstrap samples.
    confidence : float
        Coverage of the interval, 0..1.
    seed : int
        Seed of the resampling.

    Returns
    -------
    dict of str to (value, low, high)
        Scores by name. Pixels of one group are not independent, so groups are
        resampled, never pixels. With fewer than two groups in which the score is
        defined the interval is NaN: one group does not tell how groups differ.
    """
    table = np.asarray(counts, dtype=np.int64).reshape(-1, 3)
    pooled = score(*table.sum(axis=0))
    picks = default_rng(seed).integers(0, len(table), (samples, len(table)))
    resampled = score(*np.moveaxis(table[picks].sum(axis=1), -1, 0))
    by_group = score(*table.T)
    tails = 50 * (1 - confidence), 50 * (1 + confidence)
    results = {}
    for name in SCORES:
        defined = resampled[name][np.isfinite(resampled[name])]
        several = np.isfinite(by_group[name]).sum() >= 2
        interval = np.percentile(defined, tails) if several and defined.size else (np.nan, np.nan)
        results[name] = (float(pooled[name]), float(interval[0]), float(interval[1]))
    return results
