"""Hits and misses over valid pixels, and recall, precision and F scores of them."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crstudy.data.chips import ComparisonData
from crstudy.metrics.areas import count_cells, full_and_star_areas
from crstudy.metrics.names import REFERENCE_MODEL
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
    return _as_counts(np.bincount(_outcomes(predicted, actual)[valid], minlength=4))


def _outcomes(predicted: NDArray[np.bool_], actual: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return 0 for true negatives, 1 for false positives, 2 for false negatives, else 3."""
    return 2 * actual.astype(np.uint8) + predicted


def _as_counts(outcomes: NDArray[np.integer]) -> Counts:
    tn, fp, fn, tp = outcomes.tolist()
    return Counts(tp, fp, fn, tn)


def compare_chip(
    detected: Mapping[str, NDArray[np.bool_]],
    data: ComparisonData,
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
) -> Iterator[tuple[str, str, str, str, Counts]]:
    """Count every comparison in every region and stratum of a chip.

    Parameters
    ----------
    detected : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels that each model flags.
    data : ComparisonData
        What they are compared with.
    regions : mapping of str to mapping of float to ndarray of bool, shape (ny, nx)
        Star regions by comparison and threshold, of `ComparisonData.star_regions`: "reference", of
        its clean image; "truth", where it is known, of the image without cosmic rays, in which
        those that the labels miss are no stars.

    Yields
    ------
    model, comparison, region, stratum : str
    counts : Counts
    """
    pairs = [(model, "reference", flags, data.label) for model, flags in detected.items()]
    if data.truth is not None:
        pairs += [(model, "truth", flags, data.truth) for model, flags in detected.items()]
        pairs.append((REFERENCE_MODEL, "reference_vs_truth", data.label, data.truth))
    areas = {kind: full_and_star_areas(data.valid, stars) for kind, stars in regions.items()}
    for model, comparison, predicted, actual in pairs:
        kind = "reference" if comparison == "reference" else "truth"
        outcomes = _outcomes(predicted, actual)
        for region, stratum, counts in count_cells(outcomes, 4, areas[kind], data.strata):
            yield model, comparison, region, stratum, _as_counts(counts)


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
