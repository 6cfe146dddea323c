"""Recall and precision on CSST exposures: of methods as they come, and after simple remedies."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, join
from numpy.typing import NDArray

from crstudy.metrics.bootstrap import fraction_table
from crstudy.metrics.names import FULL
from crstudy.metrics.pooling import ratio, series, sum_rows
from crstudy.metrics.roc import COUNTS, flagged_px

#: Remedies, from none to all; classical methods know the noise, and need no other scale.
UNCHANGED, THRESHOLD, RESCALED = "unchanged", "threshold", "threshold and scale"
REMEDY_WORDS = {
    UNCHANGED: "threshold and input as they come",
    THRESHOLD: "threshold with the highest F1 on the validation fields, exposure time by time",
    RESCALED: "the same of thresholds and factors on the net's input together",
}
#: Stands for all kinds of field together.
ALL = "all"
#: Columns that tell the score maps of a field apart.
MAP = ("method", "exptime_s", "scale")
#: What a remedy consists of, and how well it did where it was chosen.
CHOICE = ("scale", "threshold", "validation_f1")
SCORES = {"recall": ("tp", "positives"), "precision": ("tp", "flagged")}


def choose_remedies(validation: Sequence[Table], usual: Mapping[str, float]) -> Table:
    """Choose threshold and input scale of every method, for each exposure time on its own.

    Parameters
    ----------
    validation : sequence of Table
        One per validation field: columns `MAP`, region and those of
        `crstudy.metrics.roc.histogram`.
    usual : mapping of str to float
        Threshold that each method comes with.

    Returns
    -------
    Table
        A row per method, exposure time and remedy, see `REMEDY_WORDS`: exptime_s, remedy, scale,
        threshold; validation_f1, the F1 on these fields, NaN where nothing was chosen. A method
        that has failed on all these fields is only there unchanged.
    """
    frames = [table[table["region"] == FULL] for table in validation]
    best: dict[tuple[str, float], dict[float, tuple[float, float]]] = {}
    for key, thresholds, sums in series(frames, MAP, "threshold", COUNTS):
        # The lowest bin holds what is below all thresholds.
        f1 = _f1(sums.sum(axis=0))
        place = int(np.nanargmax(f1)) if np.isfinite(f1).any() else 0
        found = f1[place], thresholds[1:][::-1][place]
        best.setdefault((str(key["method"]), float(key["exptime_s"])), {})[key["scale"]] = found
    times = sorted({float(time) for table in validation for time in table["exptime_s"]})
    rows: list[tuple[Any, ...]] = []
    for method in usual:
        for time in times:
            rows.append((method, time, UNCHANGED, 1.0, usual[method], np.nan))
            tried = best.get((method, time), {})
            if 1.0 in tried:
                rows.append((method, time, THRESHOLD, 1.0, tried[1.0][1], tried[1.0][0]))
            if len(tried) > 1:
                scale = max(tried, key=lambda one: (tried[one][0], -abs(np.log(one))))
                f1, threshold = tried[scale]
                rows.append((method, time, RESCALED, float(scale), threshold, f1))
    return Table(rows=rows, names=("method", "exptime_s", "remedy", *CHOICE))


def _f1(counts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return F1 of counts, shape (bins, 2), at each threshold, the highest first."""
    flagged, total = flagged_px(counts.T)
    return ratio(2 * flagged[0], flagged.sum(axis=0) + total[0])


def is_last(table: Table) -> NDArray[np.bool_]:
    """Tell in which rows all that can be done for a method at an exposure time is done."""
    rank = [list(REMEDY_WORDS).index(name) for name in table["remedy"]]
    keys = list(zip(table["method"], table["exptime_s"], strict=True))
    last: dict[tuple, int] = {}
    for key, one in zip(keys, rank, strict=True):
        last[key] = max(one, last.get(key, 0))
    return np.array([one == last[key] for key, one in zip(keys, rank, strict=True)], dtype=bool)


