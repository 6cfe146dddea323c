"""Tables of ROC and precision-recall curves, with intervals that are paired between methods."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.bootstrap import (
    describe_resampling,
    difference_rows,
    estimate,
    estimate_columns,
    interval_columns,
)
from crstudy.metrics.curves.roc import COUNTS, at_rates, average_precision, flagged_px, rates
from crstudy.metrics.names import KEYS
from crstudy.metrics.pooling import ratio, series

AVERAGE_PRECISION_MEANS = (
    "sum over thresholds, from the highest, of the step in recall times the precision there; "
    "recall beyond recall_reached, the recall at the lowest threshold, adds nothing, so that of a "
    "scan which ends early it is a lower bound"
)


def curve_table(groups: Sequence[Table]) -> Table:
    """Tabulate the ROC and the precision-recall curve of every method.

    Parameters
    ----------
    groups : sequence of Table
        One per group: columns `KEYS` and those of `histogram`, of all its chips.

    Returns
    -------
    Table
        A row per curve and threshold, the highest first: fpr, recall, precision; tp and fp, the
        flagged, and positives and negatives, all pixels.
    """
    rows = []
    for key, thresholds, counts in _curves(groups):
        pooled = counts.sum(axis=0)
        flagged, total = flagged_px(pooled)
        columns = zip(thresholds[::-1], *rates(pooled), *flagged.astype(int), strict=True)
        totals = [int(n) for n in total[:, 0]]
        rows += [(*key.values(), *numbers, *totals) for numbers in columns]
    names = (*KEYS, "threshold", "fpr", "recall", "precision", "tp", "fp", *COUNTS)
    return Table(rows=rows, names=names)


def _curves(
    groups: Sequence[Table],
) -> Iterator[tuple[dict[str, Any], NDArray[np.float64], NDArray[np.float64]]]:
    """Yield key, increasing thresholds and counts, shape (groups, 2, bins), of every curve."""
    for key, places, sums in series(groups, KEYS, "threshold", COUNTS):
        yield key, places[1:], np.ascontiguousarray(np.swapaxes(sums, 1, 2))


def recall_table(
    groups: Sequence[Table], wanted: Sequence[float], resampling: Mapping[str, Any]
) -> Table:
    """Tabulate recall and threshold of every method at given false-positive rates.

    Parameters
    ----------
    groups
        As for `curve_table`.
    wanted : sequence of float
        False-positive rates.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per curve and rate: fpr; recall and threshold with intervals, NaN where the curve
        does not reach the rate; undefined_samples, those without a recall, which its interval
        leaves out; positives and negatives, px; groups that hold any pixel.
    """
    rows = []
    for key, thresholds, counts in _curves(groups):

        def both(sums: NDArray, thresholds: NDArray = thresholds) -> NDArray:
            return at_rates(sums, thresholds, wanted).reshape(*sums.shape[:-2], -1)

        parts = np.array(estimate(both, counts, resampling)).reshape(4, -1, 2)
        for fpr, (recall, threshold) in zip(wanted, np.moveaxis(parts, 0, -1), strict=True):
            row = key | {"fpr": fpr} | interval_columns("recall", recall[:3])
            row |= interval_columns("threshold", threshold[:3])
            rows.append(row | {"undefined_samples": int(recall[3])} | _pixels(counts))
    return Table(rows, meta=describe_resampling(resampling))


def average_precision_table(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate the average precision of every method.

    Parameters
    ----------
    groups, resampling
        As for `recall_table`.

    Returns
    -------
    Table
        A row per curve: average_precision and recall_reached, the recall at its lowest
        threshold, with intervals; undefined_samples, positives, negatives and groups.
    """

    def both(sums: NDArray) -> NDArray:
        flagged, total = flagged_px(sums)
        reached = ratio(flagged[..., 0, -1], total[..., 0, 0])
        return np.stack([average_precision(sums), reached], axis=-1)

    rows = []
    for key, _, counts in _curves(groups):
        found = estimate(both, counts, resampling)
        row = key | estimate_columns(("average_precision", "recall_reached"), found)
        rows.append(row | {"undefined_samples": int(found.undefined[0])} | _pixels(counts))
    meta = describe_resampling(resampling) | {"average_precision": AVERAGE_PRECISION_MEANS}
    return Table(rows, meta=meta)


def paired_difference(
    groups: Sequence[Table],
    methods: tuple[str, str],
    wanted: Sequence[float],
    resampling: Mapping[str, Any],
) -> Table:
    """Compare two methods on the same pixels.

    Parameters
    ----------
    groups, wanted, resampling
        As for `recall_table`.
    methods : (str, str)
        A method, and the one that is subtracted from it.

    Returns
    -------
    Table
        A row per comparison, region, stratum and quantity (recall at each rate; average_precision,
        whose fpr is NaN): method, minus, difference with interval, undefined_samples; positives,
        negatives and groups. Groups in which the methods were scored on different numbers
        of pixels are left out: one of them may have failed on an exposure.
    """
    curves: dict[tuple, dict[str, Any]] = {}
    of_both = [table[np.isin(table["method"], methods)] for table in groups]
    for key, *curve in _curves(of_both):
        where = tuple(key[name] for name in KEYS[1:])
        curves.setdefault(where, {})[key["method"]] = curve
    rows = []
    for where, both in curves.items():
        if len(both) == 2:
            key = dict(zip(KEYS[1:], where, strict=True))
            key |= {"method": methods[0], "minus": methods[1]}
            pair = both[methods[0]], both[methods[1]]
            rows += [key | row for row in _differences(*pair, wanted, resampling)]
    return Table(
        rows, meta=describe_resampling(resampling) | {"average_precision": AVERAGE_PRECISION_MEANS}
    )


def _differences(
    one: tuple[NDArray, NDArray],
    other: tuple[NDArray, NDArray],
    wanted: Sequence[float],
    resampling: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `paired_difference` for two curves: thresholds and counts."""
    pixels = [counts.sum(axis=2) for _, counts in (one, other)]
    shared = (pixels[0] == pixels[1]).all(axis=1)[:, np.newaxis, np.newaxis]
    # One array, so that the same draw of groups weighs both.
    counts = np.concatenate([one[1], other[1]], axis=2) * shared
    n = one[1].shape[2]

    def recall_and_precision(sums: NDArray, thresholds: NDArray) -> NDArray:
        recall = at_rates(sums, thresholds, wanted)[..., 0]
        return np.concatenate([recall, average_precision(sums)[..., np.newaxis]], axis=-1)

    def difference(sums: NDArray) -> NDArray:
        return recall_and_precision(sums[..., :n], one[0]) - recall_and_precision(
            sums[..., n:], other[0]
        )

    found = estimate(difference, counts, resampling)
    quantities = [*["recall"] * len(wanted), "average_precision"]
    for fpr, row in zip((*wanted, np.nan), difference_rows(quantities, found), strict=True):
        yield {"quantity": row.pop("quantity"), "fpr": fpr} | row | _pixels(counts[..., :n])


def _pixels(counts: NDArray[np.floating]) -> dict[str, int]:
    positives, negatives = (int(n) for n in counts.sum(axis=(0, 2)))
    groups = int((counts.sum(axis=(1, 2)) > 0).sum())
    return {"positives": positives, "negatives": negatives, "groups": groups}
