"""Tuning of detectors for CSST exposures: threshold and input scale, chosen on validation fields.

A method is compared in up to three variants, the column ``remedy`` of all tables: as published,
with a tuned threshold, and, if it is a net, with threshold and input scale tuned together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.curves.roc import COUNTS, flagged_px
from crstudy.metrics.names import FULL
from crstudy.metrics.pooling import ratio, series

#: Variants of a method; classical methods know the noise, and need no other scale.
UNCHANGED, THRESHOLD, RESCALED = "unchanged", "threshold", "threshold and scale"
VARIANTS = {
    UNCHANGED: "threshold and input as they come",
    THRESHOLD: "threshold with the highest F1 on the validation fields, exposure time by time",
    RESCALED: "the same of thresholds and factors on the net's input together",
}
RANKS = {name: rank for rank, name in enumerate(VARIANTS)}
#: Columns that identify the score maps of a field.
MAP_KEYS = ("method", "exptime_s", "scale")
#: What tuning chooses, and the F1 that it reaches on the validation fields.
CHOICE = ("scale", "threshold", "validation_f1")


def choose_variants(validation: Sequence[Table], defaults: Mapping[str, float]) -> Table:
    """Choose threshold and input scale of every method, separately for each exposure time.

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
        A row per method, exposure time and variant: exptime_s, remedy, scale, threshold;
        validation_f1, NaN where nothing was chosen. A method that has failed on all validation
        fields is there only unchanged.
    """
    frames = [table[table["region"] == FULL] for table in validation]
    best: dict[tuple[str, float], dict[float, tuple[float, float]]] = {}
    for key, thresholds, sums in series(frames, MAP_KEYS, "threshold", COUNTS):
        # The lowest bin holds what is below all thresholds.
        f1 = _f1(sums.sum(axis=0))
        highest = int(np.nanargmax(f1)) if np.isfinite(f1).any() else 0
        found = f1[highest], thresholds[1:][::-1][highest]
        best.setdefault((str(key["method"]), float(key["exptime_s"])), {})[key["scale"]] = found
    times = sorted({float(time) for table in validation for time in table["exptime_s"]})
    rows: list[tuple[Any, ...]] = []
    for method in defaults:
        for time in times:
            rows.append((method, time, UNCHANGED, 1.0, defaults[method], np.nan))
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


def is_fully_tuned(table: Table) -> NDArray[np.bool_]:
    """Mark the rows with the last variant that a method has at an exposure time."""
    keys = [(row["method"], row["exptime_s"], RANKS[row["remedy"]]) for row in table]
    last = {(method, time): rank for method, time, rank in sorted(keys)}
    return np.array([last[method, time] == rank for method, time, rank in keys], dtype=bool)


def without_partly_tuned(variants: Table) -> Table:
    """Keep only the unchanged and the fully tuned variant of each method."""
    return variants[is_fully_tuned(variants) | (variants["remedy"] == UNCHANGED)]
