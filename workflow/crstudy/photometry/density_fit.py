"""Lines through contaminated and anomalous fractions against CR density (paper figure 6)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.stats import linregress

from crstudy.metrics.bootstrap import MIN_GROUPS, interval, interval_words

#: Values that the paper reads off its fits: quantity and CR fraction.
READ_AT = {"contaminated": 0.09, "anomalous": 0.14}


def fit_density(
    density: Table, min_stars: int, resampling: Mapping[str, Any], meta: Mapping[str, Any]
) -> Table:
    """Fit lines to contaminated and anomalous fractions against CR fraction.

    Parameters
    ----------
    density : Table
        Rows of `crstudy.photometry.density.tabulate_steps` with the column group.
    min_stars : int
        Minimum number of stars of a point.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.
    meta : mapping
        Metadata to keep.

    Returns
    -------
    Table
        A row per test and area bin: points, groups, slope, intercept and Pearson r with interval,
        p, and the line's value (``value_at``) at the CR fraction at which the paper reads it.
        NaN where fewer than three points or no spread of either axis leave it undefined, and
        intervals with fewer than `MIN_GROUPS` groups.
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
        "interval": interval_words(resampling),
    }
    table["value_at"].description = "value of the line at at_cr_fraction; not cut to 0..1"
    return table


def _fit(points: Table, column: str, at: float, resampling: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of `fit_density`."""
    x, y = (np.asarray(points[name], dtype=float) for name in ("cr_fraction", column))
    names, member = np.unique(np.asarray(points["group"]), return_inverse=True)
    fit = fit_line(x, y)
    row = {"points": len(x), "groups": len(names), "stars": int(points["stars"].sum())}
    row |= {"p_value": fit.pvalue, "at_cr_fraction": at}
    values = (fit.slope, fit.intercept, fit.intercept + at * fit.slope, fit.rvalue)
    samples = _resample(x, y, member, at, resampling)
    columns = ("slope", "intercept", "value_at", "pearson_r")
    for name, value, sample in zip(columns, values, samples, strict=True):
        defined = np.isfinite(value)
        low, high = interval(sample, resampling["confidence"]) if defined else (np.nan, np.nan)
        row |= {name: value, f"{name}_lo": low, f"{name}_hi": high}
    return row


def _resample(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    member: NDArray[np.integer],
    at: float,
    resampling: Mapping[str, Any],
) -> NDArray[np.float64]:
    """Return slope, intercept, value at `at` and Pearson r of lines through resampled groups."""
    n_groups = member.max(initial=-1) + 1
    if n_groups < MIN_GROUPS:
        return np.full((4, 1), np.nan)
    terms = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    sums = np.array([np.bincount(member, term, n_groups) for term in terms])
    rng = np.random.default_rng(resampling["seed"])
    picks = rng.integers(n_groups, size=(resampling["samples"], n_groups))
    n, sx, sy, sxx, syy, sxy = sums[:, picks].sum(axis=2)
    xx, yy, xy = n * sxx - sx**2, n * syy - sy**2, n * sxy - sx * sy
    slope = _ratio(xy, xx)
    intercept = (sy - slope * sx) / n
    return np.array([slope, intercept, intercept + at * slope, _ratio(xy, np.sqrt(xx * yy))])


def _ratio(upper: NDArray[np.floating], lower: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.divide(upper, lower, out=np.full(np.shape(upper), np.nan), where=lower > 0)


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
