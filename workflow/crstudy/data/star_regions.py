"""Star regions: the pixels of sources above multiples of the background RMS."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crstudy.data.background import extract_sources, measure_sky


def star_regions(
    clean_e: NDArray[np.floating],
    good: NDArray[np.bool_],
    multiples_rms: Sequence[float],
    background_box_px: int,
) -> dict[float, NDArray[np.bool_]]:
    """Extract connected regions at multiples of the background RMS (paper section 3.1).

    Parameters
    ----------
    clean_e : ndarray, shape (ny, nx)
        Clean image, e-.
    good : ndarray of bool, shape (ny, nx)
        Valid pixels; others neither enter the background nor belong to a source.
    multiples_rms : sequence of float
        Thresholds in units of SEP's global background RMS.
    background_box_px : int
        Mesh of the background, px.

    Returns
    -------
    dict of float to ndarray of bool, shape (ny, nx)
        Pixels of the sources above each threshold: connected, at least SEP's default of 5
        pixels, not smoothed, not deblended, and none discarded beside a brighter one.

    Examples
    --------
    >>> clean_e = np.random.default_rng(1).normal(100, 5, (64, 64)).astype(np.float32)
    >>> clean_e[30:35, 30:35] += 60
    >>> clean_e[31:34, 31:34] += 900
    >>> regions = star_regions(clean_e, np.ones((64, 64), bool), [3, 20], background_box_px=32)
    >>> {multiple: int(pixels.sum()) for multiple, pixels in regions.items()}
    {3: 25, 20: 9}
    """
    empty = np.zeros(clean_e.shape, bool)
    if not good.any():
        return dict.fromkeys(multiples_rms, empty)
    sky = measure_sky(clean_e, good, background_box_px)
    image = np.where(good, clean_e, np.float32(0)) - sky.level
    regions = {}
    for multiple in multiples_rms:
        _, segments = extract_sources(
            image,
            multiple,
            err=sky.global_rms,
            mask=~good,
            filter_kernel=None,
            deblend_nthresh=1,
            clean=False,
            segmentation_map=True,
        )
        regions[multiple] = segments > 0
    return regions
