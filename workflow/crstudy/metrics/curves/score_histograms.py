"""Histograms of the pixels of a chip by score, on the sky and on stars, for every comparison."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.data.chips import ComparisonData
from crstudy.data.score_maps import check_map
from crstudy.metrics.areas import count_cells, full_and_star_areas
from crstudy.metrics.curves.roc import COUNTS, lower_ends, score_bins
from crstudy.metrics.names import FULL, KEYS, SKY
from crstudy.metrics.pooling import collect_observed_with, sum_table

#: Most probabilities are near 0 or 1: bins are finer there.
TAIL = (0.001, 0.003, 0.01, 0.03)
EDGES = (0, *TAIL, *(k / 10 for k in range(1, 10)), *(1 - p for p in reversed(TAIL)), 1)
#: Sums of `count_reliability`.
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
        Star regions, of `ComparisonData.star_regions`.
    edges : sequence of float
        See `crstudy.metrics.curves.roc.histogram`.

    Yields
    ------
    Table
        Of a comparison: the columns `KEYS` and those of `crstudy.metrics.curves.roc.histogram`.

    Raises
    ------
    MethodFault
        The map has another shape than the chip, or is not finite in a valid pixel.
    """
    check_map(name, score, data.valid)
    bins = score_bins(score, edges)
    for comparison, (actual, counted, cleaned_by) in data.compared().items():
        areas = full_and_star_areas(counted, regions[cleaned_by])
        keys, counts = [], []
        cells = count_cells(2 * bins + actual, 2 * len(edges) + 2, areas, data.strata)
        for *where, of_cells in cells:
            keys.append((name, comparison, *where))
            # Positives first.
            counts.append(of_cells.reshape(-1, 2)[:, ::-1])
        yield _tabulate(keys, {"threshold": lower_ends(edges)}, np.array(counts), COUNTS)


def count_regions(
    name: str,
    score: NDArray[np.floating],
    star_score: NDArray[np.floating] | None,
    data: ComparisonData,
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
    edges: Sequence[float],
) -> Iterator[Table]:
    """Count the pixels of each region by the score of the map whose parameters are tuned for it.

    Parameters
    ----------
    name, data, regions, edges
        As for `count_chip`.
    score : ndarray, shape (ny, nx)
        Map for the full frame.
    star_score : ndarray, shape (ny, nx), or None
        Map for star regions; None if that is the same.

    Yields
    ------
    Table
        As from `count_chip`.
    """
    full = count_chip(name, score, data, regions, edges)
    if star_score is None:
        yield from full
        return
    for one, other in zip(full, count_chip(name, star_score, data, regions, edges), strict=True):
        yield vstack([one[one["region"] == FULL], other[other["region"] != FULL]])


def probability_bins(
    probability: NDArray[np.floating],
    valid: NDArray[np.bool_],
    edges: Sequence[float] = EDGES,
) -> NDArray[np.int32]:
    """Return the bin of each pixel by its probability of a cosmic ray.

    Parameters
    ----------
    probability : ndarray, shape (ny, nx)
        Of a cosmic ray, 0..1.
    valid : ndarray of bool, shape (ny, nx)
        Valid pixels; the bins of others mean nothing.
    edges : sequence of float
        Increasing, from 0 to 1; a bin includes its lower edge, the last bin both.

    Raises
    ------
    ValueError
        A valid pixel has no probability between 0 and 1.
    """
    p = probability[valid]
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probability of a valid pixel outside 0..1")
    inner = np.asarray(edges[1:-1], dtype=probability.dtype)
    return np.searchsorted(inner, probability, side="right").astype(np.int32)


def count_reliability(
    name: str,
    probability: NDArray[np.floating],
    data: ComparisonData,
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
    edges: Sequence[float] = EDGES,
) -> Iterator[Table]:
    """Sum pixels, probabilities and squared errors of a chip in bins of probability.

    Parameters
    ----------
    name, data, regions
        As for `count_chip`, which checks the map.
    probability : ndarray, shape (ny, nx)
        Map of a method whose score is a probability.
    edges : sequence of float
        See `probability_bins`.

    Yields
    ------
    Table
        Of a comparison, a row per bin, region and stratum: the columns `KEYS`; low, high, the
        ends of the bin; pixels; positives, those that hold cosmic rays; probability and
        squared_error, the sums over pixels of p and (p - y)^2, where y is 1 for a positive, else 0.
        Regions are the full frame, `SKY` and the star regions.
    """
    bins, n_bins = probability_bins(probability, data.valid, edges), len(edges) - 1
    ends = np.asarray(edges, dtype=float)
    for comparison, (actual, counted, cleaned_by) in data.compared().items():
        areas = full_and_star_areas(counted, regions[cleaned_by])
        sky = counted & ~np.any([areas[k] for k in areas if k != FULL], axis=0)
        # Rows keep their order: the sky between the full frame and the stars.
        areas = {FULL: counted, SKY: sky} | areas
        squared = (probability - actual.astype(probability.dtype)) ** 2
        parts = (
            count_cells(bins, n_bins, areas, data.strata, weights)
            for weights in (None, actual, probability, squared)
        )
        keys, sums = [], []
        for of_pixels, *others in zip(*parts, strict=True):
            keys.append((name, comparison, *of_pixels[:2]))
            sums.append(np.stack([of_pixels[2], *(part[2] for part in others)], axis=-1))
        yield _tabulate(keys, {"low": ends[:-1], "high": ends[1:]}, np.array(sums), SUMS)


def _tabulate(
    keys: Sequence[tuple[str, ...]],
    bins: Mapping[str, NDArray[np.floating]],
    sums: NDArray,
    names: Sequence[str],
) -> Table:
    """Put sums of shape (keys, bins, names) into a table with the columns `KEYS` and the bins."""
    n_bins = sums.shape[1]
    table = Table(np.repeat(np.array(keys), n_bins, axis=0), names=KEYS)
    for name, values in bins.items():
        table[name] = np.tile(values, len(keys))
    for i, name in enumerate(names):
        table[name] = sums[..., i].ravel()
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
        Columns `KEYS`, threshold, and the counts of `crstudy.metrics.curves.roc.histogram`, px.
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
    table = sum_table([vstack(list(tables))], names, list(sums))
    for name, dtype in sums.items():
        table[name] = table[name].astype(dtype)
    return table
