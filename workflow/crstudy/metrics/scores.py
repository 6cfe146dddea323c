"""Hits and misses over valid pixels, and recall, precision and F scores of them."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crstudy.metrics.names import FULL, REFERENCE_MODEL, region_name
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


def compare_chip(
    detected: Mapping[str, NDArray[np.bool_]],
    label: NDArray[np.bool_],
    truth: NDArray[np.bool_] | None,
    valid: NDArray[np.bool_],
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
) -> Iterator[tuple[str, str, str, Counts]]:
    """Count every comparison in every region of a chip.

    Parameters
    ----------
    detected : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels that each model flags.
    label, truth : ndarray of bool, shape (ny, nx)
        Pixels that the reference flags, and, where known, those that hold cosmic rays.
    valid : ndarray of bool, shape (ny, nx)
        Valid pixels.
    regions : mapping of str to mapping of float to ndarray of bool, shape (ny, nx)
        Star regions by threshold: "reference", of its clean image; "truth", where it is known, of
        the image without cosmic rays, in which those that the labels miss are no stars.

    Yields
    ------
    model, comparison, region : str
    counts : Counts
    """
    pairs = [(model, "reference", flags, label) for model, flags in detected.items()]
    if truth is not None:
        pairs += [(model, "truth", flags, truth) for model, flags in detected.items()]
        pairs.append((REFERENCE_MODEL, "reference_vs_truth", label, truth))
    areas = {kind: full_and_star_areas(valid, stars) for kind, stars in regions.items()}
    for model, comparison, predicted, actual in pairs:
        kind = "reference" if comparison == "reference" else "truth"
        for region, area in areas[kind].items():
            yield model, comparison, region, count_pixels(predicted, actual, area)


def full_and_star_areas(
    valid: NDArray[np.bool_], regions: Mapping[float, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """Return the valid pixels of the full frame and of each star region, by name of the region."""
    return {FULL: valid} | {region_name(k): valid & region for k, region in regions.items()}


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
