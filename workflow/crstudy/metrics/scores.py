"""Hits and misses over valid pixels, and recall, precision and F scores of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crstudy.metrics.pooling import ratio

#: Scores by name: F_beta weighs recall beta times as much as precision (paper section 3.3).
SCORES = ("recall", "precision", "f05", "f1", "f2")
BETAS = {"f05": 0.5, "f1": 1.0, "f2": 2.0}


class Counts(NamedTuple):
    """Pixels by outcome."""

    tp: int
    fp: int
    fn: int
    tn: int


def count_pixels(
    predicted: NDArray[np.bool_], actual: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> Counts:
    """Count true and false positives and negatives among the valid pixels.

    Parameters
    ----------
    predicted, actual : ndarray of bool, shape (ny, nx)
        Pixels flagged by the detector, and those that hold cosmic rays by the reference or truth.
    valid : ndarray of bool, shape (ny, nx)
        All other pixels are ignored.

    Examples
    --------
    >>> flagged = np.array([[True, True, False, False]])
    >>> cosmic_ray = np.array([[True, False, True, False]])
    >>> count_pixels(flagged, cosmic_ray, np.ones((1, 4), bool))
    Counts(tp=1, fp=1, fn=1, tn=1)
    """
    outcome = 2 * actual[valid].astype(np.uint8) + predicted[valid]
    tn, fp, fn, tp = (int(n) for n in np.bincount(outcome, minlength=4))
    return Counts(tp, fp, fn, tn)


def score(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Return every score of `SCORES`.

    Parameters
    ----------
    tp, fp, fn : array-like of int
        Counts, of any common shape.

    Returns
    -------
    dict of str to ndarray
        Scores by name. A ratio without a denominator is NaN, and so is an F score without
        recall or precision.

    Examples
    --------
    >>> {name: round(float(value), 3) for name, value in score(tp=8, fp=2, fn=8).items()}
    {'recall': 0.5, 'precision': 0.8, 'f05': 0.714, 'f1': 0.615, 'f2': 0.541}
    """
    tp, fp, fn = (np.asarray(n, dtype=float) for n in (tp, fp, fn))
    scores = {"recall": ratio(tp, tp + fn), "precision": ratio(tp, tp + fp)}
    for name, beta in BETAS.items():
        weight = beta**2
        combined = ratio((1 + weight) * tp, (1 + weight) * tp + weight * fn + fp)
        scores[name] = np.where((tp + fn > 0) & (tp + fp > 0), combined, np.nan)
    return scores
