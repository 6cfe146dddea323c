"""Lines through contaminated and anomalous fractions against CR density (paper figure 6)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.stats import linregress

from crstudy.bootstrap import interval

#: Values that the paper reads off its fits: quantity and CR fraction.
READ_AT = {"contaminated": 0.09, "anomalous": 0.14}


def fit_density(
    density: Table, min_stars: int, resampling: Mapping[str, Any], meta: Mapping[str, Any]
) -> Table:
    """Fit lines to contaminated and anomalous fractions against CR fraction.

    Parameters
    ----------
    density : Table
        Rows of `crstudy.density.tabulate_rungs` with the column group.
    min_stars : int
        A point needs this many stars.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.
    meta : mapping
        Metadata to keep.

    Returns
    -------
    Table
        A row per test and area bin: points, groups, slope and intercept with interval, Pearson r
        and p, and the line's value (``value_at``) at the CR fraction at which the paper reads it.
        NaN where fewer than three points or no spread of either axis leave it undefined.
    """
    rows = []
    for test, at in READ_AT.items():
        for name in dict.fromkeys(density["area_bin"]):
            here = density[(density["area_bin"] == name) & (density["stars"] >= min_stars)]
            rows.append(
                {"quantity": f"{test} {name}"} | _fit(here, f"{test}_fraction", at, resampling)
            )
    table = Table(rows)
    table.meta = {
        **meta,
        "min_stars": min_stars,
        "points": "a point is an exposure on a step; steps of one group are not independent, so "
        "p_value, computed as in the paper, is too small; the intervals resample groups",
        "interval": f"{100 * resampling['confidence']:g} % percentile interval, bootstrap over "
        "groups",
    }
    table["value_at"].description = "value of the line at at_cr_fraction; not cut to 0..1"
    return table


def _fit(points: Table, column: str, at: float, resampling: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of `fit_density`."""
    x, y = (np.asarray(points[name], dtype=float) for name in ("cr_fraction", column))
    names, member = np.unique(np.asarray(points["group"]), return_inverse=True)
    fit = fit_line(x, y)
    row = {"points": len(x), "groups": len(names), "stars": int(points["stars"].sum())}
    row |= {"pearson_r": fit.rvalue, "p_value": fit.pvalue, "at_cr_fraction": at}
    rng = np.random.default_rng(resampling["seed"])
    by_group = [np.flatnonzero(member == i) for i in range(len(names))]
    fits = []
    for _ in range(resampling["samples"] if len(names) > 1 else 0):
        picks = np.concatenate([by_group[i] for i in rng.integers(len(names), size=len(names))])
        again = fit_line(x[picks], y[picks])
        fits.append((again.slope, again.intercept, again.intercept + at * again.slope))
    values = (fit.slope, fit.intercept, fit.intercept + at * fit.slope)
    samples = np.array(fits).reshape(-1, 3).T
    for name, value, sample in zip(
        ("slope", "intercept", "value_at"), values, samples, strict=True
    ):
        low, high = interval(sample, resampling["confidence"])
        row |= {name: value, f"{name}_lo": low, f"{name}_hi": high}
    return row


class Line(NamedTuple):
    """A fitted line; NaN where it is undefined."""

    slope: float = np.nan
    intercept: float = np.nan
    rvalue: float = np.nan
    pvalue: float = np.nan


def fit_line(x: NDArray[np.floating], y: NDArray[np.floating]) -> Line:
    """Fit a line by least squares; undefined with fewer than three points or without spread."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Line()
    fit = linregress(x, y)
    return Line(fit.slope, fit.intercept, fit.rvalue, fit.pvalue)
