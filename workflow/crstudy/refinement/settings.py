"""Mask refinement on stars: its kinds, their parameters, and the choice of these by tuning."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from astropy.table import Table

from crstudy.metrics.names import FULL
from crstudy.metrics.pooling import ratio, sum_table

#: Kinds of refinement, the column ``remedy`` of all tables: deepCR's unrefined mask; another
#: threshold in the light of stars; pixels added that stars do not explain, removed if they do.
NONE, THRESHOLD, RESIDUALS = "none", "region threshold", "psf residuals"
REFINEMENTS = (NONE, THRESHOLD, RESIDUALS)
#: Values that tuning tries.
MODEL_ERRORS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
STAR_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
RECOVER_SIGMAS = (4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0)
PROTECT_SIGMAS = (0.0, 3.0, 5.0, 8.0, 12.0, 20.0)
CRITERION = "highest F1 in star regions above the lowest multiple of the background RMS"
#: Columns of the pixel counts of refined masks.
MASK_COUNTS = ("method", "comparison", "region", "stratum", "tp", "flagged", "positives")
#: Counts of trials in the star regions, and in the full frame.
COUNTED = tuple(f"{n}{end}" for end in ("", f"_{FULL}") for n in ("tp", "flagged", "positives"))


class Setting(NamedTuple):
    """Parameters of a refinement; NaN where it has none.

    Attributes
    ----------
    model_error : float
        Error of the star model, a fraction of a star's light around a pixel.
    star_threshold : float
        Probability above which a pixel in the light of stars is flagged.
    recover_sigma : float
        Residual above which a pixel is flagged.
    protect_sigma : float
        The core of a star with all residuals below this is never flagged; 0: off.
    """

    model_error: float
    star_threshold: float = np.nan
    recover_sigma: float = np.nan
    protect_sigma: float = np.nan


def trial_settings() -> list[tuple[str, Setting]]:
    """Return all refinements and settings that tuning tries."""
    nan = np.nan
    of_residuals = product(MODEL_ERRORS, [nan], RECOVER_SIGMAS, PROTECT_SIGMAS)
    return [
        *((THRESHOLD, Setting(*values)) for values in product(MODEL_ERRORS, STAR_THRESHOLDS)),
        *((RESIDUALS, Setting(*values)) for values in of_residuals),
    ]


def choose_settings(chips: Sequence[Table]) -> Table:
    """Choose the setting of each refinement.

    Parameters
    ----------
    chips : sequence of Table
        Of `crstudy.refinement.refine.try_settings`, for chips of the held-out groups.

    Returns
    -------
    Table
        A row per refinement and setting: sums over all chips, f1 in the star regions, and chosen:
        by `CRITERION`. An F1 of nothing is NaN; if all are, the first setting is taken.
    """
    table = sum_table(chips, ("remedy", *Setting._fields), COUNTED)
    table["f1"] = ratio(2 * table["tp"], table["flagged"] + table["positives"])
    table["chosen"] = False
    for kind in REFINEMENTS:
        rows = np.flatnonzero(table["remedy"] == kind)
        f1 = np.asarray(table["f1"])[rows]
        table["chosen"][rows[np.nanargmax(f1) if np.isfinite(f1).any() else 0]] = True
    table.meta["criterion"] = CRITERION
    return table


def chosen_settings(table: Table) -> dict[str, Setting]:
    """Return the chosen setting of each refinement, that of the unrefined mask first."""
    return {
        str(row["remedy"]): Setting(*(float(row[name]) for name in Setting._fields))
        for row in table[np.asarray(table["chosen"], dtype=bool)]
    }
