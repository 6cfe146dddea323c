"""Tables of true cosmic rays found, purity, and false alarms on star cores, of all groups."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from crstudy.metrics.bootstrap import fraction_differences, fraction_table
from crstudy.metrics.names import REGION_MEANING
from crstudy.metrics.objects.cosmic_rays import COMPLETENESS, CRITERIA, MASK, MASK_MEANINGS, PURITY
from crstudy.metrics.objects.star_cores import ALARMS

#: Columns that identify a mask, and a bin.
KEYS = ("method", "threshold_kind", "dilation_px")
BINS = ("property", "low", "high")
#: Value of the column field_class in rows of all field classes together.
ALL_CLASSES = "all"
#: By kind of count, see `crstudy.metrics.objects.counting.count_method`: further columns that
#: identify a row, and the fractions.
FRACTIONS = {
    "objects": (BINS, COMPLETENESS),
    "purity": ((), PURITY),
    "stars": (BINS, ALARMS),
}


def object_tables(
    counts: Mapping[str, Sequence[Table]],
    methods: Sequence[str],
    missing: Mapping[str, Sequence[str]],
    thresholds: Table,
    resampling: Mapping[str, Any],
) -> dict[str, Table]:
    """Pool the counts of all groups.

    Parameters
    ----------
    counts : mapping of str to sequence of Table
        By kind, one per group: those of `crstudy.metrics.objects.counting.count_method` of all its
        chips, with columns exposure and field_class.
    methods : sequence of str
        Methods; differences are taken to the first.
    missing : mapping of str to sequence of str
        Exposures on which each method has failed.
    thresholds : Table
        Of `crstudy.metrics.curves.thresholds.threshold_table`.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    dict of str to Table
        objects, purity and star_alarms: `COMPLETENESS`, `PURITY` and `ALARMS` with intervals,
        counts and the threshold; all stars also by field_class, which is `ALL_CLASSES` elsewhere;
        method_scores: `MASK` by region and field_class, `ALL_CLASSES` among them;
        differences: a row per row of these that two methods share, and fraction, see
        `crstudy.metrics.bootstrap.fraction_differences`, on the exposures on which neither has
        failed.
    """
    pooled = {
        kind: fraction_table(counts[kind], (*KEYS, *bins), fractions, resampling)
        for kind, (bins, fractions) in FRACTIONS.items()
    }
    objects, purity, stars = pooled.values()
    stars["field_class"] = ALL_CLASSES
    of_all = [table[table["property"] == "all"] for table in counts["stars"]]
    keys = (*KEYS, "field_class", *BINS)
    stars = vstack([stars, fraction_table(of_all, keys, ALARMS, resampling)])
    scores = method_scores(counts["pixels"], resampling)
    for table in (objects, purity, stars, scores):
        _name_thresholds(table, thresholds)
    for name, meaning in CRITERIA.items():
        objects[name].description = meaning
    first, *others = methods
    differences = [
        table
        for other in others
        for table in _differences(counts, (other, first), missing, resampling)
        if len(table)
    ]
    return {
        "objects": objects,
        "purity": purity,
        "star_alarms": stars,
        "method_scores": scores,
        "differences": vstack(differences) if differences else Table(),
    }


def method_scores(counts: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate what masks find, and what else they hold.

    Parameters
    ----------
    counts : sequence of Table
        One per group: columns method, threshold_kind, field_class, region and those of
        `crstudy.metrics.objects.cosmic_rays.count_mask`.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per method, threshold_kind, field_class, `ALL_CLASSES` among them, and region: `MASK`
        with intervals, and counts.
    """
    groups = []
    for table in counts:
        whole = table.copy()
        whole["field_class"] = ALL_CLASSES
        groups.append(vstack([whole, table], metadata_conflicts="silent"))
    keys = ("method", "threshold_kind", "field_class", "region")
    scores = fraction_table(groups, keys, MASK, resampling)
    for name, meaning in (MASK_MEANINGS | {"region": REGION_MEANING}).items():
        scores[name].description = meaning
    return scores


def _name_thresholds(table: Table, thresholds: Table) -> None:
    """Write the threshold of each row beside its kind."""
    columns = (thresholds[name] for name in ("method", "threshold_kind", "threshold"))
    values = {(method, kind): value for method, kind, value in zip(*columns, strict=True)}
    pairs = zip(table["method"], table["threshold_kind"], strict=True)
    place = table.colnames.index("threshold_kind") + 1
    table.add_column([values[pair] for pair in pairs], place, "threshold")


def _differences(
    counts: Mapping[str, Sequence[Table]],
    pair: tuple[str, str],
    missing: Mapping[str, Sequence[str]],
    resampling: Mapping[str, Any],
) -> Iterator[Table]:
    """Yield the paired differences of each kind of count."""
    failed = [exposure for method in pair for exposure in missing.get(method, ())]
    for kind, (bins, fractions) in FRACTIONS.items():
        shared = [
            table[np.isin(table["method"], pair) & ~np.isin(table["exposure"], failed)]
            for table in counts[kind]
        ]
        table = fraction_differences(shared, pair, (*KEYS[1:], *bins), fractions, resampling)
        if not bins:
            table["property"], table["low"], table["high"] = "all", -np.inf, np.inf
        yield table
