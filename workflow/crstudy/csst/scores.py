"""Recall and precision on CSST exposures, of every variant of every method."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, join, vstack

from crstudy.csst.tuning import CHOICE, MAP_KEYS, RANKS, VARIANTS
from crstudy.metrics.bootstrap import fraction_table
from crstudy.metrics.names import FULL, REGION_MEANING
from crstudy.metrics.pooling import sum_table

#: Stands for all field classes together.
ALL = "all"
KEYS = ("method", "remedy", "exptime_s", "field_class", "region")
#: Numerator and denominator of each score.
SCORES = {
    "recall": ("tp", "positives"),
    "precision": ("tp", "flagged"),
    "precision_with_rims": ("tp", "flagged_with_rims"),
}
COUNTED = ("tp", "flagged", "flagged_with_rims", "positives")


def count_variants(counts: Table, variants: Table) -> Table:
    """Count the hits and false alarms of every variant of every method in a field.

    Parameters
    ----------
    counts : Table
        Of a field, as for `crstudy.csst.tuning.choose_variants`, without rims, with columns
        field_class and rims, px.
    variants : Table
        Of `crstudy.csst.tuning.choose_variants`.

    Returns
    -------
    Table
        Columns `KEYS` and `COUNTED`, px. Every row is there twice: for its field class and for
        `ALL`.
    """
    chosen = variants.copy()
    chosen.rename_column("threshold", "least")
    rows = join(counts, chosen, keys=MAP_KEYS)
    reached = np.asarray(rows["threshold"] >= rows["least"])
    rows["tp"] = np.where(reached, rows["positives"], 0)
    rows["flagged"] = np.where(reached, rows["positives"] + rows["negatives"], 0)
    rows["flagged_with_rims"] = rows["flagged"] + np.where(reached, rows["rims"], 0)
    return in_all_fields(sum_table([rows], KEYS, COUNTED))


def in_all_fields(table: Table) -> Table:
    """Return the rows of a field twice: for `ALL`, and for its field class."""
    everything = table.copy()
    everything["field_class"] = ALL
    return vstack([everything, table])


def in_order(table: Table, methods: Sequence[str]) -> Table:
    """Sort rows by method as listed, variant, exposure time, field class and region.

    All field classes together, and the full frame, come first.
    """
    ranks = [
        [list(methods).index(name) for name in table["method"]],
        [RANKS[name] for name in table["remedy"]],
        np.asarray(table["exptime_s"]) if "exptime_s" in table.colnames else np.zeros(len(table)),
        np.asarray(table["field_class"] != ALL),
        np.asarray(table["field_class"]),
    ]
    if "region" in table.colnames:
        ranks.append(np.asarray(table["region"] != FULL))
    return table[np.lexsort(ranks[::-1])]


def score_table(fields: Sequence[Table], variants: Table, resampling: Mapping[str, Any]) -> Table:
    """Tabulate recall and precision.

    Parameters
    ----------
    fields : sequence of Table
        Of `count_variants`, one per field.
    variants : Table
        Of `crstudy.csst.tuning.choose_variants`.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per `KEYS`: recall and precision with intervals, their counts, fields that hold any,
        and what tuning chose.
    """
    table = fraction_table(fields, KEYS, SCORES, resampling)
    table.rename_column("groups", "fields")
    chosen = {(r["method"], r["remedy"], r["exptime_s"]): r for r in variants}
    rows = [chosen[row["method"], row["remedy"], row["exptime_s"]] for row in table]
    for name in CHOICE:
        table[name] = [float(row[name]) for row in rows]
    table["exptime_s"].unit = "s"
    for name in COUNTED:
        table[name].unit = "pix"
    meanings = {
        "threshold": "score from which on a pixel is flagged; that of a scan is rounded up to its "
        "next step",
        "validation_f1": "F1 on the fields that the threshold is chosen on",
        "region": REGION_MEANING,
    }
    for name, meaning in meanings.items():
        table[name].description = meaning
    table.meta["remedies"] = dict(VARIANTS)
    return in_order(table, list(dict.fromkeys(variants["method"])))
