"""Scores against the number of exposures behind the labels.

The first three exposures of a group are labelled anew by AstroDrizzle, from the first three, four
and more exposures, and compared on the pixels that are valid for every number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from crstudy.data.chips import ExposureFiles, read_comparison
from crstudy.data.score_maps import read_scores
from crstudy.metrics.areas import compare_chip
from crstudy.metrics.names import PIXEL_KEYS
from crstudy.metrics.table1 import make_table1

COLUMNS = ("n_exposures", *PIXEL_KEYS, "tp", "fp", "fn", "tn")


def count_by_number(
    files: Mapping[int, ExposureFiles],
    probability: Path,
    model: str,
    *,
    threshold: float,
    truth_sigma: float,
    region_rms: Sequence[float],
    background_box_px: int,
) -> Iterator[tuple[int | str, ...]]:
    """Count hits and misses of an exposure against its labels from each number of exposures.

    Parameters
    ----------
    files : mapping of int to ExposureFiles
        The exposure with its labels, by the number of exposures behind them.
    probability : path
        Folder of its group with the maps of the net.
    model : str
        The net.
    threshold : float
        Probability above which a pixel is flagged.
    truth_sigma
        As for `crstudy.data.chips.read_comparison`.
    region_rms, background_box_px
        As for `crstudy.data.star_regions.star_regions`.

    Yields
    ------
    tuple
        A row of `COLUMNS`, all strata together. Pixels count if they are valid for every number.
    """
    chips = {n: read_comparison(one, truth_sigma) for n, one in files.items()}
    for ver, found in read_scores(probability, next(iter(files.values())).name).items():
        shared = np.all([np.isfinite(found), *(one[ver].valid for one in chips.values())], axis=0)
        for n, one in chips.items():
            data = replace(one[ver], valid=shared, strata=None)
            regions = data.star_regions(region_rms, background_box_px)
            for *names, counts in compare_chip({model: found > threshold}, data, regions):
                yield n, *names, *counts


def score_numbers(groups: Sequence[Table], resampling: Mapping[str, Any], dataset: str) -> Table:
    """Pool the counts of all groups.

    Parameters
    ----------
    groups : sequence of Table
        One per group: columns `COLUMNS`, any number of rows per key.
    resampling, dataset
        As for `crstudy.metrics.table1.make_table1`.

    Returns
    -------
    Table
        The rows of Table 1 for every number of exposures behind the labels, n_exposures. Against
        the truth a net's scores do not depend on it.
    """
    parts = []
    for n in sorted({n for table in groups for n in table["n_exposures"]}):
        here = [table[table["n_exposures"] == n] for table in groups]
        part = make_table1(here, resampling, dataset)
        part.add_column([n] * len(part), index=0, name="n_exposures")
        parts.append(part)
    table = vstack(parts, metadata_conflicts="silent")
    table["n_exposures"].description = "exposures behind the labels of the first three"
    return table
