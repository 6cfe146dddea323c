"""Photometry of each group in a few numbers (paper section 3.2 and figure 8)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.bootstrap import (
    UNDEFINED,
    bootstrap,
    fraction,
    interval_columns,
    trimmed_rms,
)
from crstudy.photometry.flux_tests import anomalous, contaminated, flux_ratio, used_rows

ALL = "all"
#: Fraction of the ratios that is dropped at either end (paper section 3.3).
TRIM = 0.05
#: Ratios outside the first are anomalous, inside the second good (paper section 3.2).
OUTSIDE, INSIDE = (0.9, 1.1), (0.97, 1.03)

MEANINGS = {
    "group": "group of exposures of one field; all: the measurements of all groups",
    "stars": "stars of the group",
    "measurements": "stars times exposures that are used",
    "excluded": "stars times exposures that are not used",
    "contaminated": "used measurements whose original and clean flux differ by more than "
    "flux_sigma",
    "contaminated_fraction": "contaminated over used measurements",
    "anomalous_fraction": "used measurements whose deepCR and clean flux differ by more than "
    "flux_sigma",
    "outside_10_fraction": "of the contaminated: deepCR flux over clean flux outside 0.9..1.1",
    "inside_3_fraction": "of the contaminated: deepCR flux over clean flux inside 0.97..1.03",
    "rms_trimmed": "RMS of (deepCR flux / clean flux - 1) of all used measurements, without the "
    "smallest and the largest 5 %",
}


def summarise(
    photometry: Table, groups: Table, flux_sigma: float, resampling: Mapping[str, Any]
) -> Table:
    """Summarise the photometry of each group and of all.

    Parameters
    ----------
    photometry : Table
        Columns of `crstudy.photometry.forced.COLUMNS`.
    groups : Table
        Of `crstudy.metrics.group_summary.describe_groups`.
    flux_sigma : float
        Difference that makes a star contaminated, in flux errors.
    resampling : mapping
        samples, confidence and seed of `crstudy.metrics.bootstrap.bootstrap`. Within a group stars
        are resampled, for all groups the groups.

    Returns
    -------
    Table
        A row per group and a last one for all.
    """
    rows = []
    for described in groups:
        here = photometry[photometry["group"] == described["group"]]
        stars = np.asarray(here["star"])
        row = {name: described[name] for name in ("group", "observed", "mjd", "exptime")}
        rows.append(row | _numbers(here, stars, flux_sigma, resampling))
    mean = {"mjd": groups["mjd"].mean(), "exptime": groups["exptime"].mean()}
    numbers = pooled_numbers(photometry, flux_sigma, resampling)
    dates = f"{min(groups['observed'])}..{max(groups['observed'])}"
    rows.append({"group": ALL, "observed": dates, **mean, **numbers})
    table = Table(rows)
    table.meta = {
        **groups.meta,
        "flux_sigma": flux_sigma,
        "ratio": "deepCR (inpainted) flux over the flux of the clean image",
        "interval": f"{100 * resampling['confidence']:g} % percentile interval; rows of a group: "
        "bootstrap over its stars; row all: over groups",
        "undefined": UNDEFINED.format("groups or stars"),
    }
    table["mjd"].unit, table["exptime"].unit = "d", "s"
    for name, meaning in MEANINGS.items():
        table[name].description = meaning
    return table


def pooled_numbers(
    photometry: Table, flux_sigma: float, resampling: Mapping[str, Any]
) -> dict[str, float]:
    """Return the numbers of all groups together, with intervals over groups.

    Parameters
    ----------
    photometry, flux_sigma, resampling
        As for `summarise`.

    Returns
    -------
    dict of str to float
        By column of the summary.
    """
    return _numbers(photometry, np.asarray(photometry["group"]), flux_sigma, resampling)


def _numbers(
    rows: Table, clusters: NDArray, flux_sigma: float, resampling: Mapping[str, Any]
) -> dict[str, float]:
    """Return the numbers of a row of the summary."""
    used, clusters = used_rows(rows), clusters[np.asarray(rows["used"], dtype=bool)]
    dirty, ratio = contaminated(used, flux_sigma), flux_ratio(used)
    everything = np.ones(len(used), bool)
    statistics = {
        "contaminated_fraction": fraction(everything, dirty),
        "anomalous_fraction": fraction(everything, anomalous(used, flux_sigma)),
        "outside_10_fraction": fraction(dirty, (ratio < OUTSIDE[0]) | (ratio > OUTSIDE[1])),
        "inside_3_fraction": fraction(dirty, (ratio > INSIDE[0]) & (ratio < INSIDE[1])),
        "rms_trimmed": trimmed_rms(ratio - 1, TRIM),
    }
    numbers: dict[str, float] = {
        "stars": len(set(zip(rows["group"], rows["star"], strict=True))),
        "measurements": len(used),
        "excluded": len(rows) - len(used),
        "contaminated": int(dirty.sum()),
    }
    for name, statistic in statistics.items():
        numbers |= interval_columns(name, bootstrap(statistic, clusters, **resampling))
    return numbers
