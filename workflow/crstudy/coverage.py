"""Where a median that is blotted to a chip is no reference."""

from collections.abc import Callable, Iterator

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

#: Places (x, y) on the median, from 0, of columns and rows of a chip, from 0; shape (n,).
Places = Callable[[NDArray, NDArray], tuple[NDArray[np.floating], NDArray[np.floating]]]

#: Weight in the bilinear interpolation that lacking pixels may have.
MAX_LACKING = 1e-3
#: AstroDrizzle computes the place on the sky of every so many pixels and interpolates between.
STEP_PX = 10
#: Side of the tiles of a chip that are looked at together, px.
TILE_PX = 64
#: Pixels that count for a tile lie no further than this outside its corners on the median, px:
#: distortion bends the sides of a tile by far less than one.
MARGIN_PX = 2


def places_of_blot(chip: WCS, median: WCS) -> Places:
    """Return the map by which AstroDrizzle blots, in its precision.

    Parameters
    ----------
    chip, median : stwcs.wcsutil.HSTWCS
        World coordinates of a chip, with its shape, and of the median.

    Returns
    -------
    Places
    """
    from drizzlepac.cdriz import DefaultWCSMapping

    mapping = DefaultWCSMapping(chip, median, *chip.pixel_shape, STEP_PX)

    def places(x: NDArray, y: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        x, y = mapping(x + 1.0, y + 1.0)
        return np.float32(x - 1), np.float32(y - 1)

    return places


def without_reference(
    lacking: NDArray[np.bool_], on_median: Places, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Mark the pixels of a chip to which lacking pixels of the median contribute.

    Parameters
    ----------
    lacking : ndarray of bool, shape (ny, nx)
        Pixels without median; all that lies beyond the edge is taken to be as the edge.
    on_median : callable
        Maps the chip to the median.
    shape : (int, int)
        Rows and columns of the chip.

    Returns
    -------
    ndarray of bool
        True where lacking pixels have a weight of `MAX_LACKING` or more among the four pixels of
        the median that surround a pixel of the chip.

    Notes
    -----
    Most of a chip lies over a complete median: only tiles that lacking pixels touch are blotted.
    """
    marked = np.zeros(shape, bool)
    for tile in _tiles(lacking, on_median, shape):
        rows, columns = np.mgrid[tile]
        x, y = on_median(columns.ravel(), rows.ravel())
        weight = map_coordinates(lacking, [y, x], np.float64, order=1, mode="nearest")
        marked[tile] = (weight >= MAX_LACKING).reshape(rows.shape)
    return marked


def _tiles(
    lacking: NDArray[np.bool_], on_median: Places, shape: tuple[int, int]
) -> Iterator[tuple[slice, slice]]:
    """Yield the tiles of a chip that lacking pixels may touch."""
    rows, columns = ([*range(0, n - 1, TILE_PX), n - 1] for n in shape)
    corners = np.meshgrid(columns, rows)
    x, y = (place.reshape(corners[0].shape) for place in on_median(*map(np.ravel, corners)))
    for i, j in np.ndindex(len(rows) - 1, len(columns) - 1):
        tile = np.s_[i : i + 2, j : j + 2]
        if lacking[_span(y[tile], len(lacking)), _span(x[tile], lacking.shape[1])].any():
            yield np.s_[rows[i] : rows[i + 1] + 1, columns[j] : columns[j + 1] + 1]


def _span(places: NDArray[np.floating], n_pixels: int) -> slice:
    """Return the pixels around places along one axis, at least one at the edge."""
    low, high = np.clip([places.min() - MARGIN_PX, places.max() + MARGIN_PX], 0, n_pixels - 1)
    return slice(int(low), int(high) + 1)
