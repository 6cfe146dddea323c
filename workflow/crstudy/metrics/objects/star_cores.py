"""False alarms on stars: how often a method flags a star's core as a cosmic ray."""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.pooling import property_bins

#: Side of the box around the pixel of a star's centre, px.
CORE_PX = 3
#: Edges of bins of magnitude, and of the fraction of a star's light in its brightest pixel.
STAR_EDGES = {
    "mag": (-np.inf, *range(19, 27), np.inf),
    "peak_fraction": (-np.inf, 0.16, 0.17, 0.18, 0.19, 0.2, 0.21, np.inf),
}
#: Numerator and denominator of the fraction of cores flagged, of `bin_alarms`.
ALARMS = {"flagged_fraction": ("flagged", "cores")}


def star_false_alarms(
    flagged: NDArray[np.bool_],
    stars: Table,
    charge_e: NDArray[np.number],
    valid: NDArray[np.bool_],
) -> Table:
    """Find out which star cores without cosmic rays a method flags.

    Parameters
    ----------
    flagged : ndarray of bool, shape (ny, nx)
        Pixels that the method flags.
    stars : Table
        Columns x, y (px, pixel centres at whole numbers), mag, and peak_fraction, the fraction of
        the star's light in its brightest pixel.
    charge_e : ndarray, shape (ny, nx)
        Charge from cosmic rays, e-.
    valid : ndarray of bool, shape (ny, nx)
        Valid pixels.

    Returns
    -------
    Table
        A row per star: mag, peak_fraction, and flagged, whether any pixel of its core is: the
        3x3 px around the pixel of its centre. Only stars whose core lies on the chip, is valid and
        holds no electron of a cosmic ray.
    """
    x, y = (np.rint(np.asarray(stars[name], dtype=float)).astype(int) for name in ("x", "y"))
    ny, nx = valid.shape
    half = CORE_PX // 2
    inside = (x >= half) & (x < nx - half) & (y >= half) & (y < ny - half)
    x, y = x[inside], y[inside]
    free = ~_any_in_core(~valid | (charge_e > 0), x, y)
    cores = stars["mag", "peak_fraction"][inside][free]
    cores["flagged"] = _any_in_core(flagged, x[free], y[free])
    return cores


def _any_in_core(
    mask: NDArray[np.bool_], x: NDArray[np.int64], y: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell whether the mask holds any pixel of the cores around pixels x, y."""
    steps = np.arange(CORE_PX) - CORE_PX // 2
    return mask[y[:, None, None] + steps[:, None], x[:, None, None] + steps].any(axis=(1, 2))


def bin_alarms(alarms: Table, method: str, edges: Mapping[str, Sequence[float]]) -> Table:
    """Count star cores, and those flagged, in bins of their properties.

    Parameters
    ----------
    alarms : Table
        Of `star_false_alarms`.
    method : str
        The method.
    edges : mapping of str to sequence of float
        `STAR_EDGES`, or none of them.

    Returns
    -------
    Table
        A row per bin, and one for all stars: property, low, high, method, cores, flagged. The bins
        of every property count the same stars.
    """
    return Table(
        [
            one
            | {"method": method, "cores": int(inside.sum())}
            | {"flagged": int((inside & alarms["flagged"]).sum())}
            for one, inside in property_bins(alarms, edges)
        ]
    )
