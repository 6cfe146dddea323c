"""Thresholds at which methods flag pixels: matched in false-positive rate, and their defaults."""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.config.registry import METHODS
from crstudy.metrics.curves.roc import COUNTS, at_rates
from crstudy.metrics.names import FULL, all_strata
from crstudy.metrics.pooling import series

#: Kinds of threshold: at the common false-positive rate in the full frame, at the same rate in the
#: lowest star region, and the default of a method.
MATCHED, MATCHED_STARS, DEFAULT = "matched", "matched_on_stars", "default"


def threshold_table(
    tables: Sequence[Table], rate: float, defaults: Mapping[str, float], star_region: str
) -> Table:
    """Choose the threshold of every method.

    Parameters
    ----------
    tables : sequence of Table
        Histograms of any groups, see `crstudy.metrics.curves.roc_tables.curve_table`.
    rate : float
        False-positive rate: against the truth where it is known, else against the reference.
    defaults : mapping of str to float
        Default threshold of each method.
    star_region : str
        Name of the lowest star region.

    Returns
    -------
    Table
        A row per method and threshold_kind, `MATCHED`, `MATCHED_STARS` or `DEFAULT`: threshold, NaN
        where no threshold of a method reaches the rate. A user applies one map at one threshold:
        that of `MATCHED_STARS` belongs to the map whose parameters are tuned for stars
        (`crstudy.data.score_maps.read_star_scores`), the others to that for the full frame.

    Notes
    -----
    The matched threshold of a probability is interpolated. A method that only flags is not run
    again: the threshold of its scan nearest to the wanted one is taken, and its false-positive
    rate is as near as the steps of the scan allow.
    """
    against = "truth" if any("truth" in table["comparison"] for table in tables) else "reference"
    compared = [t[t["comparison"] == against] for t in map(all_strata, tables)]
    rows: list[tuple[str, str, float]] = []
    for key, places, sums in series(compared, ["method", "region"], "threshold", COUNTS):
        kinds = {FULL: (MATCHED, DEFAULT), star_region: (MATCHED_STARS,)}.get(key["region"], ())
        steps, method = places[1:], key["method"]
        matched = float(at_rates(sums.sum(axis=0).T, steps, [rate])[0, 1])
        for kind in kinds:
            threshold = defaults[method] if kind == DEFAULT else matched
            if METHODS[method].unit != "probability" and np.isfinite(threshold):
                threshold = float(steps[np.abs(steps - threshold).argmin()])
            rows.append((method, kind, threshold))
    names, dtypes = ("method", "threshold_kind", "threshold"), (str, str, float)
    return Table(rows=rows or None, names=names, dtype=None if rows else dtypes)


def describe_thresholds(rate: float, n_held_out: int, star_region: str) -> str:
    """Return the metadata of a table on how thresholds were chosen."""
    where = (
        f"the held-out groups ({n_held_out})" if n_held_out else "the compared groups themselves"
    )
    return (
        f"{MATCHED} thresholds: {100 * rate:g} % false positives in the full frame of {where}; "
        f"{MATCHED_STARS}: the same on their stars above {star_region} RMS, of maps tuned for "
        f"these; {DEFAULT}: the one that each method suggests"
    )


def flag(score: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    """Return the pixels whose score is at least a threshold, as in `crstudy.metrics.curves.roc`."""
    return score >= score.dtype.type(threshold)
