"""Difference to the median of several exposures, in units of its noise (Windhorst et al. 1994).

Not available to a survey that exposes each field once. Windhorst, Franklin & Neuschaefer 1994
(PASP 106, 798) clip a stack of exposures at multiples of the expected noise; here each exposure is
compared with AstroDrizzle's blotted median of its group. Where the median is steep, at stars, the
exposures are not registered to a small fraction of a pixel: as in AstroDrizzle, a multiple of its
derivative is subtracted from the difference.
"""

import numpy as np
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.view import View

#: Sigma; the lowest is where one pixel in six is above it by noise alone.
THRESHOLDS = tuple(np.geomspace(1.0, 100.0, 60).tolist())
#: Values that tuning tries, that of AstroDrizzle's second pass first.
PARAMETERS = {"scale": (0.7, 0.0, 0.15, 0.3, 0.5, 0.9, 1.2, 1.6, 2.0)}


def score(view: View, scale: float = 0.7) -> NDArray[np.float32]:
    """Return how far each pixel lies above the blotted median.

    Parameters
    ----------
    view : View
        A chip with its blotted median.
    scale : float
        Weight of the median's steepness, as ``driz_cr_scale`` of AstroDrizzle.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Sigma: the noise is that of the median's electrons and of the read-out; 0 where the median
        is not finite, NaN exactly where the image is not finite.

    Raises
    ------
    StudyError
        The median has no finite pixel.
    """
    if not np.isfinite(view.blot).any():
        raise StudyError("median", "the blotted median has no finite pixel", "drop the group")
    noise = np.sqrt(np.maximum(view.blot, 0) + view.read_noise_e**2)
    sigma = (view.sci - view.blot - scale * steepness(view.blot)) / noise
    known = np.where(np.isfinite(view.blot), sigma, 0)
    return np.where(np.isfinite(view.sci), known, np.nan).astype(np.float32)


def steepness(blot: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the largest absolute difference of pixels to their four neighbours.

    Parameters
    ----------
    blot : ndarray, shape (ny, nx)
        Blotted median, e-.

    Returns
    -------
    ndarray, shape (ny, nx)
        e-; without the neighbours that AstroDrizzle's derivative takes for zero at the edges, and
        0 where no difference is finite.
    """
    padded = np.pad(blot, 1, mode="edge")
    neighbours = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    return np.fmax.reduce([np.zeros_like(blot), *(np.abs(blot - n) for n in neighbours)])
