"""Intervals from a bootstrap over clusters: groups of exposures, or stars of one group."""

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np
from numpy.random import default_rng
from numpy.typing import ArrayLike, NDArray

#: Takes the weight of every measurement and returns a number, NaN where it is undefined.
Statistic = Callable[[NDArray[np.floating]], float]
#: Fewer groups give no interval that decides anything: two, drawn with replacement, give three
#: different samples only.
MIN_GROUPS = 3


def bootstrap(
    statistic: Statistic, clusters: ArrayLike, samples: int, confidence: float, seed: int
) -> tuple[float, float, float]:
    """Return a statistic with its percentile interval.

    Parameters
    ----------
    statistic : callable
        Of the weights of all measurements.
    clusters : array-like, shape (n,)
        Cluster of each measurement: measurements of one cluster are not independent, so whole
        clusters are drawn, with replacement.
    samples : int
        Number of bootstrap samples.
    confidence : float
        Coverage of the interval, 0..1.
    seed : int
        Seed of the resampling.

    Returns
    -------
    value, low, high : float
        The interval is NaN with fewer than two clusters in which the statistic is defined: one
        cluster does not tell how clusters differ.
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    n = len(names)
    value = statistic(np.ones(len(member)))
    alone = (statistic((member == i).astype(float)) for i in range(n))
    if len(list(islice((one for one in alone if np.isfinite(one)), 2))) < 2:
        return value, np.nan, np.nan
    rng = default_rng(seed)
    values = np.empty(samples)
    for i in range(samples):
        draw = np.bincount(rng.integers(n, size=n), minlength=n).astype(float)
        values[i] = statistic(draw[member])
    low, high = interval(values, confidence)
    return value, low, high


def interval(values: NDArray[np.floating], confidence: float) -> tuple[float, float]:
    """Return the central percentile interval of the defined values; NaN without any."""
    defined = values[np.isfinite(values)]
    if defined.size == 0:
        return np.nan, np.nan
    low, high = np.percentile(defined, (50 * (1 - confidence), 50 * (1 + confidence)))
    return float(low), float(high)


def fraction(among: ArrayLike, happens: ArrayLike) -> Statistic:
    """Return the statistic "part of `among` in which it happens"; undefined without any."""
    of = np.asarray(among, dtype=float)
    hits = of * np.asarray(happens)

    def part(weights: NDArray[np.floating]) -> float:
        total = weights @ of
        return float(weights @ hits / total) if total > 0 else np.nan

    return part


def trimmed_rms(residuals: ArrayLike, cut: float) -> Statistic:
    """Return the statistic "RMS without the smallest and the largest part `cut`".

    Of n values, the largest whole number not above ``cut * n`` is dropped at either end.
    """
    values = np.asarray(residuals, dtype=float)
    order = np.argsort(values)
    squares = values[order] ** 2

    def rms(weights: NDArray[np.floating]) -> float:
        # A weight is a number of copies: cut them like so many equal values.
        rank = np.cumsum(weights[order])
        total = rank[-1] if rank.size else 0
        dropped = np.floor(cut * total)
        kept = np.diff(np.clip(rank, dropped, total - dropped), prepend=dropped)
        left = total - 2 * dropped
        return float(np.sqrt(kept @ squares / left)) if left > 0 else np.nan

    return rms


def median(values: ArrayLike) -> Statistic:
    """Return the statistic "median"; undefined without values."""
    numbers = np.asarray(values, dtype=float)
    order = np.argsort(numbers)

    def middle(weights: NDArray[np.floating]) -> float:
        rank = np.cumsum(weights[order])
        if rank.size == 0 or rank[-1] == 0:
            return np.nan
        halves = (
            np.searchsorted(rank, rank[-1] / 2, side="left"),
            np.searchsorted(rank, rank[-1] / 2, side="right"),
        )
        return float(numbers[order][list(halves)].mean())

    return middle


def named(name: str, values: Iterable[float]) -> dict[str, float]:
    """Return a statistic and its interval as columns ``name``, ``name_lo`` and ``name_hi``."""
    return dict(zip((name, f"{name}_lo", f"{name}_hi"), values, strict=True))
