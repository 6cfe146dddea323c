"""Tables of true cosmic rays found, purity, and false alarms on star cores, of all groups."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from crstudy.metrics.bootstrap import fraction_differences, fraction_table
from crstudy.metrics.objects.cosmic_rays import COMPLETENESS, CRITERIA, PURITY
from crstudy.metrics.objects.star_cores import ALARMS

#: Columns that identify a mask, and a bin.
KEYS = ("method", "threshold_kind", "dilation_px")
BINS = ("property", "low", "high")
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
    resampling: Mapping[str, Any],
) -> dict[str, Table]:
    """Pool the counts of all groups.

    Parameters
    ----------
    counts : mapping of str to sequence of Table
        By kind, one per group: those of `crstudy.metrics.objects.counting.count_method` of all its
        chips, with a column exposure.
    methods : sequence of str
        Methods; differences are taken to the first.
    missing : mapping of str to sequence of str
        Exposures on which each method has failed.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    dict of str to Table
        objects, purity and star_alarms: `COMPLETENESS`, `PURITY` and `ALARMS` with intervals and
        counts; differences: a row per row of these that two methods share, and fraction, see
        `crstudy.metrics.bootstrap.fraction_differences`, on the exposures on which neither has
        failed.
    """
    objects, purity, stars = (
        fraction_table(counts[kind], (*KEYS, *bins), fractions, resampling)
        for kind, (bins, fractions) in FRACTIONS.items()
    )
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
        "differences": vstack(differences) if differences else Table(),
    }


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
