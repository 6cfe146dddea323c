"""Good pixels: neither bad in DQ nor near saturation (paper section 2)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter


def good_pixels(
    sci_e: NDArray[np.floating],
    dq: NDArray[np.integer],
    *,
    good_dq_bits: Iterable[int],
    saturation_e: float,
    saturation_box_px: int,
) -> NDArray[np.bool_]:
    """Mark the good pixels of a chip.

    Parameters
    ----------
    sci_e : ndarray, shape (ny, nx)
        Science image, e-.
    dq : ndarray of int, shape (ny, nx)
        Data-quality bits.
    good_dq_bits : iterable of int
        Bits that do not make a pixel bad. Archive files flag cosmic rays with 4096
        (AstroDrizzle) and 8192 (CRSPLIT); taken for bad pixels, they would hide every positive.
    saturation_e : float
        Pixels above this are saturated, e-.
    saturation_box_px : int
        Side of the box by which saturated pixels are dilated, px.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        True where the pixel is good. Non-finite pixels never are.

    Examples
    --------
    A hot pixel is not valid, nor are the neighbours of a saturated one; a pixel that the archive
    flags as a cosmic ray is.

    >>> sci_e = np.array([[10.0, 10.0, 10.0, 10.0, 8e4]])
    >>> dq = np.array([[16, 4096, 0, 0, 0]])
    >>> settings = {"good_dq_bits": [4096], "saturation_e": 7e4, "saturation_box_px": 3}
    >>> good_pixels(sci_e, dq, **settings).tolist()
    [[False, True, True, False, False]]
    """
    bad_bits = ~np.bitwise_or.reduce([0, *good_dq_bits])
    saturated = maximum_filter(sci_e > saturation_e, size=saturation_box_px, mode="constant")
    return ((dq & bad_bits) == 0) & ~saturated & np.isfinite(sci_e)
