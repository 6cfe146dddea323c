"""Tuning of thresholds for CSST exposures, on validation fields.

A method is compared in two variants, the column ``remedy`` of all tables: with its default
threshold and with a tuned one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.curves.roc import COUNTS, flagged_px
from crstudy.metrics.names import FULL
from crstudy.metrics.pooling import ratio, series

#: Variants of a method.
UNCHANGED, THRESHOLD = "unchanged", "threshold"
VARIANTS = {
    UNCHANGED: "default threshold",
    THRESHOLD: "threshold with the highest F1 on the validation fields, exposure time by time",
}
RANKS = {name: rank for rank, name in enumerate(VARIANTS)}
#: Columns that identify the score maps of a field.
MAP_KEYS = ("method", "exptime_s")
#: What tuning chooses, and the F1 that it reaches on the validation fields.
CHOICE = ("threshold", "validation_f1")


def choose_variants(validation: Sequence[Table], defaults: Mapping[str, float]) -> Table:
    """Choose the threshold of every method, separately for each exposure time.

    Parameters
    ----------
    validation : sequence of Table
        One per validation field: columns `MAP_KEYS`, region and those of
        `crstudy.metrics.curves.roc.histogram`.
    defaults : mapping of str to float
        Default threshold of each method.

    Returns
    -------
    Table
        A row per method, exposure time and variant: exptime_s, remedy, threshold;
        validation_f1, NaN where nothing was chosen. A method that has failed on all validation
        fields is there only unchanged.
    """
    frames = [table[table["region"] == FULL] for table in validation]
    best = {}
    for key, thresholds, sums in series(frames, MAP_KEYS, "threshold", COUNTS):
        # The lowest bin holds what is below all thresholds.
        f1 = _f1(sums.sum(axis=0))
        highest = int(np.nanargmax(f1)) if np.isfinite(f1).any() else 0
        best[key["method"], key["exptime_s"]] = thresholds[1:][::-1][highest], f1[highest]
    times = sorted({float(time) for table in validation for time in table["exptime_s"]})
    rows: list[tuple[Any, ...]] = []
    for method in defaults:
        for time in times:
            rows.append((method, time, UNCHANGED, defaults[method], np.nan))
            if (method, time) in best:
                rows.append((method, time, THRESHOLD, *best[method, time]))
    return Table(rows=rows, names=("method", "exptime_s", "remedy", *CHOICE))


def _f1(counts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return F1 of counts, shape (bins, 2), at each threshold, the highest first."""
    flagged, total = flagged_px(counts.T)
    return ratio(2 * flagged[0], flagged.sum(axis=0) + total[0])
