"""Tables of what methods flag: true cosmic rays one by one, purity, star cores."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from crstudy.metrics.bootstrap import fraction_differences
from crstudy.metrics.objects.cosmic_rays import (
    COMPLETENESS,
    PURITY,
    completeness_table,
    purity_table,
)
from crstudy.metrics.objects.star_cores import ALARMS, false_alarm_table

#: Columns that name what was flagged, and a bin.
KEYS = ("method", "threshold_kind", "dilation_px")
BINS = ("property", "low", "high")
#: By kind of count, of `crstudy.metrics.objects.counting.count_method`: what else tells rows apart,
#: and the fractions to compare.
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
        objects, see `crstudy.metrics.objects.cosmic_rays.completeness_table`; purity, see
        `crstudy.metrics.objects.cosmic_rays.purity_table`; star_alarms, see
        `crstudy.metrics.objects.star_cores.false_alarm_table`; differences: a row per row of these
        that two methods share, and per fraction of it, see
        `crstudy.metrics.bootstrap.fraction_differences`, on the exposures on which neither has
        failed.
    """
    first, *others = methods
    differences = [
        table
        for other in others
        for table in _differences(counts, (other, first), missing, resampling)
        if len(table)
    ]
    return {
        "objects": completeness_table(counts["objects"], KEYS, resampling),
        "purity": purity_table(counts["purity"], KEYS, resampling),
        "star_alarms": false_alarm_table(counts["stars"], (*KEYS, *BINS), resampling),
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
