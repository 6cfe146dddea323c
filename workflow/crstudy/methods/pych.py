"""Cosmic rays by gaps in local histograms: Pych (2004, PASP 116, 148; astro-ph/0311290).

In a small box the pixels of sky and of smooth sources fill a histogram without gaps; above the
first wide gap lie cosmic rays. They are flagged with their neighbours and replaced, and the boxes
are searched again.

Notes
-----
The steps are those of the author's program dcr 2.2.1 in the copy of the SOAR Goodman pipeline,
the default values those of that pipeline's dcr.par; of the paper itself, only the abstract was
checked. In a box:

1. mean and standard deviation s of all pixels; then of those within 3 s of the mean;
2. a histogram with bins of 1 e- from the lowest pixel, and its mode: the first bin of most pixels
   or, if that is bin 0, the bin of the mean;
3. the first run of more than int(g s) empty bins above the mode, g the threshold;
4. pixels above the run are cosmic rays, unless there are more of them than the side of the box.

Boxes overlap by half their side. All pixels within `growth` px of a cosmic ray along both axes are
flagged too. Flagged pixels become the mean of the unflagged ones at distances of 1 to 3 px, which
may lie in other boxes. Differences on purpose: dcr rejects at g s in step 1, here it is 3 s, the
default g, so that the scan changes the gap alone; and dcr leaves out of the mean what lies in the
row or column of the flagged pixel.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from crstudy.core.errors import StudyError
from crstudy.data.view import View
from crstudy.methods.runner import scan

#: Thresholds of the scan: widths of the gap in standard deviations of the box.
THRESHOLDS = tuple(np.geomspace(0.25, 60.0, 24).tolist())
#: Values that tuning tries, the defaults of dcr.par first. Smaller boxes would hold fewer than 16
#: pixels, too few for a histogram.
PARAMETERS = {"box": (18.0, 12.0, 8.0, 6.0, 4.0), "growth": (1.0, 0.0)}
#: Passes over the image at one threshold, at most; the default of dcr.par.
MAX_PASSES = 5
#: Pixels this far from the mean of the box, in standard deviations, are rejected from it.
REJECT_SIGMA = 3.0
#: Distances of pixels that replace a flagged one, px; the defaults of dcr.par.
REPLACE_PX = (1, 3)
#: Boxes are worked on this many at a time.
BOXES_AT_ONCE = 512
#: Bin of an invalid pixel, and the highest of a valid one.
MISSING, HIGHEST = 2**30, 2**29


def score(view: View, box: float = 18, growth: float = 1) -> NDArray[np.float32]:
    """Score pixels by the widest gap that separates them from the mode of their box.

    Parameters
    ----------
    view : View
        Chip.
    box : float
        Side of the boxes, px: an even number, by default 18.
    growth : float
        Growth of the flagged pixels, px: a whole number, by default 1.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        One of `THRESHOLDS`, 0 where a pixel is flagged at none or is not valid, NaN where it
        is not finite.

    Raises
    ------
    StudyError
        No pixel is valid.
    """
    finite = np.isfinite(view.sci)
    usable = view.good & finite
    if not usable.any():
        raise StudyError("pych", "the chip has no valid pixel", "drop this exposure")
    image = np.where(usable, view.sci, np.float32(np.nan))

    def flag(threshold: float) -> NDArray[np.bool_]:
        return find_cosmic_rays(image, threshold, int(box), int(growth))

    return np.where(finite, scan(flag, THRESHOLDS), np.float32(np.nan))


def find_cosmic_rays(
    image: NDArray[np.float32], threshold: float, box: int, growth: int
) -> NDArray[np.bool_]:
    """Flag cosmic rays at one threshold.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Image, e-; NaN where a pixel is not valid.
    threshold : float
        Least width of the gap, in standard deviations of the box.
    box, growth : int
        As in `score`.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
    """
    valid = np.isfinite(image)
    flagged = np.zeros(image.shape, bool)
    shape, corners = lay_boxes(image.shape, box)
    for _ in range(MAX_PASSES):
        hit = _search_boxes(image, shape, corners, threshold)
        if not hit.any():
            break
        hit = valid & maximum_filter(hit, size=2 * growth + 1, mode="constant")
        flagged |= hit
        image = replace(image, hit)
        # Boxes without a replaced pixel would give the same result again.
        corners = corners[_cut_out(hit, shape, corners).any(axis=1)]
    return flagged


def _search_boxes(
    image: NDArray[np.float32],
    shape: tuple[int, int],
    corners: NDArray[np.intp],
    threshold: float,
) -> NDArray[np.bool_]:
    """Flag the pixels above the gaps of boxes, without growth."""
    hit = np.zeros(image.shape, bool)
    for start in range(0, len(corners), BOXES_AT_ONCE):
        some = corners[start : start + BOXES_AT_ONCE]
        values = _cut_out(image, shape, some)
        number, pixel = np.nonzero(values >= lowest_above_gap(values, threshold)[:, None])
        y, x = np.divmod(pixel, shape[1])
        hit[some[number, 0] + y, some[number, 1] + x] = True
    return hit


def lay_boxes(image_shape: tuple[int, int], box: int) -> tuple[tuple[int, int], NDArray[np.intp]]:
    """Cover an image with boxes that overlap by half; the last ones end at its edges.

    Parameters
    ----------
    image_shape : tuple of int
        Rows and columns of the image.
    box : int
        Side of the boxes, px, at least 2.

    Returns
    -------
    shape : tuple of int
        Rows and columns of a box: `box`, or less where the image is smaller.
    corners : ndarray, shape (n, 2)
        Row and column of the first pixel of each box.
    """
    shape = (min(box, image_shape[0]), min(box, image_shape[1]))
    starts = [
        np.unique([*range(0, length - side, box // 2), length - side])
        for length, side in zip(image_shape, shape, strict=True)
    ]
    return shape, np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)


def _cut_out(image: NDArray, shape: tuple[int, int], corners: NDArray[np.intp]) -> NDArray:
    """Copy the pixels of boxes, shape (box, pixel)."""
    return sliding_window_view(image, shape)[tuple(corners.T)].reshape(len(corners), -1)


def lowest_above_gap(values: NDArray[np.floating], threshold: float) -> NDArray[np.floating]:
    """Find the lowest pixel above the first wide gap of each box's histogram.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        The m pixels of n boxes, e-; NaN where a pixel is not valid.
    threshold : float
        Least width of the gap, in standard deviations of the box.

    Returns
    -------
    ndarray, shape (n,)
        Infinite where a box has no such gap, or too many pixels above it.
    """
    ordered = np.sort(values, axis=1)
    known = np.isfinite(ordered)
    above_lowest = np.where(known, ordered - ordered[:, :1], 0)
    bins = np.where(known, np.minimum(above_lowest, HIGHEST).astype(np.int32), np.int32(MISSING))
    # Steps 1 and 2 of the module's notes; as in dcr, the mean replaces a mode in bin 0.
    mean, deviation = _clipped_moments(above_lowest, known)
    mode = _modes(bins)
    mode = np.where(mode == 0, mean.astype(np.int32), mode)

    # Step 3: pixels are sorted, so a run of empty bins is the distance between two neighbours.
    empty = bins[:, 1:] - np.maximum(bins[:, :-1] + 1, mode[:, None])
    wide = known[:, 1:] & (empty > np.floor(threshold * deviation)[:, None])
    first = 1 + wide.argmax(axis=1)
    # Step 4: more pixels than the side of the box are an object, not a cosmic ray.
    few = known.sum(axis=1) - first <= int(np.sqrt(values.shape[1]))
    lowest = np.take_along_axis(ordered, first[:, None], axis=1)[:, 0]
    return np.where(wide.any(axis=1) & few, lowest, np.inf)


def _clipped_moments(
    values: NDArray[np.floating], known: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Mean and standard deviation of each row of known values, after one rejection."""
    mean, deviation = _moments(values, known)
    low, high = mean - REJECT_SIGMA * deviation, mean + REJECT_SIGMA * deviation
    return _moments(values, known & (values >= low[:, None]) & (values <= high[:, None]))


