"""Mixtures of strata that could be those of the paper's Table 1."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.bootstrap import MIN_GROUPS, describe_resampling, draw_weights, interval
from crstudy.metrics.names import (
    ALL_STRATA,
    FULL,
    REGION_MEANING,
    STRATUM_MEANING,
    STRATUM_WORDS,
)
from crstudy.metrics.pooling import ratio, sum_rows
from crstudy.metrics.published_table1 import ROUNDING

#: Weights are multiples of one over this.
STEPS = 20
COUNTS = ("tp", "fp", "fn", "tn")
STRATA = tuple(name for name in STRATUM_WORDS if name != ALL_STRATA)
MEANINGS = {
    "region": REGION_MEANING,
    "stratum": STRATUM_MEANING,
    "actual_weight": "fraction of the region's pixels, in the simulation",
    "lowest_weight": "lowest weight in a mixture that is not excluded: its interval of recall, and "
    "that of precision, hold the paper's; NaN without any",
    "highest_weight": "highest weight in a mixture that is not excluded",
    "nearest_weight": "weight in the mixture nearest to the paper: that with the smallest larger "
    "one of the differences in recall and precision",
    "tested": "mixtures with an interval; none where fewer than three groups have labels",
    "not_excluded": "mixtures among these whose intervals hold the paper's recall and precision; "
    "the fewer groups, the wider the intervals and the more of them",
}


def weights_on_simplex(n: int, steps: int = STEPS) -> NDArray[np.float64]:
    """Return all weights of n parts that are multiples of ``1 / steps`` and add up to one.

    Examples
    --------
    >>> weights_on_simplex(2, 2).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    """
    # Bars among steps: what lies between two bars is a part's.
    bars = np.array(list(combinations(range(steps + n - 1), n - 1)))
    return (np.diff(bars, axis=1, prepend=-1, append=steps + n - 1) - 1) / steps


def mixed_scores(counts: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray:
    """Return recall and precision of mixtures of strata.

    Parameters
    ----------
    counts : ndarray, shape (..., strata, 4)
        Pixels of each stratum by outcome: `COUNTS`.
    weights : ndarray, shape (mixtures, strata)
        Fraction of the pixels of a mixture that each stratum has.

    Returns
    -------
    ndarray, shape (..., mixtures, 2)
        With the counts of a stratum divided by its pixels: the sums of weighted true positives,
        over those of weighted labelled pixels (recall) and of weighted flagged pixels (precision).
        NaN where a stratum that has a weight has no pixel.
    """
    tp, fp, fn, _ = np.moveaxis(counts, -1, 0)
    pixels = counts.sum(axis=-1)
    hits, labelled, flagged = (
        np.nan_to_num(ratio(n, pixels)) @ weights.T for n in (tp, tp + fn, tp + fp)
    )
    lacking = (pixels == 0).astype(float) @ (weights > 0).T > 0
    scores = np.stack([ratio(hits, labelled), ratio(hits, flagged)], axis=-1)
    return np.where(lacking[..., np.newaxis], np.nan, scores)


def mixture_table(
    groups: Sequence[Table], published: Table, model: str, resampling: Mapping[str, Any]
) -> Table:
    """Find the mixtures of strata that the paper's Table 1 does not exclude.

    Parameters
    ----------
    groups : sequence of Table
        One per group: columns model, comparison, region, stratum and `COUNTS`, a row per chip.
    published : Table
        Of `crstudy.metrics.published_table1.published_table1`.
    model : str
        The paper's detector, scored against the labels as in the paper.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per star region of the paper that was counted, and stratum: pixels; actual, lowest,
        highest and nearest weight; tested and not_excluded, the numbers of mixtures; recall and
        precision of the paper and of the nearest mixture. A stratum with labelled pixels in fewer
        than `MIN_GROUPS` groups is in no mixture: its weights are NaN.

    Notes
    -----
    A mixture is excluded unless the interval of its recall holds the paper's, to its rounding, and
    that of its precision the paper's. The full frame is left out: most of its pixels hold little
    light, whatever their stratum. Both intervals come from the same draws of groups. A mixture
    changes how many pixels of a region each stratum has; how its pixels are labelled and flagged
    stays that of the simulation.
    """
    of_model = [t[(t["model"] == model) & (t["comparison"] == "reference")] for t in groups]
    keys, sums = sum_rows(of_model, ("region", "stratum"), COUNTS)
    row_of = {tuple(key): i for i, key in enumerate(keys)}
    rows: list[dict[str, Any]] = []
    for line in published:
        if line["region"] != FULL and (line["region"], STRATA[0]) in row_of:
            counts = sums[:, [row_of[line["region"], name] for name in STRATA]]
            paper = float(line["recall"]), float(line["precision"])
            rows += _mix_region(str(line["region"]), counts, paper, resampling)
    table = Table(rows, meta={"model": model, "step": 1 / STEPS} | describe_resampling(resampling))
    for name, meaning in MEANINGS.items():
        table[name].description = meaning
    table["pixels"].unit = "pix"
    return table


def _mix_region(
    region: str,
    counts: NDArray[np.floating],
    paper: tuple[float, float],
    resampling: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the rows of a region, of counts of shape (groups, strata, 4)."""
    tp, _, fn, _ = np.moveaxis(counts, -1, 0)
    mixed = (tp + fn > 0).sum(axis=0) >= MIN_GROUPS
    weights, tested, kept = np.empty((0, mixed.sum())), np.array([], bool), np.array([], bool)
    nearest, scores = np.full(mixed.sum(), np.nan), np.full(2, np.nan)
    if mixed.any():
        weights = weights_on_simplex(mixed.sum())
        value, low, high = _estimate(counts[:, mixed], weights, resampling)
        wanted = np.array(paper)
        tested = np.isfinite(low).all(axis=-1)
        kept = ((low - ROUNDING <= wanted) & (wanted <= high + ROUNDING)).all(axis=-1)
        best = np.nanargmin(np.abs(value - wanted).max(axis=-1))
        nearest, scores = weights[best], value[best]
    pixels = counts.sum(axis=(0, -1))
    ends = np.full((3, len(STRATA)), np.nan)
    ends[2, mixed] = nearest
    if kept.any():
        ends[:2, mixed] = weights[kept].min(axis=0), weights[kept].max(axis=0)
    names = ("lowest_weight", "highest_weight", "nearest_weight")
    return [
        {"region": region, "stratum": stratum, "pixels": int(pixels[i])}
        | {"actual_weight": float(ratio(pixels[i], pixels.sum()))}
        | dict(zip(names, ends[:, i].tolist(), strict=True))
        | {"tested": int(tested.sum()), "not_excluded": int(kept.sum())}
        | {"published_recall": paper[0], "published_precision": paper[1]}
        | {"nearest_recall": float(scores[0]), "nearest_precision": float(scores[1])}
        for i, stratum in enumerate(STRATA)
    ]


def _estimate(
    counts: NDArray[np.floating], weights: NDArray[np.floating], resampling: Mapping[str, Any]
) -> tuple[NDArray, NDArray, NDArray]:
    """Return scores of mixtures, shape (mixtures, 2), and the ends of their intervals."""
    drawn = draw_weights(len(counts), resampling["samples"], resampling["seed"])
    value = mixed_scores(counts.sum(axis=0), weights)
    samples = mixed_scores(np.tensordot(drawn, counts, axes=1), weights)
    low, high = np.apply_along_axis(interval, 0, samples, resampling["confidence"])
    return value, low, high
