"""Count true and false positives and negatives over the pixels that count."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crstudy.metrics.names import FULL, REFERENCE_MODEL, region_name


class Counts(NamedTuple):
    """Pixels by outcome."""

    tp: int
    fp: int
    fn: int
    tn: int


def count_pixels(
    predicted: NDArray[np.bool_], actual: NDArray[np.bool_], counted: NDArray[np.bool_]
) -> Counts:
    """Count outcomes where `counted` is true.

    Parameters
    ----------
    predicted, actual : ndarray of bool, shape (ny, nx)
        Pixels flagged by the detector and by what it is compared with.
    counted : ndarray of bool, shape (ny, nx)
        Pixels that count; all others appear in no number.

    Returns
    -------
    Counts
    """
    outcome = 2 * actual[counted].astype(np.uint8) + predicted[counted]
    tn, fp, fn, tp = (int(n) for n in np.bincount(outcome, minlength=4))
    return Counts(tp, fp, fn, tn)


def compare_chip(
    detected: Mapping[str, np.ndarray],
    label: np.ndarray,
    truth: np.ndarray | None,
    counted: np.ndarray,
    regions: Mapping[str, Mapping[float, np.ndarray]],
) -> Iterator[tuple[str, str, str, Counts]]:
    """Count every comparison in every region of a chip.

    Parameters
    ----------
    detected : mapping of str to ndarray of bool
        Pixels that each model flags.
    label : ndarray of bool
        Pixels that the reference flags.
    truth : ndarray of bool or None
        Pixels that hold cosmic rays, where known.
    counted : ndarray of bool
        Pixels that count.
    regions : mapping of str to mapping of float to ndarray of bool
        Star regions by threshold: reference, of its clean image; truth, where it is known, of the
        image without cosmic rays, in which those that the labels miss are no stars.

    Yields
    ------
    model, comparison, region : str
    counts : Counts
    """
    pairs = [(model, "reference", flags, label) for model, flags in detected.items()]
    if truth is not None:
        pairs += [(model, "truth", flags, truth) for model, flags in detected.items()]
        pairs.append((REFERENCE_MODEL, "reference_vs_truth", label, truth))
    areas = {
        ruler: {FULL: counted} | {region_name(k): counted & area for k, area in stars.items()}
        for ruler, stars in regions.items()
    }
    for model, comparison, predicted, actual in pairs:
        ruler = "reference" if comparison == "reference" else "truth"
        for region, area in areas[ruler].items():
            yield model, comparison, region, count_pixels(predicted, actual, area)
