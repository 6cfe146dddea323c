"""Counts of the pixels of a chip by region, and by stratum: what most of their light comes from."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from crstudy.data.chips import ComparisonData
from crstudy.data.strata import Stratum
from crstudy.metrics.names import ALL_STRATA, FULL, REFERENCE_MODEL, region_name
from crstudy.metrics.scores import Counts


def full_and_star_areas(
    valid: NDArray[np.bool_], regions: Mapping[float, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """Return the valid pixels of the full frame and of each star region, by name of the region."""
    return {FULL: valid} | {region_name(k): valid & region for k, region in regions.items()}


def count_cells(
    cell: NDArray[np.integer],
    n_cells: int,
    areas: Mapping[str, NDArray[np.bool_]],
    strata: NDArray[np.uint8] | None,
    weights: NDArray[np.floating] | None = None,
) -> Iterator[tuple[str, str, NDArray]]:
    """Count the pixels of every region by cell, all of them and those of each stratum.

    Parameters
    ----------
    cell : ndarray of int, shape (ny, nx)
        Cell that a pixel falls into, from 0 to ``n_cells - 1``; free outside all areas.
    n_cells : int
        Number of cells.
    areas : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels of each region, of `full_and_star_areas`.
    strata : ndarray of uint8, shape (ny, nx), or None
        Values of `crstudy.data.strata.Stratum`; None where they are not known.
    weights : ndarray, shape (ny, nx), optional
        What is added up; without them, pixels are counted.

    Yields
    ------
    region, stratum : str
        The stratum `ALL_STRATA` first; where strata are known, then each of them, also those
        without a pixel. They add up to the first.
    counts : ndarray, shape (n_cells,)

    Examples
    --------
    >>> flagged = np.array([[1, 0, 1, 1]])
    >>> strata = np.array([[Stratum.STAR, Stratum.STAR, Stratum.EXTENDED, Stratum.SKY]], np.uint8)
    >>> areas = {"full": np.array([[True, True, True, False]])}
    >>> for region, stratum, counts in count_cells(flagged, 2, areas, strata):
    ...     print(region, stratum, counts)
    full all [1 2]
    full sky [0 0]
    full star [1 1]
    full saturated_star [0 0]
    full extended [0 1]
    """
    for region, area in areas.items():
        inside, weight = cell[area], None if weights is None else weights[area]
        if strata is None:
            yield region, ALL_STRATA, np.bincount(inside, weight, n_cells)
            continue
        index = strata[area] * np.int32(n_cells) + inside
        of_strata = np.bincount(index, weight, n_cells * len(Stratum)).reshape(-1, n_cells)
        yield region, ALL_STRATA, of_strata.sum(axis=0)
        for stratum in Stratum:
            yield region, stratum.name.lower(), of_strata[stratum]


def compare_chip(
    detected: Mapping[str, NDArray[np.bool_]],
    data: ComparisonData,
    regions: Mapping[str, Mapping[float, NDArray[np.bool_]]],
) -> Iterator[tuple[str, str, str, str, Counts]]:
    """Count every comparison in every region and stratum of a chip.

    Parameters
    ----------
    detected : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels that each model flags.
    data : ComparisonData
        What they are compared with.
    regions : mapping of str to mapping of float to ndarray of bool, shape (ny, nx)
        Star regions, of `ComparisonData.star_regions`.

    Yields
    ------
    model, comparison, region, stratum : str
    counts : Counts
    """
    for comparison, (actual, counted, cleaned_by) in data.compared().items():
        areas = full_and_star_areas(counted, regions[cleaned_by])
        pairs = [(model, comparison, flags) for model, flags in detected.items()]
        if comparison != "reference":
            pairs.append((REFERENCE_MODEL, f"reference_vs_{comparison}", data.label))
        for *names, predicted in pairs:
            outcome = 2 * actual.astype(np.uint8) + predicted
            for region, stratum, counts in count_cells(outcome, 4, areas, data.strata):
                tn, fp, fn, tp = counts.tolist()
                yield *names, region, stratum, Counts(tp, fp, fn, tn)
