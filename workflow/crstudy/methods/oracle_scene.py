"""Oracle: how far each pixel lies above the true scene. A bound of what could be found at all.

No method for real images: it is given the simulated scene, without noise and without cosmic rays.
Since nothing but the noise of the image itself is left, other exposures of the field could add
nothing to it. Scene and noise are those of the simulator's `crstudy.data.chips.Truth`: without
what it does not keep there, the dark current of pixels that are hot but not flagged.

A cosmic ray leaves charge in several pixels that touch. So a pixel beside one that lies far above
the scene is more likely hit: up to `BONUS` is added for its brightest neighbour. Without, deepCR
finds more than the oracle where it sees the shapes of cosmic rays well.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from crstudy.data.view import View

#: Sigma; with what the brightest neighbour adds.
THRESHOLDS = tuple(np.geomspace(1.0, 100.0, 100).tolist())
#: What a neighbour adds at most, sigma: of 3 to 8, it finds most on the held-out groups of ``sim``.
#: It is the same for all fields, lest scores of one mean something else than those of another.
BONUS = 5.0
#: Values that tuning tries: deviation of the neighbour, sigma, from which it adds that much.
PARAMETERS = {"limit": (16.0, 4.0, 8.0, 12.0, 24.0, 32.0, 64.0)}
#: The eight neighbours of a pixel.
NEIGHBOURS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)


def score(view: View, limit: float = 16.0) -> NDArray[np.float32]:
    """Return how far pixels and their neighbours lie above the true scene.

    Parameters
    ----------
    view : View
        A chip with its truth, of which the charge of the cosmic rays is not used.
    limit : float
        Deviation of the brightest of the eight neighbours from which it adds `BONUS`, sigma.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Sigma of the true noise; NaN exactly where the image is not finite.
    """
    sigma = (view.sci - view.truth.scene) / view.truth.noise_e
    return join_neighbours(sigma, view.good, limit)


def join_neighbours(
    sigma: NDArray[np.floating], good: NDArray[np.bool_], limit: float
) -> NDArray[np.float32]:
    """Add to each pixel up to `BONUS` for the brightest of its eight neighbours.

    Parameters
    ----------
    sigma : ndarray, shape (ny, nx)
        Deviations in units of the noise; may hold NaN.
    good : ndarray of bool, shape (ny, nx)
        Pixels that count as neighbours.
    limit : float
        As for `score`.

    Returns
    -------
    ndarray, shape (ny, nx), float32

    Examples
    --------
    >>> sigma = np.array([[1.0, 2.0, 20.0], [0.0, -1.0, 3.0]])
    >>> join_neighbours(sigma, np.ones((2, 3), bool), limit=10.0)
    array([[ 2. ,  7. , 21.5],
           [ 1. ,  4. ,  8. ]], dtype=float32)
    """
    usable = np.where(good & np.isfinite(sigma), sigma, 0)
    brightest = maximum_filter(usable, footprint=NEIGHBOURS, mode="constant")
    return (sigma + BONUS * np.clip(brightest / limit, 0, 1)).astype(np.float32)
