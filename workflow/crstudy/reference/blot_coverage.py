"""Mark chip pixels whose blotted median rests on too few exposures."""

from collections.abc import Callable

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

#: Maps columns and rows of a chip, from 0, to positions (x, y) on the median, from 0; shape (n,).
Places = Callable[[NDArray, NDArray], tuple[NDArray[np.floating], NDArray[np.floating]]]

#: Maximum weight of lacking pixels in the bilinear interpolation.
MAX_LACKING = 1e-3
#: AstroDrizzle transforms every tenth pixel through the WCS and interpolates between them.
STEP_PX = 10
#: Side of the tiles into which a chip is divided, px.
TILE_PX = 16
#: Side of the blocks into which the median is binned, px.
BLOCK_PX = 4
#: Margin around the corners of a tile on the median, px: distortion bends the sides of a tile by
#: far less than one.
MARGIN_PX = 2


def places_of_blot(chip: WCS, median: WCS) -> Places:
    """Return the map by which AstroDrizzle blots, in its precision.

    Parameters
    ----------
    chip, median : stwcs.wcsutil.HSTWCS
        World coordinates of a chip, with its shape, and of the median.
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
        Pixels without median; pixels beyond the edge are taken to be like those at the edge.
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
    touched = _touched(lacking, on_median, shape)
    # Each pixel's tile; the last pixel may be the far corner of the last tile.
    tile_row, tile_column = (
        np.minimum(np.arange(n) // TILE_PX, n_tiles - 1)
        for n, n_tiles in zip(shape, touched.shape, strict=True)
    )
    for tile in np.flatnonzero(touched.any(axis=1)):
        rows = np.flatnonzero(tile_row == tile)[:, None]
        columns = np.flatnonzero(touched[tile][tile_column])
        x, y = on_median(*(place.ravel() for place in np.broadcast_arrays(columns, rows)))
        weight = map_coordinates(lacking, [y, x], np.float64, order=1, mode="nearest")
        marked[rows, columns] = (weight >= MAX_LACKING).reshape(rows.size, columns.size)
    return marked


def _touched(
    lacking: NDArray[np.bool_], on_median: Places, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Mark the tiles of a chip, by row and column, that lacking pixels may touch.

    Lacking pixels are binned to blocks, and blocks are counted in the bounding box of each tile by
    a summed-area table (Crow 1984): four of its values give the count of any box.
    """
    rows, columns = ([*range(0, n - 1, TILE_PX), n - 1] for n in shape)
    corners = np.meshgrid(columns, rows)
    x, y = (place.reshape(corners[0].shape) for place in on_median(*map(np.ravel, corners)))
    blocks = np.pad(lacking, [(0, -n % BLOCK_PX) for n in lacking.shape])
    blocks = np.logical_or.reduce([blocks[start::BLOCK_PX] for start in range(BLOCK_PX)])
    blocks = np.logical_or.reduce([blocks[:, start::BLOCK_PX] for start in range(BLOCK_PX)])
    # n_before[i, j]: number of lacking blocks above row i and left of column j.
    n_before = np.pad(blocks, ((1, 0), (1, 0))).cumsum(0, np.int32).cumsum(1, np.int32)
    bottom, top = _spans(y, lacking.shape[0])
    left, right = _spans(x, lacking.shape[1])
    return (
        n_before[top, right] - n_before[top, left]
        > n_before[bottom, right] - n_before[bottom, left]
    )


def _spans(places: NDArray[np.floating], n_pixels: int) -> tuple[NDArray, NDArray]:
    """Return the first block of each tile along one axis, and the one after its last block."""
    four = np.stack([places[:-1, :-1], places[:-1, 1:], places[1:, :-1], places[1:, 1:]])
    low, high = (
        np.clip(end, 0, n_pixels - 1).astype(int) // BLOCK_PX
        for end in (four.min(axis=0) - MARGIN_PX, four.max(axis=0) + MARGIN_PX)
    )
    return low, high + 1
