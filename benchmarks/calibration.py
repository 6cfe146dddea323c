"""Calibration of the simulator: sets of cosmic rays, what they are like and do to recall."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.random import default_rng
from numpy.typing import NDArray
from scipy import ndimage

from crstudy.metrics.bootstrap import estimate, fraction_table
from crstudy.metrics.names import KEYS
from crstudy.metrics.pooling import ratio
from crstudy.metrics.roc import COUNTS
from crstudy.metrics.roc_tables import recall_table
from crstudy.simulation.cosmic_rays import (
    CosmicRayModel,
    deposit,
    draw_collisions,
    draw_tracks,
)

#: The cosmic rays of the simulator's default configuration.
FROZEN = "frozen"
#: Pseudo-method: the labels themselves, to be compared with the truth.
LABELS = "labels"
#: Noise of an exposure of 500 s: sky and dark, and the read noise, e-; hits stand out by 3 sigma.
NOISE_E, READ_NOISE_E, SIGMAS, EXPTIME_S = 42.0, 4.2, 3.0, 500.0
#: Charge above which the commonest footprint is sought, e-: Riess (2002) does not give his.
FOOTPRINT_E = 50.0
#: Dark exposures that footprints are compared with: time, s, dark charge and read noise, e-,
#: charge above which a pixel is hit, e-, and smallest footprint, px: of single pixels half are hot.
DARK_S, DARK_E, DARK_NOISE_E, DARK_HIT_E, LEAST_PX = 900.0, 2.0, 3.1, 30.0, 3
#: A footprint of which one side is longer is long, px.
LONG_PX = 10


def variations(
    frozen: Mapping[str, float],
    ranges: Mapping[str, Mapping[str, Any]],
    others: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, float]]:
    """Return the frozen cosmic rays, those with one parameter at an end of its range, and others.

    Parameters
    ----------
    frozen : mapping
        Configuration section ``simulation.cosmic_rays``.
    ranges : mapping
        For each parameter to move, ``low`` and ``high``.
    others : mapping
        Further sets by name: the parameters that differ from the frozen ones.

    Returns
    -------
    dict
        Parameters of `CosmicRayModel` by name, such as ``thickness_um 12``.

    Raises
    ------
    ValueError
        The frozen value of a parameter lies outside its range.
    """
    found = {FROZEN: dict(frozen)}
    for name, ends in ranges.items():
        if not ends["low"] <= frozen[name] <= ends["high"]:
            raise ValueError(f"{name} {frozen[name]} lies outside {ends['low']} to {ends['high']}")
        found |= {f"{name} {ends[k]:g}": {**frozen, name: ends[k]} for k in ("low", "high")}
    return found | {name: {**frozen, **changes} for name, changes in others.items()}


def describe_rays(model: CosmicRayModel, shape: tuple[int, int], seed: int) -> dict[str, float]:
    """Measure the cosmic rays of a generator.

    Parameters
    ----------
    model : CosmicRayModel
        The generator.
    shape : (int, int)
        Rows and columns of the chip that is drawn.
    seed : int
        Of the cosmic rays.

    Returns
    -------
    dict
        pixels_per_1000s, percent of the pixels with more than 3 sigma of an exposure of 500 s,
        for 1000 s; median_electrons of a ray, and below_500_electrons, percent of the rays;
        commonest_footprint_px of the same exposure, above 50 e-. Of an exposure as the real darks,
        of footprints of at least 3 px: median_footprint_px, and footprints_over_10_px, percent.
    """
    rng = default_rng(seed)
    tracks = draw_tracks(rng, shape, EXPTIME_S, model)
    charge = deposit(rng, tracks, shape, model)
    collisions = draw_collisions(rng, tracks, model)
    electrons = np.bincount(collisions.track, collisions.electrons, tracks.size)
    hit = charge > SIGMAS * np.sqrt(NOISE_E + READ_NOISE_E**2)
    sizes, _ = footprints(charge > FOOTPRINT_E)
    dark = deposit(rng, draw_tracks(rng, shape, DARK_S, model), shape, model) - DARK_E
    dark = dark + rng.poisson(DARK_E, shape) + rng.normal(0, DARK_NOISE_E, shape)
    areas, sides = footprints(dark > DARK_HIT_E)
    large = areas >= LEAST_PX
    return {
        "pixels_per_1000s": 100 * float(hit.mean()) * 1000 / EXPTIME_S,
        "median_electrons": float(np.median(electrons)),
        "below_500_electrons": 100 * float((electrons < 500).mean()),
        "commonest_footprint_px": float(np.bincount(sizes).argmax()),
        "median_footprint_px": float(np.median(areas[large])),
        "footprints_over_10_px": 100 * float((sides[large] > LONG_PX).mean()),
    }


def footprints(hit: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return area and longest side, px, of connected pixels, corners included."""
    labels, _ = ndimage.label(hit, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    sides = [max(part.stop - part.start for part in box) for box in boxes]
    return np.bincount(labels.ravel())[1:], np.array(sides, dtype=np.int64)


def recall_rows(
    groups: Mapping[str, Sequence[Table]], rates: Sequence[float], resampling: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield recall against the labels at given false-positive rates, by field class.

    Parameters
    ----------
    groups : mapping of str to sequence of Table
        For each field class, one per group: columns `crstudy.metrics.roc_tables.KEYS`, and those
        of `crstudy.metrics.roc.histogram`.
    rates : sequence of float
        False-positive rates.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Yields
    ------
    dict
        quantity, field_class, method, fpr; value, low, high in percent; groups.
    """
    for kind, tables in groups.items():
        full = [
            t[(t["comparison"] == "reference") & (t["region"] == "full") & (t["method"] != LABELS)]
            for t in tables
        ]
        for row in recall_table(full, rates, resampling):
            ends = (100 * row[f"recall{end}"] for end in ("", "_lo", "_hi"))
            yield _row("recall", ends, kind, row["method"], row["groups"], row["fpr"])


def threshold_rows(
    groups: Sequence[Table], thresholds: Mapping[str, float], resampling: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield recall and precision at a threshold, over all field classes.

    Parameters
    ----------
    groups, resampling
        As for `recall_rows`, all groups.
    thresholds : mapping of str to float
        For each method the threshold, one of those at which it is counted.

    Yields
    ------
    dict
        As `recall_rows`; quantity holds the score, what it is compared with, and the region.
    """
    tables = []
    for table in groups:
        counts = table[[name in thresholds for name in table["method"]]]
        reached = counts["threshold"] >= [thresholds[name] for name in counts["method"]]
        counts["tp"], counts["fp"] = (np.where(reached, counts[name], 0) for name in COUNTS)
        counts["flagged"] = counts["tp"] + counts["fp"]
        tables.append(counts)
    scores = {"recall": ("tp", COUNTS[0]), "precision": ("tp", "flagged")}
    for row in fraction_table(tables, KEYS, scores, resampling):
        for score in scores:
            quantity = f"{score} against {row['comparison']}, {row['region']}"
            ends = (100 * row[f"{score}{end}"] for end in ("", "_lo", "_hi"))
            yield _row(quantity, ends, "all", row["method"], row["groups"])


def share_rows(
    name: str, shares: Mapping[str, NDArray], method: str, resampling: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield a fraction in percent with its interval, by field class.

    Parameters
    ----------
    name : str
        What it is a share of.
    shares : mapping of str to ndarray, shape (groups, 2)
        For each field class, numerator and denominator of each group.
    method : str
        The method, or empty.
    resampling : mapping
        As for `recall_rows`.
    """
    for kind, counts in shares.items():
        value, low, high, _ = estimate(
            lambda sums: 100 * ratio(sums[..., 0], sums[..., 1]), counts, resampling
        )
        yield _row(name, (value, low, high), kind, method, len(counts))


def _row(
    quantity: str,
    ends: Any,
    field_class: str,
    method: str,
    groups: int,
    fpr: float = np.nan,
) -> dict[str, Any]:
    value, low, high = (float(one) for one in ends)
    key = {"quantity": quantity, "field_class": field_class, "method": str(method), "fpr": fpr}
    return key | {"value": value, "low": low, "high": high, "groups": int(groups)}
