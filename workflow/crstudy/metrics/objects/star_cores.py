"""False alarms on stars: how often a method takes a star's core for a cosmic ray."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.metrics.bootstrap import fraction_table
from crstudy.metrics.pooling import bin_index

#: Side of the box around the pixel of a star's centre, px.
CORE_PX = 3
#: Edges of bins of magnitude, and of the part of a star's light in its brightest pixel.
MAG_EDGES = (-np.inf, *range(19, 27), np.inf)
PEAK_EDGES = (-np.inf, 0.16, 0.17, 0.18, 0.19, 0.2, 0.21, np.inf)
EVERYTHING = (-np.inf, np.inf)
#: Numerator and denominator of the fraction of cores flagged.
ALARMS = {"flagged_fraction": ("flagged", "cores")}


def star_false_alarms(
    flagged: Mapping[str, NDArray[np.bool_]],
    stars: Table,
    charge_e: NDArray[np.number],
    counted: NDArray[np.bool_],
) -> Table:
    """Tell which star cores without cosmic rays each method flags.

    Parameters
    ----------
    flagged : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels that each method flags.
    stars : Table
        Columns x, y (px, pixel centres at whole numbers), mag, and peak_fraction, the part of
        the star's light in its brightest pixel.
    charge_e : ndarray, shape (ny, nx)
        Charge from cosmic rays, e-.
    counted : ndarray of bool, shape (ny, nx)
        Pixels that count.

    Returns
    -------
    Table
        A row per method and star: method, mag, peak_fraction, and flagged, whether any pixel of
        its core is. A star's core is the 3x3 px around the pixel of its centre. Only stars whose
        core lies on the chip, counts in full, and holds no electron of a cosmic ray stand here.
    """
    x, y = (np.rint(np.asarray(stars[name], dtype=float)).astype(int) for name in ("x", "y"))
    ny, nx = counted.shape
    half = CORE_PX // 2
    inside = (x >= half) & (x < nx - half) & (y >= half) & (y < ny - half)
    x, y = x[inside], y[inside]
    free = ~_any_in_core(~counted | (charge_e > 0), x, y)
    here = stars["mag", "peak_fraction"][inside][free]
    hits = [_any_in_core(mask, x[free], y[free]) for mask in flagged.values()]
    return Table(
        {
            "method": np.repeat(np.array(list(flagged), dtype=str), len(here)),
            "mag": np.tile(here["mag"], len(flagged)),
            "peak_fraction": np.tile(here["peak_fraction"], len(flagged)),
            "flagged": np.concatenate(hits),
        }
    )


def _any_in_core(
    mask: NDArray[np.bool_], x: NDArray[np.int64], y: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell whether the mask holds any pixel of the cores around pixels x, y."""
    steps = np.arange(CORE_PX) - CORE_PX // 2
    return mask[y[:, None, None] + steps[:, None], x[:, None, None] + steps].any(axis=(1, 2))


def bin_alarms(
    alarms: Table,
    methods: Sequence[str],
    mag_edges: Sequence[float],
    peak_edges: Sequence[float],
) -> Table:
    """Count star cores, and those flagged, by magnitude and sharpness.

    Parameters
    ----------
    alarms : Table
        Of `star_false_alarms`.
    methods : sequence of str
        Methods, also those without any star core.
    mag_edges, peak_edges : sequence of float
        Edges of bins of magnitude and peak_fraction, see `crstudy.metrics.pooling.bin_index`.

    Returns
    -------
    Table
        A row per method and bin: method, mag_lo, mag_hi, peak_lo, peak_hi, cores, flagged.
    """
    rows = []
    for method in methods:
        here = alarms[alarms["method"] == method]
        mag, peak = bin_index(here["mag"], mag_edges), bin_index(here["peak_fraction"], peak_edges)
        for (i, mags), (j, peaks) in product(
            enumerate(pairwise(mag_edges)), enumerate(pairwise(peak_edges))
        ):
            inside = (mag == i) & (peak == j)
            flagged = inside & here["flagged"]
            rows.append((method, *mags, *peaks, int(inside.sum()), int(flagged.sum())))
    names = ("method", "mag_lo", "mag_hi", "peak_lo", "peak_hi", "cores", "flagged")
    return Table(rows=rows, names=names)


def bin_by_property(alarms: Table, methods: Sequence[str]) -> Table:
    """Count star cores, and those flagged: all, by magnitude, and by sharpness.

    Parameters
    ----------
    alarms, methods
        As for `bin_alarms`.

    Returns
    -------
    Table
        A row per method and bin: property (all, mag or peak_fraction), low, high, method, cores,
        flagged. The rows of one property count all stars in its bins, once.
    """
    parts = []
    for name, mags, peaks in (
        ("all", EVERYTHING, EVERYTHING),
        ("mag", MAG_EDGES, EVERYTHING),
        ("peak_fraction", EVERYTHING, PEAK_EDGES),
    ):
        table = bin_alarms(alarms, methods, mags, peaks)
        axis = "peak" if name == "peak_fraction" else "mag"
        table.rename_columns([f"{axis}_lo", f"{axis}_hi"], ["low", "high"])
        table["property"] = name
        parts.append(table["property", "low", "high", "method", "cores", "flagged"])
    return vstack(parts)


def false_alarm_table(
    groups: Sequence[Table], keys: Sequence[str], resampling: Mapping[str, Any]
) -> Table:
    """Pool the counts of all groups into fractions of star cores flagged.

    Parameters
    ----------
    groups : sequence of Table
        One per group: those of `bin_alarms` or `bin_by_property` of all its chips.
    keys : sequence of str
        Columns to tell rows apart by. Of `bin_alarms`, with method, mag_lo and mag_hi alone, all
        sharpnesses are taken together, and the other way round.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        As `crstudy.metrics.bootstrap.fraction_table`: flagged_fraction.
    """
    return fraction_table(groups, keys, ALARMS, resampling)
