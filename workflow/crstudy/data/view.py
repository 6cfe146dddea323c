"""What a method that finds cosmic rays may look at, and score maps from methods that only flag."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class View:
    """One chip of one exposure.

    Attributes
    ----------
    sci : ndarray, shape (ny, nx), float32
        Calibrated image, e-, sky not subtracted; may hold NaN.
    good : ndarray of bool, shape (ny, nx)
        Pixels that count. The others are no evidence for or against a cosmic ray beside them.
    read_noise_e : float
        Read noise, e-.
    psf : ndarray, shape (side, side)
        Effective PSF, pixel response included, centred, of odd side and sum 1.
    field_class : str or None
        Kind of field, where it is known.
    blot : ndarray, shape (ny, nx), or None
        Blotted median of the group, e-: only methods that need several exposures get it.
    """

    sci: NDArray[np.float32]
    good: NDArray[np.bool_]
    read_noise_e: float
    psf: NDArray[np.float64]
    field_class: str | None = None
    blot: NDArray[np.float32] | None = None


def scan(
    flag: Callable[[float], NDArray[np.bool_]], thresholds: Sequence[float]
) -> NDArray[np.float32]:
    """Make a score map by a method that flags pixels at a threshold.

    Parameters
    ----------
    flag : callable
        Returns the pixels, shape (ny, nx), flagged at a threshold.
    thresholds : sequence of float
        Above zero.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        The highest threshold at which each pixel is flagged, zero where it is at none. Iterated
        methods do not flag strictly fewer pixels at a higher threshold; this score counts a pixel
        as flagged at all lower ones.
    """
    first, *others = sorted(thresholds)
    score = np.where(flag(first), first, 0).astype(np.float32)
    for threshold in others:
        score[flag(threshold)] = threshold
    return score
