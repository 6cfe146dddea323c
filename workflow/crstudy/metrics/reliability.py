"""Calibration of probabilities: reliability diagrams, Brier score, expected calibration error."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.bootstrap import (
    describe_resampling,
    estimate,
    estimate_columns,
    fraction_differences,
    fraction_table,
)
from crstudy.metrics.names import KEYS
from crstudy.metrics.pooling import ratio, series

#: Most probabilities are near 0 or 1: bins are finer there.
TAIL = (0.001, 0.003, 0.01, 0.03)
EDGES = (0, *TAIL, *(k / 10 for k in range(1, 10)), *(1 - p for p in reversed(TAIL)), 1)
#: Region of the pixels outside all star regions.
SKY = "sky"
SUMS = ("pixels", "positives", "probability", "squared_error")


def count_probabilities(
    probability: NDArray[np.floating],
    actual: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    edges: Sequence[float] = EDGES,
) -> Table:
    """Sum pixels, probabilities and squared errors in bins of probability.

    Parameters
    ----------
    probability : ndarray, shape (ny, nx)
        Of a cosmic ray, 0..1.
    actual, valid : ndarray of bool, shape (ny, nx)
        Cosmic rays by the reference or truth, and valid pixels.
    edges : sequence of float
        Increasing, from 0 to 1; a bin includes its lower edge, the last bin both.

    Returns
    -------
    Table
        A row per bin: low, high; pixels; positives, those that hold cosmic rays; probability and
        squared_error, the sums over pixels of p and (p - y)^2, where y is 1 for a positive, else 0.

    Raises
    ------
    ValueError
        A valid pixel has no probability between 0 and 1.
    """
    p, y = probability[valid], actual[valid]
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probability of a valid pixel outside 0..1")
    bins = np.searchsorted(np.asarray(edges[1:-1], dtype=p.dtype), p, side="right")
    n = len(edges) - 1
    table = Table({"low": np.asarray(edges[:-1], float), "high": np.asarray(edges[1:], float)})
    table["pixels"] = np.bincount(bins, minlength=n)
    table["positives"] = np.bincount(bins[y], minlength=n)
    table["probability"] = np.bincount(bins, p, n)
    table["squared_error"] = np.bincount(bins, (p - y.astype(p.dtype)) ** 2, n)
    return table


def reliability_table(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate reliability diagrams.

    Parameters
    ----------
    groups : sequence of Table
        One per group: columns `KEYS` and those of `count_probabilities`, of all its chips.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        As `crstudy.metrics.bootstrap.fraction_table`, a row per diagram and bin: mean_probability,
        and observed_fraction of pixels that hold cosmic rays.
    """
    fractions = {
        "mean_probability": ("probability", "pixels"),
        "observed_fraction": ("positives", "pixels"),
    }
    return fraction_table(groups, (*KEYS, "low", "high"), fractions, resampling)


def calibration_table(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate Brier score and expected calibration error.

    Parameters
    ----------
    groups, resampling
        As for `reliability_table`.

    Returns
    -------
    Table
        A row per diagram: brier, the mean of (p - y)^2; ece, the mean over pixels of the
        distance between mean probability and observed fraction in their bin; brier_constant, the
        Brier score of a constant, the observed fraction of all pixels; all with intervals.
        pixels and positives; groups that hold any pixel. NaN without pixels.
    """
    rows = []
    for key, _, sums in series(groups, KEYS, "low", SUMS):
        names = ("brier", "ece", "brier_constant")
        row = key | estimate_columns(names, estimate(_scores, sums, resampling))
        pixels = sums[..., 0].sum(axis=1)
        row |= {"pixels": int(pixels.sum()), "positives": int(sums[..., 1].sum())}
        rows.append(row | {"groups": int((pixels > 0).sum())})
    return Table(rows, meta=describe_resampling(resampling))


def brier_differences(
    groups: Sequence[Table], methods: tuple[str, str], resampling: Mapping[str, Any]
) -> Table:
    """Compare the Brier scores of two methods on the same pixels.

    Parameters
    ----------
    groups, resampling
        As for `reliability_table`.
    methods : (str, str)
        A method, and the one that is subtracted from it.

    Returns
    -------
    Table
        As `crstudy.metrics.bootstrap.fraction_differences`, a row per comparison and region;
        empty without shared groups. Groups in which the methods were scored on different numbers
        of pixels are left out: one of them may have failed on an exposure.
    """

    def pixels(table: Table, method: str) -> int:
        return int(table["pixels"][table["method"] == method].sum())

    shared = [table for table in groups if len({pixels(table, name) for name in methods}) == 1]
    if not shared:
        return Table()
    quantity = {"brier": ("squared_error", "pixels")}
    return fraction_differences(shared, methods, KEYS[1:], quantity, resampling)


def _scores(sums: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the numbers of `calibration_table` of sums by bin, shape (..., bins, `SUMS`)."""
    pixels, positives, probability, squared = np.moveaxis(sums, -1, 0)
    total = pixels.sum(axis=-1)
    brier = ratio(squared.sum(axis=-1), total)
    ece = ratio(np.abs(probability - positives).sum(axis=-1), total)
    prevalence = ratio(positives.sum(axis=-1), total)
    return np.stack([brier, ece, prevalence * (1 - prevalence)], axis=-1)
