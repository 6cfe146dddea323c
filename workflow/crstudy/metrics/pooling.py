"""Sums over the chips and groups of a study, by any columns of their tables of counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import ArrayLike, NDArray


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide; NaN where the denominator is not positive."""
    divisor = np.asarray(denominator, dtype=float)
    return np.asarray(numerator, dtype=float) / np.where(divisor > 0, divisor, np.nan)


def bin_index(values: ArrayLike, edges: Sequence[float]) -> NDArray[np.int64]:
    """Return the bin of each value, from 0; -1 outside all bins and for NaN.

    Parameters
    ----------
    values : array-like
        Numbers.
    edges : sequence of float
        Increasing edges; a bin includes its lower edge, the last bin both.
    """
    numbers = np.asarray(values, dtype=float)
    index = np.searchsorted(edges, numbers, side="right") - 1
    index[numbers == edges[-1]] = len(edges) - 2
    index[(index > len(edges) - 2) | np.isnan(numbers)] = -1
    return index


def property_bins(
    table: Table, edges: Mapping[str, Sequence[float]]
) -> Iterator[tuple[dict[str, Any], NDArray[np.bool_]]]:
    """Yield the bins of a table's rows: first one of all rows, then those of each property.

    Parameters
    ----------
    table : Table
        With a column for each property.
    edges : mapping of str to sequence of float
        Edges of bins by property, see `bin_index`.

    Yields
    ------
    bin : dict
        property ("all" for the first), low, high.
    inside : ndarray of bool, shape (len(table),)
    """
    yield {"property": "all", "low": -np.inf, "high": np.inf}, np.ones(len(table), bool)
    for name, steps in edges.items():
        index = bin_index(table[name], steps)
        for i, (low, high) in enumerate(pairwise(steps)):
            yield {"property": name, "low": float(low), "high": float(high)}, index == i


def sum_rows(
    groups: Sequence[Table], keys: Sequence[str], values: Sequence[str]
) -> tuple[Table, NDArray[np.float64]]:
    """Add up the rows that agree in their keys, group by group.

    Parameters
    ----------
    groups : sequence of Table
        One per group, with any number of rows per key.
    keys, values : sequence of str
        Columns that identify a row, and columns to add up.

    Returns
    -------
    Table
        The keys, a row for each combination, in order of first appearance.
    ndarray, shape (groups, rows of the table, values)
        Sums, zero where a group lacks a key.
    """
    rows = vstack(list(groups), metadata_conflicts="silent")
    group = np.repeat(np.arange(len(groups)), [len(table) for table in groups])
    first, member = _number_keys(rows, keys)
    shape = len(groups), len(first)
    cell = group * len(first) + member
    sums = [np.bincount(cell, rows[name], shape[0] * shape[1]).reshape(shape) for name in values]
    return rows[list(keys)][first], np.stack(sums, axis=-1)


def sum_table(groups: Sequence[Table], keys: Sequence[str], values: Sequence[str]) -> Table:
    """Add up rows as `sum_rows` does, over all groups: a table of the keys and the sums.

    Sums keep the type that the columns have in the groups.
    """
    table, sums = sum_rows(groups, keys, values)
    for i, name in enumerate(values):
        dtype = np.result_type(*(group[name].dtype for group in groups))
        table[name] = sums[..., i].sum(axis=0).astype(dtype)
    return table


def _number_keys(table: Table, keys: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
    """Add up rows as `sum_rows` does, and yield a curve for each combination of keys.

    Parameters
    ----------
    groups, keys, values
        As for `sum_rows`.
    along : str
        Column of the abscissa.

    Yields
    ------
    key : dict
        Value of each key.
    positions : ndarray, shape (n,)
        Increasing values of `along`.
    sums : ndarray, shape (groups, n, values)
    """
    names, sums = sum_rows(groups, (*keys, along), values)
    first, member = _number_keys(names, keys)
    for i, row in enumerate(first):
        here = np.flatnonzero(member == i)
        order = here[np.argsort(names[along][here])]
        key = {name: names[name][row] for name in keys}
        yield key, np.asarray(names[along][order], dtype=float), sums[:, order]


def collect_missing(tables: Iterable[Table]) -> dict[str, list[str]]:
    """Return, by method, the exposures on which it failed, from the metadata of counts."""
    missing: dict[str, list[str]] = {}
    for table in tables:
        for method, exposures in table.meta["missing"].items():
            missing.setdefault(method, []).extend(exposures)
    return missing


def collect_observed_with(tables: Iterable[Table]) -> str:
    """Return all cameras and filters, from the metadata of counts."""
    return ", ".join(sorted({name for table in tables for name in table.meta["observed_with"]}))
