"""Difference to the median of several exposures, in units of its noise (Windhorst et al. 1994).

What a survey that exposes each field once cannot have: an upper bound for the other methods.
Windhorst, Franklin & Neuschaefer 1994 (PASP 106, 798) clip a stack of exposures at multiples of
the expected noise; here each exposure is compared with AstroDrizzle's blotted median of its group.
"""

import numpy as np
from numpy.typing import NDArray

from crstudy.errors import StudyError
from crstudy.view import View

#: Sigma; the lowest is where one pixel in six is above it by noise alone.
THRESHOLDS = tuple(np.geomspace(1.0, 100.0, 60).tolist())
PARAMETERS: dict[str, tuple[float, ...]] = {}


def score(view: View) -> NDArray[np.float32]:
    """Return how far each pixel lies above the blotted median.

    Parameters
    ----------
    view : View
        A chip with its blotted median.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Sigma: the noise is that of the median's electrons and of the read-out; negative below the
        median, 0 where it is not finite, NaN exactly where the image is not finite.

    Raises
    ------
    StudyError
        The median holds no finite pixel.
    """
    if not np.isfinite(view.blot).any():
        raise StudyError("median", "the blotted median holds no finite pixel", "drop the group")
    noise = np.sqrt(np.maximum(view.blot, 0) + view.read_noise_e**2)
    sigma = (view.sci - view.blot) / noise
    known = np.where(np.isfinite(view.blot), sigma, 0)
    return np.where(np.isfinite(view.sci), known, np.nan).astype(np.float32)
