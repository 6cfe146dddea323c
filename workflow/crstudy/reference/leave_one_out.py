"""Leave-one-out reference: the median of a group's other exposures, blotted to each exposure."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.core.errors import StudyError

#: Ways of AstroDrizzle to combine exposures pixel by pixel.
COMBINE_TYPES = ("median", "imedian")
#: Rows of the drizzled exposures that are combined together.
ROWS = 256


def check_combine_type(combine_type: str) -> None:
    """Raise `StudyError` if an exposure cannot be left out of this way to combine them."""
    if combine_type not in COMBINE_TYPES:
        known = ", ".join(COMBINE_TYPES)
        raise StudyError(
            f"combine_type {combine_type}", "cannot leave one exposure out", f"use one of: {known}"
        )


def enters_median(file: str, min_weight: float) -> NDArray[np.bool_]:
    """Mark the drizzled pixels of an exposure that AstroDrizzle uses in the median.

    Parameters
    ----------
    file : str
        AstroDrizzle's copy of the exposure, ``<exposure>_flc.fits``.
    min_weight : float
        ``combine_maskpt``: fraction of the mean weight below which a pixel stays out.

    Returns
    -------
    ndarray of bool
        Of the shape of the median.
    """
    weight = fits.getdata(file.replace("_flc.fits", "_single_wht.fits"))
    return weight >= min_weight * weight[weight > 0].mean()


def blot_others(
    chips: Mapping[str, Sequence[int]],
    frame: Path,
    enters: Mapping[str, NDArray[np.bool_]],
    combine_type: str,
) -> None:
    """Blot to each exposure the median of the others.

    Works in the current folder, where AstroDrizzle has left its drizzled exposures: nothing is
    drizzled again. Writes ``<exposure>_sci<extver>_others.fits``, e-, on the scale of SCI.

    Parameters
    ----------
    chips : mapping of str to sequence of int
        EXTVERs by the copy (``<exposure>_flc.fits``) of each exposure.
    frame : path
        AstroDrizzle's own median, for its world coordinates.
    enters : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels of each drizzled exposure that enter a median (`enters_median`).
    combine_type : str
        Of `COMBINE_TYPES`.

    Notes
    -----
    A median of all exposures holds the one that is compared with it: a cosmic ray moves the median
    under itself, and one that hits the same sky in several exposures counts in it once more.
    Combining and blotting are AstroDrizzle's (createMedian.py, ablot.py), with its defaults.
    """
    from drizzlepac.ablot import do_blot
    from stwcs.wcsutil import HSTWCS

    on_sky = HSTWCS(str(frame), ext=0)
    for file, vers in chips.items():
        rate = _combine([other for other in chips if other != file], enters, combine_type)
        exptime_s = fits.getval(file, "EXPTIME")
        for ver in vers:
            chip = HSTWCS(file, ext=("SCI", ver))
            blot = do_blot(rate, on_sky, chip, exptime_s)
            blot += np.float32(fits.getval(file, "MDRIZSKY", "SCI", ver))
            fits.writeto(f"{file.removesuffix('_flc.fits')}_sci{ver}_others.fits", blot)


def _combine(
    files: Sequence[str], enters: Mapping[str, NDArray[np.bool_]], combine_type: str
) -> NDArray[np.float32]:
    """Combine drizzled exposures, e-/s; zero where none enters."""
    from drizzlepac.createMedian import numcombine

    combined = np.zeros(enters[files[0]].shape, np.float32)
    with ExitStack() as stack:
        drizzled = [
            stack.enter_context(fits.open(file.replace("_flc.fits", "_single_sci.fits")))[0].data
            for file in files
        ]
        for start in range(0, len(combined), ROWS):
            rows = np.s_[start : start + ROWS]
            images = np.array([image[rows] for image in drizzled], np.float32)
            left_out = np.array([~enters[file][rows] for file in files], np.uint8)
            combined[rows] = numcombine.num_combine(images, left_out, combine_type)
    return combined
