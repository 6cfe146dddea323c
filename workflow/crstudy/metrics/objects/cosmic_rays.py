"""True cosmic rays as objects: their properties, and which of them a method finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import label, maximum_filter
from scipy.spatial import cKDTree

from crstudy.metrics.pooling import property_bins

#: Pixels that share a side or a corner are connected.
EIGHT = np.ones((3, 3), bool)
#: Columns of `bin_objects` that count the objects found, by how much of an object must be flagged.
CRITERIA = {
    "any_px": "objects with at least one pixel flagged",
    "half_px": "objects with at least half of their pixels flagged",
    "most_charge": "objects with at least 90 % of their electrons flagged",
}
#: Edges of bins of properties of objects; those of star regions follow from the configuration.
EDGES = {
    "n_px": (1, 2, 3, 5, 9, 17, 33, np.inf),
    "peak_snr": (0, 5, 10, 20, 50, 100, 200, 500, np.inf),
    "star_px": (0, 1, 2, 3, 5, 10, 20, 50, np.inf),
}

#: Numerator and denominator of fractions of objects and their charge, of `bin_objects`.
COMPLETENESS = {
    **{f"{name}_fraction": (name, "objects") for name in CRITERIA},
    "charge_fraction": ("flagged_e", "electrons"),
}
#: The same of the pixels of a mask, of `count_mask`.
MASK = {
    "recall": ("tp", "positives"),
    "precision": ("tp", "flagged_px"),
    "precision_with_rims": ("tp", "flagged_with_rims_px"),
    "rim_fraction": ("rims", "flagged_with_rims_px"),
    "free_fraction": ("fp", "flagged_with_rims_px"),
    "width": ("flagged_with_rims_px", "positives"),
    "false_positive_rate": ("fp", "negatives"),
}
#: What these say to a user.
MASK_MEANINGS = {
    "recall": "fraction of the cosmic-ray pixels that are flagged",
    "precision": "of the flagged pixels that are no rims, the fraction that are cosmic-ray pixels: "
    "the others held no charge of a cosmic ray at all",
    "precision_with_rims": "fraction of all flagged pixels that are cosmic-ray pixels",
    "rim_fraction": "fraction of all flagged pixels that are rims, with too little charge of a "
    "cosmic ray for a cosmic-ray pixel",
    "free_fraction": "fraction of all flagged pixels that held no charge of a cosmic ray",
    "width": "flagged pixels per cosmic-ray pixel: how much more than the cosmic rays is lost",
    "false_positive_rate": "fraction of the pixels without any charge of a cosmic ray that are "
    "flagged: the area of the region that is lost for nothing",
}
#: The same of all that is flagged, of `count_flagged`.
PURITY = {"purity": ("real", "flagged"), **MASK}


@dataclass(frozen=True)
class TrueObjects:
    """The true cosmic rays of a chip.

    Attributes
    ----------
    table : Table
        A row per object, see `find_objects`.
    pixels : ndarray of int, shape (n,)
        Flat index of every valid pixel of an object.
    member : ndarray of int, shape (n,)
        Row of the object that it belongs to.
    charge_e : ndarray, shape (n,)
        Its charge from cosmic rays, e-.
    """

    table: Table
    pixels: NDArray[np.int64]
    member: NDArray[np.int64]
    charge_e: NDArray[np.floating]


class Hits(NamedTuple):
    """Flagged pixels and electrons of each object: ndarrays, shape (objects,)."""

    px: NDArray[np.int64]
    electrons: NDArray[np.float64]


def find_objects(
    truth: NDArray[np.bool_],
    charge_e: NDArray[np.number],
    noise_e: NDArray[np.floating],
    valid: NDArray[np.bool_],
    brightness_rms: NDArray[np.floating],
    stars_xy: ArrayLike,
    regions: Mapping[float, NDArray[np.bool_]],
) -> TrueObjects:
    """Find the true cosmic rays of a chip and describe them.

    Parameters
    ----------
    truth : ndarray of bool, shape (ny, nx)
        Pixels of cosmic rays; all hold charge.
    charge_e, noise_e : ndarray, shape (ny, nx)
        Charge from cosmic rays, and local noise, e-.
    valid : ndarray of bool, shape (ny, nx)
        Valid pixels.
    brightness_rms : ndarray, shape (ny, nx)
        Noiseless scene without sky, in local RMS of the background.
    stars_xy : array-like, shape (n, 2)
        Positions x, y of the stars of the scene, px, pixel centres at whole numbers.
    regions : mapping of float to ndarray of bool, shape (ny, nx)
        Star regions by threshold.

    Returns
    -------
    TrueObjects
        Its table has a row per object: n_px; electrons; x, y, the centre of its charge, px;
        peak_snr, the largest ratio of charge to noise in a pixel; star_px, the distance from its
        centre to the nearest star, px, inf without stars; brightness_rms, mean over its charge;
        region_rms, the highest threshold of a region that holds half of its electrons or more,
        0 if none does.

    Notes
    -----
    An object is 8-connected true pixels: tracks that touch or cross are one object, and a track
    broken by pixels below the noise is several. Invalid pixels connect, but enter no number; an
    object without any valid pixel is left out.
    """
    labels, _ = label(truth, EIGHT)
    pixels = np.flatnonzero(truth & valid)
    names, member = np.unique(labels.ravel()[pixels], return_inverse=True)
    charge = charge_e.ravel()[pixels]
    y, x = np.divmod(pixels, truth.shape[1])

    def total(values: NDArray) -> NDArray[np.float64]:
        return np.bincount(member, values, len(names))

    electrons = total(charge)
    snr = charge / noise_e.ravel()[pixels]
    peak = np.zeros(len(names))
    np.maximum.at(peak, member, snr)
    table = Table({"n_px": np.bincount(member, minlength=len(names)), "electrons": electrons})
    table["x"], table["y"] = total(charge * x) / electrons, total(charge * y) / electrons
    table["peak_snr"] = peak
    stars = cKDTree(np.asarray(stars_xy, dtype=float).reshape(-1, 2))
    table["star_px"], _ = stars.query(np.column_stack([table["x"], table["y"]]))
    table["brightness_rms"] = total(charge * brightness_rms.ravel()[pixels]) / electrons
    table["region_rms"] = np.zeros(len(names))
    for multiple in sorted(regions):
        inside = total(charge * regions[multiple].ravel()[pixels])
        table["region_rms"][2 * inside >= electrons] = multiple
    return TrueObjects(table, pixels, member, charge)


def count_hits(objects: TrueObjects, flagged: NDArray[np.bool_]) -> Hits:
    """Count the flagged pixels and electrons of every object of a chip."""
    hit = flagged.ravel()[objects.pixels]
    member, n = objects.member[hit], len(objects.table)
    return Hits(np.bincount(member, minlength=n), np.bincount(member, objects.charge_e[hit], n))


def found(objects: TrueObjects, hits: Hits) -> dict[str, NDArray[np.bool_]]:
    """Mark the objects that are found, for each of `CRITERIA`."""
    return {
        "any_px": hits.px >= 1,
        "half_px": 2 * hits.px >= objects.table["n_px"],
        # Whole numbers of electrons: 90 % is exact.
        "most_charge": 10 * hits.electrons >= 9 * objects.table["electrons"],
    }


def count_flagged(
    flagged: NDArray[np.bool_],
    actual: NDArray[np.bool_],
    rims: NDArray[np.bool_],
    valid: NDArray[np.bool_],
) -> dict[str, int]:
    """Count what a method flags, by object and by pixel.

    Parameters
    ----------
    flagged, actual, rims, valid : ndarray of bool, shape (ny, nx)
        Flagged pixels, pixels of cosmic rays, pixels with less of their charge, valid pixels.

    Returns
    -------
    dict of str to int
        real, the 8-connected flagged objects that share a valid pixel with a cosmic ray; flagged,
        these and the objects that hold no charge in any valid pixel: their ratio is the purity by
        object, in which objects of rims do not count; and those of `count_mask`.
    """
    labels, n = label(flagged, EIGHT)

    def touched(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.bincount(labels[valid & pixels], minlength=n + 1)[1:] > 0

    real, charged = touched(actual), touched(actual | rims)
    counted = np.where(charged, real, touched(flagged))
    pixels = count_mask(flagged, actual, rims, valid)
    return {"real": int(real.sum()), "flagged": int(counted.sum()), **pixels}


def count_mask(
    flagged: NDArray[np.bool_],
    actual: NDArray[np.bool_],
    rims: NDArray[np.bool_],
    area: NDArray[np.bool_],
) -> dict[str, int]:
    """Count what the flagged pixels of an area hold.

    Parameters
    ----------
    flagged, actual, rims, area : ndarray of bool, shape (ny, nx)
        Flagged pixels, pixels of cosmic rays, pixels with less of their charge, and the pixels to
        count.

    Returns
    -------
    dict of str to int
        tp, fp and rims: the flagged pixels of cosmic rays, without any charge, and of rims;
        flagged_px, the first two, and flagged_with_rims_px, all; positives and negatives, all
        pixels of cosmic rays and without charge.

    Examples
    --------
    >>> flagged, truth, rims = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0]], bool)
    >>> count_mask(flagged, truth, rims, np.ones(5, bool))
    {'tp': 1, 'fp': 1, 'rims': 1, 'flagged_px': 2, 'flagged_with_rims_px': 3, \
'positives': 1, 'negatives': 3}
    """
    cell = (2 * (actual + np.uint8(2) * rims) + flagged)[area]
    tn, fp, fn, tp, _, on_rims = (int(number) for number in np.bincount(cell, minlength=6))
    px = {"tp": tp, "fp": fp, "rims": on_rims}
    px |= {"flagged_px": tp + fp, "flagged_with_rims_px": tp + fp + on_rims}
    return px | {"positives": tp + fn, "negatives": fp + tn}


def dilate(mask: NDArray[np.bool_], px: int) -> NDArray[np.bool_]:
    """Grow a mask by whole pixels in all eight directions: a box of side 2 px + 1."""
    return maximum_filter(mask, size=2 * px + 1, mode="constant") if px else mask


def bin_objects(objects: TrueObjects, hits: Hits, edges: Mapping[str, Sequence[float]]) -> Table:
    """Count the objects of a chip, and those found, in bins of their properties.

    Parameters
    ----------
    objects : TrueObjects
        Of the chip.
    hits : Hits
        Of a method.
    edges : mapping of str to sequence of float
        Edges of bins by column of the table of objects, see
        `crstudy.metrics.pooling.property_bins`.

    Returns
    -------
    Table
        A row per bin, and one for all objects: property, low, high; objects and, of them, those
        found by each of `CRITERIA`; electrons and flagged_e, those flagged. The bins of every
        property count the same objects.
    """
    sums = {
        "objects": np.ones(len(objects.table), int),
        **{name: hit.astype(int) for name, hit in found(objects, hits).items()},
        "electrons": np.asarray(objects.table["electrons"]),
        "flagged_e": hits.electrons,
    }
    return Table(
        [
            one | {name: values[inside].sum() for name, values in sums.items()}
            for one, inside in property_bins(objects.table, edges)
        ]
    )
