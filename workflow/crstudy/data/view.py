"""The chip data that a detection method is allowed to use."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from crstudy.config.registry import FieldClass
from crstudy.data.chips import Truth, read_truth
from crstudy.data.exposure import Exposure, read_exposure, read_images, read_noise


@dataclass(frozen=True)
class View:
    """One chip of one exposure.

    Attributes
    ----------
    sci : ndarray, shape (ny, nx), float32
        Calibrated image, e-, sky not subtracted; may hold NaN.
    good : ndarray of bool, shape (ny, nx)
        Valid pixels. The others are no evidence for or against a cosmic ray beside them.
    read_noise_e : float
        Read noise, e-.
    psf : ndarray, shape (side, side)
        Effective PSF, pixel response included, centred, of odd side and sum 1.
    field_class : str or None
        Field class, where it is known.
    blot : ndarray, shape (ny, nx), or None
        Blotted median of the group, e-: only methods that need several exposures get it.
    n_exposures : int
        Exposures of the group, for the same methods.
    truth : Truth or None
        What was simulated: only oracles get it.
    """

    sci: NDArray[np.float32]
    good: NDArray[np.bool_]
    read_noise_e: float
    psf: NDArray[np.float64]
    field_class: str | None = None
    blot: NDArray[np.float32] | None = None
    n_exposures: int = 1
    truth: Truth | None = None


def field_class(exposure: Exposure) -> str | None:
    """Return the field class, which simulated exposures have in TARGNAME."""
    target = str(exposure.header.get("TARGNAME", "")).strip().lower()
    return target if target in get_args(FieldClass) else None


def read_views(
    path: str | Path,
    good: str | Path,
    psf: NDArray[np.float64],
    reference: str | Path | None = None,
    truth: str | Path | None = None,
) -> Iterator[tuple[int, View]]:
    """Read what a method may use of the chips of an exposure.

    Parameters
    ----------
    path : path-like
        Calibrated exposure.
    good : path-like
        Folder of its group's good pixels.
    psf : ndarray
        Of `crstudy.instrument.epsf.central_psf`.
    reference : path-like, optional
        Folder of its group's reference, for methods that use several exposures.
    truth : path-like, optional
        Truth of the exposure, for oracles.

    Yields
    ------
    int, View
        EXTVER and chip.
    """
    exposure = read_exposure(path)
    good_px = read_images(Path(good) / f"{exposure.name}_good.fits", "GOOD")
    blots, n_exposures = {}, 1
    if reference is not None:
        blots = read_images(Path(reference) / f"{exposure.name}_reference.fits", "BLOT")
        n_exposures = len(list(Path(reference).glob("*_reference.fits")))
    known = read_truth(truth) if truth else {}
    for chip in exposure.chips:
        yield (
            chip.extver,
            View(
                chip.sci,
                good_px[chip.extver] > 0,
                read_noise(exposure.header),
                psf,
                field_class(exposure),
                blots.get(chip.extver),
                n_exposures,
                known.get(chip.extver),
            ),
        )
