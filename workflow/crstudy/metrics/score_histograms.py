"""Histograms of the pixels of a chip by score, on the sky and on stars, for every comparison."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.data.chips import ComparisonData
from crstudy.data.score_maps import check_map
from crstudy.metrics.names import FULL, KEYS, SKY
from crstudy.metrics.pooling import collect_observed_with, sum_table
from crstudy.metrics.roc import COUNTS, histogram
from crstudy.metrics.scores import full_and_star_areas

#: Most probabilities are near 0 or 1: bins are finer there.
TAIL = (0.001, 0.003, 0.01, 0.03)
EDGES = (0, *TAIL, *(k / 10 for k in range(1, 10)), *(1 - p for p in reversed(TAIL)), 1)
#: Sums of `count_probabilities`.
SUMS = ("pixels", "positives", "probability", "squared_error")


def count_chip(
    name: str,
    score: NDArray[np.floating],
    data: ComparisonData,
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
    edges: Sequence[float],
) -> Iterator[Table]:
    """Count the pixels of a chip by score.

    Parameters
    ----------
    name : str
        The method.
    score : ndarray, shape (ny, nx)
        Its map.
    data : ComparisonData
        What it is compared with.
    regions : mapping of str to mapping of float to ndarray of bool, shape (ny, nx)
        Star regions by comparison and threshold, of `ComparisonData.star_regions`.
    edges : sequence of float
        See `crstudy.metrics.roc.histogram`.

    Yields
    ------
    Table
        Of `crstudy.metrics.roc.histogram`, with the columns `KEYS`.

    Raises
    ------
    MethodFault
        The map has another shape than the chip, or is not finite in a valid pixel.
    """
    check_map(name, score, data.valid)
    for comparison, (actual, _) in data.compared().items():
        areas = full_and_star_areas(data.valid, regions[comparison])
        for region, area in areas.items():
            yield _with_keys(histogram(score, actual, area, edges), name, comparison, region)


def count_probabilities(
    probability: NDArray[np.floating],
    actual: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    edges: Sequence[float] = EDGES,
) -> Table:
    """Sum pixels, probabilities and squared errors in bins of probability.

    Parameters
    ----------
    probability : ndarray, shape (ny, nx)
        Of a cosmic ray, 0..1.
    actual, valid : ndarray of bool, shape (ny, nx)
        Cosmic rays by the reference or truth, and valid pixels.
    edges : sequence of float
        Increasing, from 0 to 1; a bin includes its lower edge, the last bin both.

    Returns
    -------
    Table
        A row per bin: low, high; pixels; positives, those that hold cosmic rays; probability and
        squared_error, the sums over pixels of p and (p - y)^2, where y is 1 for a positive, else 0.

    Raises
    ------
    ValueError
        A valid pixel has no probability between 0 and 1.
    """
    p, y = probability[valid], actual[valid]
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probability of a valid pixel outside 0..1")
    bins = np.searchsorted(np.asarray(edges[1:-1], dtype=p.dtype), p, side="right")
    n = len(edges) - 1
    table = Table({"low": np.asarray(edges[:-1], float), "high": np.asarray(edges[1:], float)})
    table["pixels"] = np.bincount(bins, minlength=n)
    table["positives"] = np.bincount(bins[y], minlength=n)
    table["probability"] = np.bincount(bins, p, n)
    table["squared_error"] = np.bincount(bins, (p - y.astype(p.dtype)) ** 2, n)
    return table


def count_reliability(
    name: str,
    probability: NDArray[np.floating],
    data: ComparisonData,
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
) -> Iterator[Table]:
    """Count the pixels of a chip by probability.

    Parameters
    ----------
    name, data, regions
        As for `count_chip`, which checks the map.
    probability : ndarray, shape (ny, nx)
        Map of a method whose score is a probability.

    Yields
    ------
    Table
        Of `count_probabilities`, with the columns `KEYS`; regions are
        the full frame, `SKY` and the star regions.
    """
    for comparison, (actual, _) in data.compared().items():
        areas = full_and_star_areas(data.valid, regions[comparison])
        sky = data.valid & ~np.any([areas[k] for k in areas if k != FULL], axis=0)
        # Rows keep their order: the sky between the full frame and the stars.
        for region, area in ({FULL: data.valid, SKY: sky} | areas).items():
            table = count_probabilities(probability, actual, area)
            yield _with_keys(table, name, comparison, region)


def _with_keys(table: Table, *names: str) -> Table:
    """Add the columns `KEYS`."""
    for key, value in zip(KEYS, names, strict=True):
        table[key] = value
    return table


def pool_chips(tables: Sequence[Table]) -> Table:
    """Add up the counts of a group's chips.

    Parameters
    ----------
    tables : sequence of Table
        Of `count_chip`; none where the method has failed on every exposure.

    Returns
    -------
    Table
        Columns `KEYS`, threshold, and the counts of `crstudy.metrics.roc.histogram`, px.
    """
    return _pool(tables, ("threshold",), dict.fromkeys(COUNTS, np.int64))


def pool_reliability(tables: Sequence[Table]) -> Table:
    """Add up the sums of a group's chips, tables of `count_reliability`, as `pool_chips` does."""
    whole = {"pixels": np.int64, "positives": np.int64}
    return _pool(tables, ("low", "high"), {name: whole.get(name, float) for name in SUMS})


def read_counts(
    paths: Sequence[str | Path], n_groups: int
) -> tuple[list[Table], dict[str, list[str]], str]:
    """Read the counts of all methods.

    Parameters
    ----------
    paths : sequence of path-like
        Tables of `pool_chips` or `pool_reliability`: those of all groups for one method after
        another.
    n_groups : int
        Number of groups.

    Returns
    -------
    list of Table
        The counts of all methods, group by group.
    dict of str to list of str
        Exposures on which a method failed, by method.
    str
        Cameras and filters.

    Raises
    ------
    ValueError
        The tables come in another order.
    """
    tables = [Table.read(path) for path in paths]
    missing: dict[str, list[str]] = {}
    for table in tables:
        missing.setdefault(table.meta["method"], []).extend(table.meta["missing"])
    methods = [table.meta["method"] for table in tables]
    if methods != [method for method in missing for _ in range(n_groups)]:
        raise ValueError("tables are not those of all groups for one method after another")
    groups = [vstack(tables[i::n_groups], metadata_conflicts="silent") for i in range(n_groups)]
    return groups, missing, collect_observed_with(tables)


def _pool(tables: Sequence[Table], bins: Sequence[str], sums: Mapping[str, type]) -> Table:
    """Add up rows that agree in `KEYS` and bin; an empty table if there are none."""
    names = (*KEYS, *bins)
    if not tables:
        dtypes = ["U1"] * len(KEYS) + [float] * len(bins)
        return Table(names=(*names, *sums), dtype=(*dtypes, *sums.values()))
    return sum_table([vstack(list(tables))], names, list(sums))