def without_middle(remedies: Table) -> Table:
    """Keep of each method how it comes and all that can be done for it."""
    return remedies[is_last(remedies) | (remedies["remedy"] == UNCHANGED)]


def count_remedies(counts: Table, remedies: Table) -> Table:
    """Count the hits and false alarms of every method with every remedy in a field.

    Parameters
    ----------
    counts : Table
        Of a field, as for `choose_remedies`, with a column field_class.
    remedies : Table
        Of `choose_remedies`.

    Returns
    -------
    Table
        Columns method, remedy, exptime_s, field_class, region, and px: tp, flagged, positives. All
        stands there twice, for its kind of field and for `ALL`.
    """
    chosen = remedies.copy()
    chosen.rename_column("threshold", "least")
    rows = join(counts, chosen, keys=MAP)
    reached = np.asarray(rows["threshold"] >= rows["least"])
    rows["tp"] = np.where(reached, rows["positives"], 0)
    rows["flagged"] = np.where(reached, rows["positives"] + rows["negatives"], 0)
    values = ("tp", "flagged", "positives")
    table, sums = sum_rows(
        [rows], ("method", "remedy", "exptime_s", "field_class", "region"), values
    )
    for i, name in enumerate(values):
        table[name] = sums[0, :, i].astype(np.int64)
    return in_all_fields(table)


def in_order(table: Table, methods: Sequence[str]) -> Table:
    """Sort rows by method as listed, remedy, exposure time, and kind of field and region.

    What stands for all fields and for the full frame comes first.
    """
    ranks = [
        [list(methods).index(name) for name in table["method"]],
        [list(REMEDY_WORDS).index(name) for name in table["remedy"]],
        np.asarray(table["exptime_s"]) if "exptime_s" in table.colnames else np.zeros(len(table)),
        np.asarray(table["field_class"] != ALL),
        np.asarray(table["field_class"]),
    ]
    if "region" in table.colnames:
        ranks.append(np.asarray(table["region"] != FULL))
    return table[np.lexsort(ranks[::-1])]


def in_all_fields(table: Table) -> Table:
    """Return the rows of a field twice: for its kind of field, and for `ALL`."""
    everything = table.copy()
    everything["field_class"] = ALL
    kinds = np.concatenate([everything["field_class"], table["field_class"]])
    both = Table({name: np.tile(np.asarray(table[name]), 2) for name in table.colnames})
    both["field_class"] = kinds
    return both


def score_table(fields: Sequence[Table], remedies: Table, resampling: Mapping[str, Any]) -> Table:
    """Tabulate recall and precision.

    Parameters
    ----------
    fields : sequence of Table
        Of `count_remedies`, one per field.
    remedies : Table
        Of `choose_remedies`.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per method, remedy, exposure time, kind of field and region: recall and precision
        with intervals, their counts, fields that hold any, and `CHOICE`.
    """
    keys = ("method", "remedy", "exptime_s", "field_class", "region")
    table = fraction_table(fields, keys, SCORES, resampling)
    table.rename_column("groups", "fields")
    chosen = {(r["method"], r["remedy"], r["exptime_s"]): r for r in remedies}
    rows = [chosen[row["method"], row["remedy"], row["exptime_s"]] for row in table]
    for name in CHOICE:
        table[name] = [float(row[name]) for row in rows]
    table["exptime_s"].unit = "s"
    for name in ("tp", "flagged", "positives"):
        table[name].unit = "pix"
    table["scale"].description = "factor on the input of a net"
    table[
        "threshold"
    ].description = (
        "score from which on a pixel is flagged; that of a scan is rounded up to its next step"
    )
    table["validation_f1"].description = "F1 on the fields that scale and threshold are chosen on"
    table["region"].description = "full frame, or star pixels above this multiple of the RMS"
    table.meta["remedies"] = dict(REMEDY_WORDS)
    return in_order(table, list(dict.fromkeys(remedies["method"])))
