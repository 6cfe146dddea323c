"""Fractions of sums over groups, with intervals from a bootstrap over groups.

Scripts count per group; here counts are pooled. Every statistic of the same groups gets the same
draws, so that a difference between two methods is paired.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table, vstack
from numpy.random import default_rng
from numpy.typing import ArrayLike, NDArray

from crstudy.metrics.bootstrap import interval

#: Takes sums of shape (..., k), or (..., rows, k), over any weighting of the groups, and returns
#: numbers of shape (...) or (..., q): NaN where they are undefined.
Pooled = Callable[[NDArray[np.floating]], NDArray[np.floating]]


class Estimate(NamedTuple):
    """A statistic with its percentile interval.

    Attributes
    ----------
    value, low, high : ndarray, shape () or (q,)
        NaN where undefined.
    undefined : ndarray of int, shape () or (q,)
        Bootstrap samples in which it is undefined; they are left out of the interval.
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
        The interval is NaN with fewer than two groups in which the statistic is defined: one
        group does not tell how groups differ.
    """
    of_groups = np.asarray(sums, dtype=float)
    weights = draw_weights(len(of_groups), resampling["samples"], resampling["seed"])
    value = np.asarray(statistic(of_groups.sum(axis=0)))
    drawn = np.asarray(statistic(np.tensordot(weights, of_groups, axes=1)))
    several = np.isfinite(statistic(of_groups)).sum(axis=0) >= 2
    known = np.where(several & np.isfinite(value), drawn, np.nan)
    low, high = np.apply_along_axis(interval, 0, known, resampling["confidence"])
    return Estimate(value, low, high, (~np.isfinite(drawn)).sum(axis=0))


def draw_weights(n_groups: int, samples: int, seed: int) -> NDArray[np.float64]:
    """Draw groups with replacement; return how often each is drawn, shape (samples, n_groups)."""
    picks = default_rng(seed).integers(0, n_groups, (samples, n_groups))
    cells = picks + n_groups * np.arange(samples)[:, np.newaxis]
    counts = np.bincount(cells.ravel(), minlength=samples * n_groups)
    return counts.reshape(samples, n_groups).astype(float)


def ratio(upper: ArrayLike, lower: ArrayLike) -> NDArray[np.float64]:
    """Divide; NaN where there is nothing to divide by."""
    divisor = np.asarray(lower, dtype=float)
    return np.asarray(upper, dtype=float) / np.where(divisor > 0, divisor, np.nan)


def place(values: ArrayLike, edges: Sequence[float]) -> NDArray[np.int64]:
    """Return the bin of each value.

    Parameters
    ----------
    values : array-like
        Numbers.
    edges : sequence of float
        Increasing edges; a bin holds its lower edge, and the last one both.

    Returns
    -------
    ndarray of int
        From 0; -1 outside all bins and for NaN.
    """
    numbers = np.asarray(values, dtype=float)
    index = np.searchsorted(edges, numbers, side="right") - 1
    index[numbers == edges[-1]] = len(edges) - 2
    index[(index > len(edges) - 2) | np.isnan(numbers)] = -1
    return index


def sum_rows(
    groups: Sequence[Table], keys: Sequence[str], values: Sequence[str]
) -> tuple[Table, NDArray[np.float64]]:
    """Add up the rows that agree in their keys, group by group.

    Parameters
    ----------
    groups : sequence of Table
        One per group, with any number of rows per key.
    keys, values : sequence of str
        Columns to tell rows apart by, and to add up.

    Returns
    -------
    Table
        The keys, a row for each combination, in order of first appearance.
    ndarray, shape (groups, rows of the table, values)
        Sums, zero where a group lacks a key.
    """
    rows = vstack(list(groups), metadata_conflicts="silent")
    group = np.repeat(np.arange(len(groups)), [len(table) for table in groups])
    first, member = _number(rows, keys)
    shape = len(groups), len(first)
    cell = group * len(first) + member
    sums = [np.bincount(cell, rows[name], shape[0] * shape[1]).reshape(shape) for name in values]
    return rows[list(keys)][first], np.stack(sums, axis=-1)


def _number(table: Table, keys: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first row of each combination of keys, and the combination of each row."""
    code = np.zeros(len(table), np.int64)
    for name in keys:
        distinct, member = np.unique(np.asarray(table[name]), return_inverse=True)
        code = code * len(distinct) + member
    _, first, member = np.unique(code, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[member]


def series(
    groups: Sequence[Table], keys: Sequence[str], along: str, values: Sequence[str]
) -> Iterator[tuple[dict[str, Any], NDArray[np.float64], NDArray[np.float64]]]:
    """Add up rows as `sum_rows` does, and go through them key by key.

    Parameters
    ----------
    groups, keys, values
        As for `sum_rows`.
    along : str
        Another key, that of the rows of a series.

    Yields
    ------
    key : dict
        Value of each key.
    places : ndarray, shape (n,)
        Increasing values of `along`.
    sums : ndarray, shape (groups, n, values)
    """
    names, sums = sum_rows(groups, (*keys, along), values)
    first, member = _number(names, keys)
    for i, row in enumerate(first):
        here = np.flatnonzero(member == i)
        order = here[np.argsort(names[along][here])]
        key = {name: names[name][row] for name in keys}
        yield key, np.asarray(names[along][order], dtype=float), sums[:, order]


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
        Columns to tell rows apart by; what differs in others is added up.
    fractions : mapping of str to (str, str)
        Numerator and denominator, columns of counts or sums, of each fraction.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per combination of keys: every numerator and denominator, pooled; every fraction
        with its interval (``_lo``, ``_hi``); groups, those with anything to divide by in any
        fraction. A fraction of nothing is NaN.
    """
    values = list(dict.fromkeys(name for pair in fractions.values() for name in pair))
    names, sums = sum_rows(groups, keys, values)
    upper = [values.index(pair[0]) for pair in fractions.values()]
    lower = [values.index(pair[1]) for pair in fractions.values()]
    table = names.copy()
    for i, name in enumerate(values):
        dtype = np.result_type(*(group[name].dtype for group in groups))
        table[name] = sums[..., i].sum(axis=0).astype(dtype)
    found = [
        estimate(lambda s: ratio(s[..., upper], s[..., lower]), sums[:, row], resampling)
        for row in range(len(names))
    ]
    for i, name in enumerate(fractions):
        for end, part in (("", "value"), ("_lo", "low"), ("_hi", "high")):
            table[name + end] = np.array([getattr(one, part)[i] for one in found], dtype=float)
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
        The one, and the other that is subtracted from it.
    keys, fractions, resampling
        As for `fraction_table`; the keys without method.

    Returns
    -------
    Table
        A row per combination of keys that both methods have, and fraction: method, minus, keys,
        quantity, the name of the fraction; difference with interval, paired; undefined_samples,
        those without a difference, which the interval leaves out.
    """
    values = list(dict.fromkeys(name for pair in fractions.values() for name in pair))
    names, sums = sum_rows(groups, ("method", *keys), values)
    row_of = {tuple(row): i for i, row in enumerate(names)}
    upper = [values.index(pair[0]) for pair in fractions.values()]
    lower = [values.index(pair[1]) for pair in fractions.values()]

    def difference(pair: NDArray) -> NDArray:
        parts = ratio(pair[..., upper], pair[..., lower])
        return parts[..., 0, :] - parts[..., 1, :]

    rows = []
    for (method, *where), one in row_of.items():
        other = row_of.get((methods[1], *where))
        if method != methods[0] or other is None:
            continue
        found = estimate(difference, sums[:, [one, other]], resampling)
        for quantity, value, low, high, undefined in zip(fractions, *found, strict=True):
            row = {"method": method, "minus": methods[1], **dict(zip(keys, where, strict=True))}
            row |= {"quantity": quantity, "difference": value, "difference_lo": low}
            rows.append(row | {"difference_hi": high, "undefined_samples": undefined})
    return Table(rows, meta=describe_resampling(resampling))


def describe_resampling(resampling: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata of tables with intervals."""
    return {
        "interval": f"{100 * resampling['confidence']:g} % percentile interval, bootstrap over "
        "groups, the same draws for all methods",
        "undefined": "NaN: nothing to divide by, or for an interval fewer than two groups with "
        "something to divide by",
    }