def _moments(
    values: NDArray[np.floating], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Mean and standard deviation of the kept values of each row; 0 where none is."""
    number = np.maximum(np.count_nonzero(kept, axis=1), 1).astype(values.dtype)
    mean = (values * kept).sum(axis=1) / number
    offset = (values - mean[:, None]) * kept
    return mean, np.sqrt(np.einsum("ij,ij->i", offset, offset) / number)


def _modes(bins: NDArray[np.int32]) -> NDArray[np.int32]:
    """First of the most frequent bins of each row; rows are in ascending order."""
    rows, columns = bins.shape
    is_first = np.ones(bins.shape, bool)
    is_first[:, 1:] = bins[:, 1:] != bins[:, :-1]
    first = np.flatnonzero(is_first)
    number = np.diff(first, append=bins.size)
    number[bins.flat[first] == MISSING] = 0
    row = first // columns
    most = np.maximum.reduceat(number, np.searchsorted(first, np.arange(rows) * columns))
    winners = first[number == most[row]][::-1]
    modes = np.empty(rows, np.int32)
    # Of the winners of a row the first one is assigned last.
    modes[winners // columns] = bins.flat[winners]
    return modes


def replace(image: NDArray[np.float32], flagged: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Replace flagged pixels by the mean of those around them.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Image, e-; NaN where a pixel is not valid.
    flagged : ndarray of bool, shape (ny, nx)
        Pixels to replace.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        A pixel without an unflagged one around it becomes NaN: it is no longer valid.
    """
    nearest, reach = REPLACE_PX
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    around = (np.hypot(y, x) >= nearest) & (np.hypot(y, x) <= reach)
    others = np.pad(np.where(flagged, np.float32(np.nan), image), reach, constant_values=np.nan)
    values = sliding_window_view(others, around.shape)[flagged][:, around]
    number = np.isfinite(values).sum(axis=1)
    replaced = image.copy()
    replaced[flagged] = np.where(number > 0, np.nansum(values, axis=1), np.nan) / np.maximum(
        number, 1
    )
    return replaced
