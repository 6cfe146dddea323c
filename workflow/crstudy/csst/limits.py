"""Exposure times at which the fraction of anomalous stars on CSST exposures exceeds a level."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.csst.photometry import count_stars, methods_of
from crstudy.csst.scores import in_order
from crstudy.metrics.bootstrap import (
    MIN_GROUPS,
    describe_resampling,
    draw_weights,
    interval_columns,
)
from crstudy.metrics.pooling import ratio, series

#: Fractions of anomalous stars for which the exposure time is determined.
LEVELS = (0.01, 0.05)
#: Where the curve of a method crosses such a level.
WITHIN, BELOW, BEYOND = "within", "below the shortest", "beyond the longest"


def limit_table(fields: Sequence[Table], flux_sigma: float, resampling: Mapping[str, Any]) -> Table:
    """Find the exposure times at which the fraction of anomalous stars exceeds `LEVELS`.

    Parameters
    ----------
    fields, flux_sigma, resampling
        As for `crstudy.csst.photometry.photometry_table`.

    Returns
    -------
    Table
        A row per method, variant, field class and level: exptime_s, linear between exposure
        times, NaN unless it lies `WITHIN` them; reached, where it lies; exptime_s_lo and _hi,
        NaN where the interval is open on this side; samples_within, the fraction of the bootstrap
        samples in which it lies within.
    """
    counts = [count_stars(one, flux_sigma) for one in fields]
    weights = draw_weights(len(fields), resampling["samples"], resampling["seed"])
    tails = 50 * (1 - resampling["confidence"]), 50 * (1 + resampling["confidence"])
    rows = []
    keys = ("method", "remedy", "field_class")
    for key, times, sums in series(counts, keys, "exptime_s", ("anomalous", "stars")):
        drawn = np.tensordot(weights, sums, axes=1)
        for level in LEVELS:
            value = float(first_above(sums.sum(axis=0), times, level))
            samples = first_above(drawn, times, level)
            samples = samples[~np.isnan(samples)]
            ends = np.full(2, np.nan)
            if (sums[..., 1] > 0).any(axis=1).sum() >= MIN_GROUPS and samples.size:
                # Samples beyond the times are infinite: between them nothing is interpolated.
                ends = np.percentile(samples, tails, method="inverted_cdf")
            rows.append(
                key
                | {"level": level, "reached": _reached(value)}
                | interval_columns("exptime_s", (_inside(one) for one in (value, *ends)))
                | {"samples_within": _fraction_within(samples)}
            )
    table = in_order(Table(rows, meta=describe_resampling(resampling)), methods_of(fields))
    table["reached"].description = "by the measured fractions, of however few stars"
    for end in ("", "_lo", "_hi"):
        table[f"exptime_s{end}"].unit = "s"
    return table


def first_above(
    counts: NDArray[np.floating], times: NDArray[np.floating], level: float
) -> NDArray[np.float64]:
    """Return the time at which a fraction first exceeds a level.

    Parameters
    ----------
    counts : ndarray, shape (..., n, 2)
        Numerator and denominator at each time.
    times : ndarray, shape (n,)
        Increasing times.
    level : float
        The fraction.

    Returns
    -------
    ndarray, shape (...)
        Linear between the times; 0 if the first one is above, infinite if none is; NaN if the
        fraction before it is undefined.
    """
    fraction = ratio(counts[..., 0], counts[..., 1])
    above = fraction > level
    index = np.argmax(above, axis=-1)
    before = np.maximum(index - 1, 0)
    low, high = (np.take_along_axis(fraction, i[..., None], -1)[..., 0] for i in (before, index))
    weight = ratio(level - low, high - low)
    crossing = times[before] + weight * (times[index] - times[before])
    crossing = np.where(index == 0, 0.0, crossing)
    return np.where(above.any(axis=-1), crossing, np.inf)


def _reached(time: float) -> str:
    if np.isnan(time):
        return "undefined"
    return BELOW if time == 0 else BEYOND if np.isinf(time) else WITHIN


def _fraction_within(times: NDArray[np.floating]) -> float:
    """Return the fraction of times within the exposure times; NaN without any."""
    return float((np.isfinite(times) & (times > 0)).mean()) if times.size else np.nan


def _inside(time: float) -> float:
    """Return a time; NaN if it lies below or beyond the exposure times."""
    return float(time) if np.isfinite(time) and time > 0 else np.nan
