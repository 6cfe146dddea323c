"""Bootstrap intervals over clusters: groups of exposures, or stars of one group.

Pixels of one group, and measurements of one star, are not independent: whole clusters are drawn
with replacement. Every statistic of the same groups gets the same draws, so that a difference
between two methods is paired.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from numpy.random import default_rng
from numpy.typing import ArrayLike, NDArray

from crstudy.metrics.pooling import ratio, sum_rows, sum_table
from crstudy.metrics.scores import SCORES, score

#: Takes the weight of every measurement and returns a number, NaN where it is undefined.
Statistic = Callable[[NDArray[np.floating]], float]
#: Takes sums of shape (..., k), or (..., rows, k), over any weighting of the groups, and returns
#: numbers of shape (...) or (..., q): NaN where they are undefined.
Pooled = Callable[[NDArray[np.floating]], NDArray[np.floating]]
#: With fewer groups, or clusters, there is no interval: two, drawn with replacement, give three
#: different samples only.
MIN_GROUPS = 3
#: Why an interval is undefined, for the metadata of tables.
UNDEFINED = (
    f"NaN: nothing to divide by, or for an interval fewer than {MIN_GROUPS} {{}} with something to "
    "divide by"
)


class Estimate(NamedTuple):
    """A statistic with its percentile interval.

    Attributes
    ----------
    value, low, high : ndarray, shape () or (q,)
        NaN where undefined.
    undefined : ndarray of int, shape () or (q,)
        Bootstrap samples in which it is undefined; the interval leaves them out.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    undefined: NDArray[np.int64]


def estimate(statistic: Pooled, sums: ArrayLike, resampling: Mapping[str, Any]) -> Estimate:
    """Return a statistic of sums over groups with its interval.

    Parameters
    ----------
    statistic : callable
        Of pooled sums.
    sums : array-like, shape (groups, ...)
        Sums of each group.
    resampling : mapping
        samples, confidence and seed of the bootstrap.

    Returns
    -------
    Estimate
        The interval is NaN with fewer than `MIN_GROUPS` groups in which the statistic is defined.
    """
    of_groups = np.asarray(sums, dtype=float)
    weights = draw_weights(len(of_groups), resampling["samples"], resampling["seed"])
    value = np.asarray(statistic(of_groups.sum(axis=0)))
    drawn = np.asarray(statistic(np.tensordot(weights, of_groups, axes=1)))
    enough = np.isfinite(statistic(of_groups)).sum(axis=0) >= MIN_GROUPS
    known = np.where(enough & np.isfinite(value), drawn, np.nan)
    low, high = np.apply_along_axis(interval, 0, known, resampling["confidence"])
    return Estimate(value, low, high, (~np.isfinite(drawn)).sum(axis=0))


