"""Oracle: how far each pixel lies above the true scene. A bound of what could be found at all.

No method for real images: it is given the simulated scene, without noise and without cosmic rays.
Since nothing but the noise of the image itself is left, other exposures of the field could add
nothing to it. Scene and noise are those of the simulator's `crstudy.data.chips.Truth`: without
what it does not keep there, the dark current of pixels that are hot but not flagged.

A cosmic ray leaves charge in several pixels that touch. So a pixel beside one that lies far above
the scene is more likely hit; what is added for the neighbour is limited, lest pixels beside very
bright ones pass any threshold.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from crstudy.data.view import View

#: Sigma; with what the brightest neighbour adds.
THRESHOLDS = tuple(np.geomspace(1.0, 100.0, 100).tolist())
#: Values that tuning tries: weight of the brightest neighbour, and its limit in sigma.
PARAMETERS = {"neighbour": (0.5, 0.0, 0.25, 1.0, 2.0), "limit": (8.0, 4.0, 16.0, 32.0)}
#: The eight neighbours of a pixel.
NEIGHBOURS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)


def score(view: View, neighbour: float = 0.5, limit: float = 8.0) -> NDArray[np.float32]:
    """Return how far pixels and their neighbours lie above the true scene.

    Parameters
    ----------
    view : View
        A chip with its truth, of which the charge of the cosmic rays is not used.
    neighbour : float
        Weight of the brightest of the eight neighbours.
    limit : float
        What a neighbour counts at most, sigma.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Sigma of the true noise; NaN exactly where the image is not finite.
    """
    return join_neighbours(
        (view.sci - view.truth.scene) / view.truth.noise_e, view.good, neighbour, limit
    )


def join_neighbours(
    sigma: NDArray[np.floating], good: NDArray[np.bool_], neighbour: float, limit: float
) -> NDArray[np.float32]:
    """Add to each pixel a part of the brightest of its eight neighbours.

    Parameters
    ----------
    sigma : ndarray, shape (ny, nx)
        Deviations in units of the noise; may hold NaN.
    good : ndarray of bool, shape (ny, nx)
        Pixels that count as neighbours.
    neighbour, limit : float
        As for `score`.

    Returns
    -------
    ndarray, shape (ny, nx), float32

    Examples
    --------
    >>> sigma = np.array([[1.0, 2.0, 20.0], [0.0, -1.0, 3.0]])
    >>> join_neighbours(sigma, np.ones((2, 3), bool), neighbour=0.5, limit=8.0)
    array([[ 2. ,  6. , 21.5],
           [ 1. ,  3. ,  7. ]], dtype=float32)
    """
    usable = np.where(good & np.isfinite(sigma), sigma, 0)
    brightest = maximum_filter(usable, footprint=NEIGHBOURS, mode="constant")
    return (sigma + neighbour * np.clip(brightest, 0, limit)).astype(np.float32)
