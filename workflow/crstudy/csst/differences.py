"""Paired differences on CSST exposures: between unchanged methods, and by tuning of each.

Two numbers with overlapping intervals may still differ significantly: both come from the same
fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from crstudy.csst.scores import ALL, SCORES
from crstudy.csst.tuning import UNCHANGED
from crstudy.metrics.bootstrap import describe_resampling, fraction_differences
from crstudy.metrics.names import FULL
from crstudy.photometry.flux_tests import ANOMALOUS_FRACTIONS

#: Method and variant.
Item = tuple[str, str]
ANOMALOUS = "anomalous_fraction"


def difference_table(
    scores: Sequence[Table],
    stars: Sequence[Table],
    variants: Table,
    resampling: Mapping[str, Any],
) -> Table:
    """Compare unchanged methods with the first one, and each tuned variant with the unchanged one.

    Parameters
    ----------
    scores : sequence of Table
        Of `crstudy.csst.scores.count_variants`, one per field.
    stars : sequence of Table
        Of `crstudy.csst.photometry.count_stars`, one per field.
    variants : Table
        Of `crstudy.csst.tuning.choose_variants`; differences are taken to its first method.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per comparison, exposure time and quantity (recall and precision in the full frame,
        and the anomalous fraction of stars), all field classes together: method, remedy; what is
        subtracted, minus_method and minus_remedy; exptime_s; quantity; difference with interval;
        undefined_samples; fields, those with exposures on which both were measured, the only ones
        that are used. The interval is NaN where its ends are the same: a bootstrap over fields
        that all agree says nothing.
    """
    masks = [t[(t["field_class"] == ALL) & (t["region"] == FULL)] for t in scores]
    fluxes = [table[table["field_class"] == ALL] for table in stars]
    kinds = (masks, SCORES), (fluxes, {ANOMALOUS: ANOMALOUS_FRACTIONS[ANOMALOUS]})
    tables = [
        _compare(fields, pair, fractions, resampling)
        for pair in _pairs(variants)
        for fields, fractions in kinds
    ]
    meta = describe_resampling(resampling)
    found = [table for table in tables if len(table)]
    if not found:
        return Table(meta=meta)
    table = vstack(found, metadata_conflicts="silent")
    alike = table["difference_lo"] == table["difference_hi"]
    table["difference_lo"][alike] = table["difference_hi"][alike] = np.nan
    table["exptime_s"].unit = "s"
    table.meta = meta | {"interval": f"{meta['interval']}; none where its ends would be the same"}
    return table


def _pairs(variants: Table) -> Iterator[tuple[Item, Item]]:
    """Yield what is compared, and what with."""
    methods = [str(name) for name in dict.fromkeys(variants["method"])]
    for other in methods[1:]:
        yield (other, UNCHANGED), (methods[0], UNCHANGED)
    for method in methods:
        for variant in dict.fromkeys(variants["remedy"][variants["method"] == method]):
            if variant != UNCHANGED:
                yield (method, str(variant)), (method, UNCHANGED)


def _compare(
    fields: Sequence[Table],
    pair: tuple[Item, Item],
    fractions: Mapping[str, tuple[str, str]],
    resampling: Mapping[str, Any],
) -> Table:
    """Return the paired differences at each exposure time."""
    shared = [_shared(field, pair) for field in fields]
    table = fraction_differences(shared, ("one", "other"), ["exptime_s"], fractions, resampling)
    if not len(table):
        return table
    table.remove_columns(["method", "minus"])
    names = ("method", "remedy", "minus_method", "minus_remedy")
    items = [[item] * len(table) for item in (*pair[0], *pair[1])]
    table.add_columns(items, indexes=[0] * len(items), names=names)
    times = [set(field["exptime_s"]) for field in shared]
    table["fields"] = [sum(time in some for some in times) for time in table["exptime_s"]]
    return table


def _shared(field: Table, pair: tuple[Item, Item]) -> Table:
    """Return the rows of both, named one and other, at the exposure times that both have."""
    rows = [field[(field["method"] == m) & (field["remedy"] == r)] for m, r in pair]
    times = np.intersect1d(*(part["exptime_s"] for part in rows))
    both = vstack(rows)
    both["method"] = np.repeat(["one", "other"], [len(part) for part in rows])
    return both[np.isin(both["exptime_s"], times)]
