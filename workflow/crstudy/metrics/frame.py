"""One exposure with its mask over it: pixels found, missed and falsely flagged."""

from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

#: What became of a pixel; of a block of pixels, the highest.
NOTHING, FOUND, FALSE, MISSED = range(4)
#: Most pixels along a side of the whole frame as drawn, and of a part drawn pixel by pixel.
SIDE_PX, PART_PX = 1024, 128

Classes = NDArray[np.uint8]


def classify(
    label: NDArray[np.bool_], flagged: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> Classes:
    """Say what became of each pixel.

    Parameters
    ----------
    label, flagged, valid : ndarray of bool, shape (ny, nx)
        Cosmic rays, detections, and pixels that count.

    Returns
    -------
    ndarray, uint8
        `NOTHING`, `FOUND`, `FALSE` or `MISSED`.

    Examples
    --------
    >>> yes, no = np.array([True, True, False]), np.array([True, False, True])
    >>> classify(yes, no, np.ones(3, bool)).tolist()
    [1, 3, 2]
    """
    label, flagged = label & valid, flagged & valid
    kinds = FOUND * (label & flagged) + FALSE * (flagged & ~label) + MISSED * (label & ~flagged)
    return kinds.astype(np.uint8)


def map_frame(image: NDArray[np.floating], kinds: Classes) -> Table:
    """Return the whole frame in blocks, and two parts of it pixel by pixel.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Calibrated image, e-.
    kinds : ndarray, shape (ny, nx)
        Of `classify`.

    Returns
    -------
    Table
        One row: image and kinds of frame, typical and worst: the parts with the median and with the
        largest number of missed and false pixels. Metadata FOUND, FALSE, MISSED: counts of pixels;
        BLOCK: pixels along a block; TYPICALX and so on: first column and row of a part.
    """
    block = -(-max(image.shape) // SIDE_PX)
    table = Table()
    table["frame"] = [_blocks(image, block).mean(axis=(1, 3)).astype(np.float32)]
    table["frame_kinds"] = [_blocks(kinds, block).max(axis=(1, 3))]
    side = min(PART_PX, *image.shape)
    errors = _blocks((kinds >= FALSE).astype(int), side).sum(axis=(1, 3))
    # The lower median is the number of a part.
    median = np.sort(errors, axis=None)[(errors.size - 1) // 2]
    meta: dict[str, Any] = {"BLOCK": block}
    for name, count in (("typical", median), ("worst", errors.max())):
        row, column = (side * int(i[0]) for i in np.nonzero(errors == count))
        part = slice(row, row + side), slice(column, column + side)
        table[name] = [image[part].astype(np.float32)]
        table[f"{name}_kinds"] = [kinds[part]]
        meta |= {f"{name.upper()}X": column, f"{name.upper()}Y": row}
    for name, kind in (("FOUND", FOUND), ("FALSE", FALSE), ("MISSED", MISSED)):
        meta[name] = int((kinds == kind).sum())
    table.meta = meta
    return table


def _blocks(image: NDArray[Any], side: int) -> NDArray[Any]:
    """Return an image in square blocks, shape (rows, side, columns, side), without the rest."""
    rows, columns = (n // side for n in image.shape)
    return image[: rows * side, : columns * side].reshape(rows, side, columns, side)