def bootstrap(
    statistic: Statistic, clusters: ArrayLike, samples: int, confidence: float, seed: int
) -> tuple[float, float, float]:
    """Return a statistic of single measurements with its percentile interval.

    Parameters
    ----------
    statistic : callable
        Of the weights of all measurements.
    clusters : array-like, shape (n,)
        Cluster of each measurement.
    samples : int
        Number of bootstrap samples.
    confidence : float
        Coverage of the interval, 0..1.
    seed : int
        Seed of the resampling.

    Returns
    -------
    value, low, high : float
        The interval is NaN with fewer than `MIN_GROUPS` clusters in which the statistic is
        defined.
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    value = statistic(np.ones(len(member)))
    alone = (statistic((member == i).astype(float)) for i in range(len(names)))
    if sum(1 for _ in islice(filter(np.isfinite, alone), MIN_GROUPS)) < MIN_GROUPS:
        return value, np.nan, np.nan
    # One sample at a time: there may be many clusters.
    rng, values = default_rng(seed), np.empty(samples)
    for i in range(samples):
        picks = rng.integers(len(names), size=len(names))
        values[i] = statistic(np.bincount(picks, minlength=len(names)).astype(float)[member])
    return value, *interval(values, confidence)


def draw_weights(n_groups: int, samples: int, seed: int) -> NDArray[np.float64]:
    """Draw groups with replacement; return how often each is drawn, shape (samples, n_groups)."""
    picks = default_rng(seed).integers(0, n_groups, (samples, n_groups))
    cells = picks + n_groups * np.arange(samples)[:, np.newaxis]
    counts = np.bincount(cells.ravel(), minlength=samples * n_groups)
    return counts.reshape(samples, n_groups).astype(float)


def interval(values: NDArray[np.floating], confidence: float) -> tuple[float, float]:
    """Return the central percentile interval of the defined values; NaN without any."""
    defined = values[np.isfinite(values)]
    if defined.size == 0:
        return np.nan, np.nan
    low, high = np.percentile(defined, (50 * (1 - confidence), 50 * (1 + confidence)))
    return float(low), float(high)


def fraction(among: ArrayLike, happens: ArrayLike) -> Statistic:
    """Return the statistic "fraction of `among` in which it happens"; undefined without any."""
    of = np.asarray(among, dtype=float)
    hits = of * np.asarray(happens)

    def weighted(weights: NDArray[np.floating]) -> float:
        total = weights @ of
        return float(weights @ hits / total) if total > 0 else np.nan

    return weighted


def trimmed_rms(residuals: ArrayLike, cut: float) -> Statistic:
    """Return the statistic "RMS without the fraction `cut` of the values at either end".

    Of n values, the largest whole number not above ``cut * n`` is dropped at either end.
    """
    values = np.asarray(residuals, dtype=float)
    order = np.argsort(values)
    squares = values[order] ** 2

    def rms(weights: NDArray[np.floating]) -> float:
        # A weight is a number of copies: trim them like so many equal values.
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


def interval_columns(name: str, values: Iterable[float]) -> dict[str, float]:
    """Return a value and its interval as columns ``name``, ``name_lo`` and ``name_hi``."""
    return dict(zip((name, f"{name}_lo", f"{name}_hi"), map(float, values), strict=True))


def estimate_columns(names: Iterable[str], found: Estimate) -> dict[str, float]:
    """Return q statistics and their intervals as columns, see `interval_columns`."""
    columns: dict[str, float] = {}
    for name, *ends in zip(names, found.value, found.low, found.high, strict=True):
        columns |= interval_columns(name, ends)
    return columns


def score_columns(
    counts: Sequence[tuple[int, int, int]], resampling: Mapping[str, Any]
) -> dict[str, float]:
    """Return pooled scores with intervals over groups, as columns of a table.

    Parameters
    ----------
    counts : sequence of (tp, fp, fn), one per group
        Pixels of a group, pooled over its exposures.
    resampling : mapping
        As for `estimate`.

    Returns
    -------
    dict of str to float
        `crstudy.metrics.scores.SCORES`, each with ``_lo`` and ``_hi``.

    Examples
    --------
    >>> groups = [(80, 5, 20), (90, 10, 10), (60, 5, 40)]
    >>> found = score_columns(groups, {"samples": 500, "confidence": 0.95, "seed": 1})
    >>> [round(found[name], 2) for name in ("recall", "recall_lo", "recall_hi")]
    [0.77, 0.6, 0.9]
    """

    def scores(sums: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.stack(list(score(*np.moveaxis(sums, -1, 0)).values()), axis=-1)

    table = np.asarray(counts, dtype=np.int64).reshape(-1, 3)
    return estimate_columns(SCORES, estimate(scores, table, resampling))


def fraction_table(
    groups: Sequence[Table],
    keys: Sequence[str],
    fractions: Mapping[str, tuple[str, str]],
    resampling: Mapping[str, Any],
) -> Table:
    """Pool counts of all groups into fractions.

    Parameters
    ----------
    groups : sequence of Table
        One per group.
    keys : sequence of str
        Columns that identify a row; what differs in others is added up.
    fractions : mapping of str to (str, str)
        Numerator and denominator, columns of counts or sums, of each fraction.
    resampling : mapping
        As for `estimate`.

    Returns
    -------
    Table
        A row per combination of keys: every numerator and denominator, pooled; every fraction
        with its interval (``_lo``, ``_hi``); groups, those with a denominator above zero in any
        fraction. A fraction of nothing is NaN.
    """
    values, upper, lower = _numerators_and_denominators(fractions)
    _, sums = sum_rows(groups, keys, values)
    table = sum_table(groups, keys, values)
    rows = [
        estimate_columns(
            fractions,
            estimate(lambda s: ratio(s[..., upper], s[..., lower]), sums[:, row], resampling),
        )
        for row in range(len(table))
    ]
    for name in fractions:
        for column in (name, f"{name}_lo", f"{name}_hi"):
            table[column] = np.array([row[column] for row in rows], dtype=float)
    table["groups"] = (sums[..., lower] > 0).any(axis=-1).sum(axis=0)
    table.meta = describe_resampling(resampling)
    return table


def fraction_differences(
    groups: Sequence[Table],
    methods: tuple[str, str],
    keys: Sequence[str],
    fractions: Mapping[str, tuple[str, str]],
    resampling: Mapping[str, Any],
) -> Table:
    """Compare the fractions of two methods.

    Parameters
    ----------
    groups : sequence of Table
        One per group, with a column method. Both methods must cover the same exposures.
    methods : (str, str)
        A method, and the one that is subtracted from it.
    keys, fractions, resampling
        As for `fraction_table`; the keys without method.

    Returns
    -------
    Table
        A row per combination of keys that both methods have, and fraction: method, minus, keys,
        quantity, the name of the fraction; difference with interval, paired; undefined_samples,
        those without a difference, which the interval leaves out.
    """
    values, upper, lower = _numerators_and_denominators(fractions)
    names, sums = sum_rows(groups, ("method", *keys), values)
    row_of = {tuple(row): i for i, row in enumerate(names)}

    def difference(pair: NDArray) -> NDArray:
        parts = ratio(pair[..., upper], pair[..., lower])
        return parts[..., 0, :] - parts[..., 1, :]

    rows = []
    for (method, *where), one in row_of.items():
        other = row_of.get((methods[1], *where))
        if method != methods[0] or other is None:
            continue
        found = estimate(difference, sums[:, [one, other]], resampling)
        key = {"method": method, "minus": methods[1], **dict(zip(keys, where, strict=True))}
        rows += [key | row for row in difference_rows(fractions, found)]
    return Table(rows, meta=describe_resampling(resampling))


def fraction_changes(
    groups: Sequence[Table],
    baseline: str,
    keys: Sequence[str],
    fractions: Mapping[str, tuple[str, str]],
    resampling: Mapping[str, Any],
) -> Table:
    """Tabulate the fractions of methods, and their paired differences to one of them.

    Parameters
    ----------
    groups : sequence of Table
        One per group, with a column method. All methods must cover the same exposures.
    baseline : str
        The method that is subtracted.
    keys, fractions, resampling
        As for `fraction_table`; the keys without method.

    Returns
    -------
    Table
        Of `fraction_table`, by method and keys. Each fraction has a ``_change`` with its interval,
        NaN in the rows of the baseline.
    """
    table = fraction_table(groups, ("method", *keys), fractions, resampling)
    changes = {}
    for method in dict.fromkeys(table["method"]):
        if method != baseline:
            pair = method, baseline
            for row in fraction_differences(groups, pair, keys, fractions, resampling):
                changes[tuple(row[name] for name in ("method", *keys, "quantity"))] = row
    of_rows = [tuple(row[key] for key in ("method", *keys)) for row in table]
    for name, end in product(fractions, ("", "_lo", "_hi")):
        rows = [changes.get((*key, name)) for key in of_rows]
        table[f"{name}_change{end}"] = [row[f"difference{end}"] if row else np.nan for row in rows]
    table.meta["change"] = f"less that of {baseline!r}, paired: the same groups drawn for both"
    return table


def difference_rows(quantities: Iterable[str], found: Estimate) -> Iterator[dict[str, Any]]:
    """Yield a row per quantity: its name, difference with interval, undefined_samples."""
    for quantity, *ends, undefined in zip(quantities, *found, strict=True):
        row = {"quantity": quantity} | interval_columns("difference", ends)
        yield row | {"undefined_samples": int(undefined)}


def _numerators_and_denominators(
    fractions: Mapping[str, tuple[str, str]],
) -> tuple[list[str], list[int], list[int]]:
    """Return the columns that fractions need, and the indices of numerators and denominators."""
    values = list(dict.fromkeys(name for pair in fractions.values() for name in pair))
    upper, lower = ([values.index(pair[i]) for pair in fractions.values()] for i in (0, 1))
    return values, upper, lower


def interval_words(resampling: Mapping[str, Any], over: str = "groups") -> str:
    """Say what the intervals of a table are, and what was drawn."""
    return f"{100 * resampling['confidence']:g} % percentile interval, bootstrap over {over}"


def describe_resampling(resampling: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata of tables with intervals."""
    return {
        "interval": interval_words(resampling, "groups, the same draws for all methods"),
        "undefined": UNDEFINED.format("groups"),
    }
