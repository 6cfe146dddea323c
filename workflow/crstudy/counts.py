"""Count true and false positives and negatives over the pixels that count."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Counts(NamedTuple):
    """Pixels by outcome."""

    tp: int
    fp: int
    fn: int
    tn: int


def count_pixels(
    predicted: NDArray[np.bool_], actual: NDArray[np.bool_], counted: NDArray[np.bool_]
) -> Counts:
    """Count outcomes where `counted` is true.

    Parameters
    ----------
    predicted, actual : ndarray of bool, shape (ny, nx)
        Pixels flagged by the detector and by what it is compared with.
    counted : ndarray of bool, shape (ny, nx)
        Pixels that count; all others appear in no number.

    Returns
    -------
    Counts
    """
    outcome = 2 * actual[counted].astype(np.uint8) + predicted[counted]
    tn, fp, fn, tp = (int(n) for n in np.bincount(outcome, minlength=4))
    return Counts(tp, fp, fn, tn)


def true_cosmic_rays(
    cr_e: NDArray[np.integer],
    scene_e: NDArray[np.floating],
    dark_e: float,
    read_noise_e: float,
    sigmas: float,
) -> NDArray[np.bool_]:
    """Mark the pixels in which the charge of cosmic rays stands out of the noise.

    Parameters
    ----------
    cr_e : ndarray of int, shape (ny, nx)
        Electrons from cosmic rays.
    scene_e : ndarray, shape (ny, nx)
        Noiseless scene with sky, e-.
    dark_e, read_noise_e : float
        Dark charge and read noise, e-.
    sigmas : float
        Threshold in units of the local noise sqrt(scene + dark + read noise^2).

    Returns
    -------
    ndarray of bool, shape (ny, nx)
    """
    return cr_e > sigmas * np.sqrt(scene_e + dark_e + read_noise_e**2)
