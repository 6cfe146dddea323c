"""Pixels of a chip by the score of a method, on the sky and on stars, against every ruler."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.data.rulers import Ruler
from crstudy.data.score_maps import check_map
from crstudy.metrics.names import FULL, region_name
from crstudy.metrics.pooled import sum_rows
from crstudy.metrics.reliability import SKY, SUMS, count_probabilities
from crstudy.metrics.roc import COUNTS, histogram
from crstudy.metrics.roc_tables import KEYS


def count_chip(
    name: str,
    score: NDArray[np.floating],
    ruler: Ruler,
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
    ruler : Ruler
        What it is compared with.
    regions : mapping of str to mapping of float to ndarray of bool, shape (ny, nx)
        Star regions by comparison and threshold, of `Ruler.star_regions`.
    edges : sequence of float
        See `crstudy.metrics.roc.histogram`.

    Yields
    ------
    Table
        Of `crstudy.metrics.roc.histogram`, with the columns `KEYS`.

    Raises
    ------
    MethodFault
        The map has another shape than the chip, or is not finite where a pixel counts.
    """
    check_map(name, score, ruler.counted)
    for comparison, (actual, _) in ruler.compared().items():
        areas = {FULL: ruler.counted, **_star_areas(ruler, regions[comparison])}
        for region, area in areas.items():
            yield _named(histogram(score, actual, area, edges), name, comparison, region)


def count_reliability(
    name: str,
    probability: NDArray[np.floating],
    ruler: Ruler,
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
) -> Iterator[Table]:
    """Count the pixels of a chip by probability.

    Parameters
    ----------
    name, ruler, regions
        As for `count_chip`, which checks the map.
    probability : ndarray, shape (ny, nx)
        Map of a method whose score is a probability.

    Yields
    ------
    Table
        Of `crstudy.metrics.reliability.count_probabilities`, with the columns `KEYS`; regions are
        the full frame, `SKY` and the star regions.
    """
    for comparison, (actual, _) in ruler.compared().items():
        stars = _star_areas(ruler, regions[comparison])
        sky = ruler.counted & ~np.any(list(stars.values()), axis=0)
        for region, area in {FULL: ruler.counted, SKY: sky, **stars}.items():
            yield _named(count_probabilities(probability, actual, area), name, comparison, region)


def _star_areas(
    ruler: Ruler, regions: Mapping[float, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    return {region_name(k): ruler.counted & region for k, region in regions.items()}


def _named(table: Table, *names: str) -> Table:
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
    """
    tables = [Table.read(path) for path in paths]
    missing: dict[str, list[str]] = {}
    for table in tables:
        missing.setdefault(table.meta["method"], []).extend(table.meta["missing"])
    observed = sorted({name for table in tables for name in table.meta["observed_with"]})
    groups = [vstack(tables[i::n_groups], metadata_conflicts="silent") for i in range(n_groups)]
    return groups, missing, ", ".join(observed)


def _pool(tables: Sequence[Table], bins: Sequence[str], sums: Mapping[str, type]) -> Table:
    """Add up rows that agree in `KEYS` and bin; a table without rows if there is nothing."""
    names = (*KEYS, *bins)
    if not tables:
        dtypes = ["U1"] * len(KEYS) + [float] * len(bins)
        return Table(names=(*names, *sums), dtype=(*dtypes, *sums.values()))
    pooled, values = sum_rows([vstack(list(tables))], names, list(sums))
    for i, (name, dtype) in enumerate(sums.items()):
        pooled[name] = values[0, :, i].astype(dtype)
    return pooled
