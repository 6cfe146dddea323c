"""The chip data that a detection method is allowed to use."""

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
