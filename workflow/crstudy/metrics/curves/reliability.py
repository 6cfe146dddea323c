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
from crstudy.metrics.curves.score_histograms import SUMS
from crstudy.metrics.names import KEYS
from crstudy.metrics.pooling import ratio, series


def reliability_table(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate reliability diagrams.

    Parameters
    ----------
    groups : sequence of Table
        One per group: of `crstudy.metrics.curves.score_histograms.count_reliability`, of all its
        chips.
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
