"""Paired differences on CSST exposures: to no correction, between methods, and by tuning of each.

Two numbers with overlapping intervals may still differ significantly: both come from the same
fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.csst.photometry import KEYS
from crstudy.csst.scores import ALL, SCORES
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.metrics.bootstrap import describe_resampling, difference_rows, estimate
from crstudy.metrics.names import FULL
from crstudy.metrics.pooling import ratio, sum_rows
from crstudy.photometry.flux_tests import ANOMALOUS_FRACTIONS

#: Method and variant.
Item = tuple[str, str]
ANOMALOUS = "anomalous_fraction"
#: What is judged is compared with these: the images as they are, and the simplest rival, tuned.
NOTHING, RIVAL = (ORIGINAL, UNCHANGED), ("lacosmic", THRESHOLD)
#: Field classes of the rows: all together, and those that hold nearly all stars.
CLASSES = (ALL, "globular_cluster")


def difference_table(
    scores: Sequence[Table],
    stars: Sequence[Table],
    variants: Table,
    resampling: Mapping[str, Any],
) -> Table:
    """Compare all methods with `NOTHING`, with `RIVAL`, with the first one and with themselves.

    Parameters
    ----------
    scores : sequence of Table
        Of `crstudy.csst.scores.count_variants`, one per field.
    stars : sequence of Table
        Of `crstudy.csst.photometry.count_stars`, one per field.
    variants : Table
        Of `crstudy.csst.tuning.choose_variants`.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per comparison, exposure time, field class (`CLASSES`) and quantity: method, remedy;
        what is subtracted, minus_method and minus_remedy; exptime_s; field_class; quantity, recall
        and precision in the full frame or a fraction of anomalous stars; difference with interval;
        undefined_samples; fields, those with exposures on which both were measured, the only ones
        that are used. Unchanged methods are compared with the first one, tuned variants with the
        unchanged one, and all with `NOTHING`, which has no mask, and with `RIVAL`. The interval is
        NaN where its ends are the same: a bootstrap over fields that all agree says nothing.
    """
    masks = [one[one["region"] == FULL] for one in scores]
    meta = describe_resampling(resampling)
    compared = {
        name: (pair, _sums(fields, pair))
        for fields, fractions in ((masks, SCORES), (stars, ANOMALOUS_FRACTIONS))
        for name, pair in fractions.items()
    }
    rows = []
    for one, other in _pairs(variants):
        for quantity, (_, (row_of, sums)) in compared.items():
            for (*item, time, kind), first in row_of.items():
                second = row_of.get((*other, time, kind))
                if tuple(item) != one or second is None or kind not in CLASSES:
                    continue
                where = {"method": one[0], "remedy": one[1]}
                where |= {"minus_method": other[0], "minus_remedy": other[1]}
                where |= {"exptime_s": time, "field_class": kind}
                rows.append(where | _compare(sums[:, [first, second]], quantity, resampling))
    table = Table([row for row in rows if row["fields"]], meta=meta)
    if len(table):
        table["exptime_s"].unit = "s"
    table.meta["interval"] += "; none where its ends would be the same"
    return table


def _pairs(variants: Table) -> Iterator[tuple[Item, Item]]:
    """Yield what is compared, and what with."""
    items = [(str(row["method"]), str(row["remedy"])) for row in variants]
    items = list(dict.fromkeys(items))
    first = items[0][0]
    for method, variant in items:
        if variant != UNCHANGED:
            yield (method, variant), (method, UNCHANGED)
        elif method != first:
            yield (method, variant), (first, UNCHANGED)
    for item in items:
        yield item, NOTHING
    for item in items:
        # How its own tuning changes the rival is there already.
        if item[0] != RIVAL[0] and RIVAL in items:
            yield item, RIVAL


def _sums(
    fields: Sequence[Table], pair: tuple[str, str]
) -> tuple[dict[tuple[Any, ...], int], NDArray[np.float64]]:
    """Return the sums of a fraction, shape (fields, rows, 2), and the row of each of `KEYS`."""
    names, sums = sum_rows(fields, KEYS, pair)
    return {tuple(row): i for i, row in enumerate(names)}, sums


def _compare(
    both: NDArray[np.float64], quantity: str, resampling: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the difference of two fractions, from numerators and denominators by field."""
    shared = (both[..., 1] > 0).all(axis=1)
    found = estimate(_difference, both * shared[:, np.newaxis, np.newaxis], resampling)
    (row,) = difference_rows([quantity], found)
    low, high = "difference_lo", "difference_hi"
    # Equal but for rounding.
    if np.isclose(row[low], row[high], rtol=0, atol=1e-12):
        row[low] = row[high] = np.nan
    return row | {"fields": int(shared.sum())}


def _difference(both: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the first fraction less the second one."""
    fractions = ratio(both[..., 0], both[..., 1])
    return fractions[..., 0, np.newaxis] - fractions[..., 1, np.newaxis]
