"""Oracle: how far each pixel lies above a perfect stack of the other exposures of its field.

The bound of any median of exposures, and no method for real images: the stack is the mean of as
many exposures as the group has besides this one, drawn anew from the simulated scene without
cosmic rays, and registered perfectly. So it has the noise of that many exposures and no other
error.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.view import View
from crstudy.methods import oracle_scene
from crstudy.methods.oracle_scene import join_neighbours

THRESHOLDS, PARAMETERS = oracle_scene.THRESHOLDS, oracle_scene.PARAMETERS


def score(view: View, limit: float = 16.0) -> NDArray[np.float32]:
    """Return how far pixels and their neighbours lie above a perfect stack.

    Parameters
    ----------
    view : View
        A chip with its truth and the number of exposures of its group. Of the charge of the cosmic
        rays nothing is used but to seed the noise of the stack: each chip has its own.
    limit : float
        As for `crstudy.methods.oracle_scene.score`.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Sigma of the noise of image and stack; NaN exactly where the image is not finite.

    Raises
    ------
    StudyError
        There is no other exposure.
    """
    truth, others = view.truth, view.n_exposures - 1
    if others < 1:
        raise StudyError("oracle-median", "no other exposure of the field", "use a larger group")
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(truth.cr)))
    collected = rng.poisson(others * (truth.scene + truth.dark_e)) / others - truth.dark_e
    read_noise = truth.read_noise_e / np.sqrt(others) * rng.standard_normal(truth.cr.shape)
    noise = truth.noise_e * np.sqrt(1 + 1 / others)
    sigma = (view.sci - collected - read_noise) / noise
    return join_neighbours(sigma, view.good, limit)
