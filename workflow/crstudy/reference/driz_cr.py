"""AstroDrizzle's test for cosmic rays, on arrays."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

#: Targets and sources of the shifts by which drizzlepac's quickDeriv.py compares the four
#: neighbours. Pixels that no shift reaches are zero there: near three edges, and in the last two
#: rows and columns, the derivative is at least the pixel itself.
NEIGHBOURS = (
    (np.s_[:-1, 1:-1], np.s_[:-1, :-2]),
    (np.s_[:-1, :-2], np.s_[:-1, 1:-1]),
    (np.s_[1:-1, :-1], np.s_[:-2, :-1]),
    (np.s_[:-2, :-1], np.s_[1:-1, :-1]),
)


def driz_cr(
    sci_e: NDArray[np.floating],
    blot_e: NDArray[np.floating],
    snr: tuple[float, float],
    scale: tuple[float, float],
    *,
    sky_e: float,
    read_noise_e: float,
    grow_px: int = 1,
) -> NDArray[np.bool_]:
    """Flag the outliers of an exposure as AstroDrizzle's ``driz_cr`` does, edges included.

    Parameters
    ----------
    sci_e : ndarray, shape (ny, nx)
        Science image with its sky, e-. Non-finite pixels are set to zero, as by
        `crstudy.reference.astrodrizzle.drizzle_group`.
    blot_e : ndarray, shape (ny, nx)
        Blotted median on the scale of `sci_e`, e-.
    snr, scale : (float, float)
        ``driz_cr_snr`` and ``driz_cr_scale``: thresholds (RMS) and weights of the median's
        derivative in the two passes.
    sky_e : float
        The sky that AstroDrizzle subtracted, e- (SKY of the file of `drizzle_group`). It is added
        back to the blotted median, and again in the noise.
    read_noise_e : float
        Read noise, e-.
    grow_px : int
        ``driz_cr_grow``: side of the box by which flagged pixels grow, px.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        True where AstroDrizzle's mask file flags a pixel, for images in electrons.

    Notes
    -----
    drizzlepac 3.11.0, drizCR.py: with D the largest difference to a neighbour in the median,
    pixels beyond ``scale[0] * D + snr[0] * noise`` are outliers of the first pass; flagged are
    those beyond ``scale[1] * D + snr[1] * noise`` with such an outlier in their 3x3 box.
    """
    sci = np.where(np.isfinite(sci_e), sci_e, 0).astype(np.float32)
    blot = blot_e.astype(np.float32)
    slope = _derivative(blot)
    noise = np.sqrt(np.abs(blot + np.float32(sky_e)) + np.float32(read_noise_e**2))
    residual = np.abs(sci - blot)
    first, second = (
        residual > np.float32(weight) * slope + np.float32(threshold) * noise
        for weight, threshold in zip(scale, snr, strict=True)
    )
    flagged = second & maximum_filter(first, size=3)
    return maximum_filter(flagged, size=grow_px)


def _derivative(blot: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest absolute difference to the four neighbours."""
    largest = np.zeros_like(blot)
    for target, source in NEIGHBOURS:
        neighbour = np.zeros_like(blot)
        neighbour[target] = blot[source]
        np.maximum(largest, np.abs(blot - neighbour), out=largest)
    return largest
