"""Stability of deepCR: scores on stars and photometric RMS against date (paper section 3.3)."""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table
from astropy.time import Time
from numpy.typing import ArrayLike
from scipy.stats import kendalltau, theilslopes

from crstudy.metrics.names import WITH_RIMS, all_strata
from crstudy.metrics.scores import BETAS, score
from crstudy.photometry.summary import ALL

DAYS_PER_DECADE = 3652.5


def score_groups(counts: Mapping[str, Table], summary: Table, region: str, model: str) -> Table:
    """Collect each group's F scores on stars and its photometric RMS.

    Parameters
    ----------
    counts : mapping of str to Table
        Pixel counts by group.
    summary : Table
        Of `crstudy.photometry.summary.summarise`.
    region : str
        Star region whose pixels are scored, such as ``'3'``.
    model : str
        Mask net.

    Returns
    -------
    Table
        A row per group and comparison (``reference``; ``truth`` where known): observed, mjd,
        year, recall, precision, f05, f1, f2, cr_px (pixels that recall divides by),
        rms_trimmed and the number of measurements behind it.
    """
    rows = []
    for line in summary[summary["group"] != ALL]:
        table = all_strata(counts[line["group"]])
        mine = table[(table["model"] == model) & (table["region"] == region)]
        for comparison in dict.fromkeys(mine["comparison"]):
            if comparison.endswith(WITH_RIMS):
                continue
            here = mine[mine["comparison"] == comparison]
            tp, fp, fn = (int(here[name].sum()) for name in ("tp", "fp", "fn"))
            row = {name: line[name] for name in ("group", "observed", "mjd")}
            row |= {"year": Time(line["mjd"], format="mjd").decimalyear, "comparison": comparison}
            row |= {name: float(value) for name, value in score(tp, fp, fn).items()}
            row |= {"cr_px": tp + fn, "rms_trimmed": line["rms_trimmed"]}
            rows.append(row | {"measurements": line["measurements"]})
    table = Table(rows)
    table["mjd"].unit, table["cr_px"].unit = "d", "pix"
    table.meta = {
        **{name: summary.meta[name] for name in ("dataset", "observed_with")},
        "region": f"pixels of sources above {region} RMS",
        "model": model,
        "scores": "F_beta = (1 + beta^2) precision recall / (beta^2 precision + recall): F0.5 "
        "weighs precision more, F2 recall; with recall below precision F2 lies below F1",
        "undefined": "NaN: no pixel or no star to divide by",
    }
    return table


def find_trends(stability: Table, confidence: float) -> Table:
    """Fit a robust line against date to every score and to the RMS.

    Parameters
    ----------
    stability : Table
        Of `score_groups`.
    confidence : float
        Coverage of the intervals, 0..1.

    Returns
    -------
    Table
        A row per quantity: groups, mean, std, standard_error, slope_per_decade with interval
        (Theil-Sen), equivalence_per_decade (the largest drift inside that interval), kendall_tau
        and p_value. NaN with fewer than three groups or without a spread of dates.
    """
    rows = []
    for comparison in dict.fromkeys(stability["comparison"]):
        here = stability[stability["comparison"] == comparison]
        for name in BETAS:
            rows.append(_trend(f"{name} {comparison}", here["mjd"], here[name], confidence))
    one = stability[stability["comparison"] == stability["comparison"][0]]
    rows.append(_trend("rms_trimmed", one["mjd"], one["rms_trimmed"], confidence))
    table = Table(rows)
    table.meta = {
        **stability.meta,
        "interval": f"{100 * confidence:g} % interval of the Theil-Sen slope over groups (Sen "
        "1968); with fewer than six groups it is the range of all slopes, which holds the true "
        "one in 67 % (three groups), 92 % (four) and 98 % (five) of cases",
        "equivalence_per_decade": "no drift larger than this per decade: the further end of that "
        "interval",
    }
    return table


def _trend(
    quantity: str, mjd: ArrayLike, values: ArrayLike, confidence: float
) -> dict[str, object]:
    """Return a row of `find_trends`."""
    y = np.asarray(values, dtype=float)
    defined = np.isfinite(y)
    x, y = np.asarray(mjd, dtype=float)[defined] / DAYS_PER_DECADE, y[defined]
    n = len(y)
    std = float(y.std(ddof=1)) if n > 1 else np.nan
    row = {"quantity": quantity, "groups": n, "mean": float(y.mean()) if n else np.nan, "std": std}
    row["standard_error"] = std / np.sqrt(n) if n else np.nan
    slope = low = high = tau = p = np.nan
    if n >= 3 and np.ptp(x) > 0:
        slope, _, low, high = theilslopes(y, x, alpha=confidence)
    if n >= 3 and np.ptp(x) > 0 and np.ptp(y) > 0:
        tau, p = kendalltau(x, y)
    return row | {
        "slope_per_decade": slope,
        "slope_per_decade_lo": low,
        "slope_per_decade_hi": high,
        "equivalence_per_decade": max(abs(low), abs(high)),
        "kendall_tau": tau,
        "p_value": p,
    }
