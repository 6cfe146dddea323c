"""The reference of the paper: cosmic-ray labels and clean images (paper section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.exposure import (
    find_images,
    observed_with,
    read_exposure,
    read_images,
    write_images,
)


@dataclass(frozen=True)
class Reference:
    """Reference of one chip; all of shape (ny, nx).

    Attributes
    ----------
    label : ndarray of bool
        True on cosmic rays.
    blot : ndarray, float32
        Blotted median, e-, on the scale of SCI.
    clean : ndarray, float32
        SCI, with the blotted median in place of cosmic rays, e-.
    no_reference : ndarray of bool
        True where too few exposures made the median; these pixels must not be scored.
    """

    label: NDArray[np.bool_]
    blot: NDArray[np.float32]
    clean: NDArray[np.float32]
    no_reference: NDArray[np.bool_]


def make_reference(
    sci: NDArray[np.floating],
    blot: NDArray[np.floating],
    flagged: NDArray[np.bool_],
    no_reference: NDArray[np.bool_],
) -> Reference:
    """Label the cosmic rays of a chip and replace them by the blotted median.

    AstroDrizzle flags outliers of either sign; a cosmic ray only adds charge.

    Parameters
    ----------
    sci : ndarray, shape (ny, nx)
        Science image, e-; non-finite pixels are never labelled.
    blot : ndarray, shape (ny, nx)
        Blotted median, e-, on the same scale.
    flagged : ndarray of bool, shape (ny, nx)
        Outliers of AstroDrizzle's ``driz_cr``.
    no_reference : ndarray of bool, shape (ny, nx)
        Pixels where `blot` is not a valid reference; never labelled.
    """
    blot = blot.astype(np.float32)
    label = flagged & (sci > blot) & np.isfinite(sci) & ~no_reference
    clean = np.where(label, blot, sci).astype(np.float32)
    return Reference(label, blot, clean, no_reference)


def write_reference(path: Path, exposure_path: Path, drizzle_path: Path) -> None:
    """Write the reference of an exposure.

    Parameters
    ----------
    path : path
        Output file: per chip LABEL, BLOT, CLEAN and NOREF, the attributes of `Reference`, and
        OTHERS, if the drizzle file has it. The primary header has SKY<extver>, too.
    exposure_path : path
        Calibrated exposure.
    drizzle_path : path
        Its file from `crstudy.reference.astrodrizzle.drizzle_group`.

    Raises
    ------
    StudyError
        The two files do not have the same chips.
    """
    exposure = read_exposure(exposure_path)
    blots, flags, holes = (read_images(drizzle_path, name) for name in ("BLOT", "CRMASK", "NOREF"))
    drizzled = fits.getheader(drizzle_path)
    others = find_images(drizzle_path, "OTHERS")
    cards = {"ROOTNAME": exposure.name, "OBSERVED": observed_with(exposure.header)}
    images = {}
    for chip in exposure.chips:
        ver = chip.extver
        if ver not in blots or blots[ver].shape != chip.sci.shape:
            problem = f"does not match SCI,{ver} of {exposure_path}"
            fix = f"delete {Path(drizzle_path).parent} and run again"
            raise StudyError(drizzle_path, problem, fix)
        reference = make_reference(
            chip.sci, blots[ver], flags[ver].astype(bool), holes[ver].astype(bool)
        )
        images["LABEL", ver] = reference.label
        images["BLOT", ver] = reference.blot
        images["CLEAN", ver] = reference.clean
        images["NOREF", ver] = reference.no_reference
        if ver in others:
            images["OTHERS", ver] = others[ver]
        cards[f"SKY{ver}"] = (drizzled[f"SKY{ver}"], drizzled.comments[f"SKY{ver}"])
    write_images(path, images, cards)


def write_true_reference(
    path: Path,
    exposure_path: Path,
    charge: Mapping[int, NDArray[np.integer]],
    label: Mapping[int, NDArray[np.bool_]],
) -> None:
    """Write the truth of a simulated exposure as its reference, for single exposures.

    Parameters
    ----------
    path : path
        Output file, as that of `write_reference` but for BLOT. CLEAN is the exposure, noise and
        all, without the charge of cosmic rays, e-; NOREF is empty.
    exposure_path : path
        Calibrated exposure.
    charge, label : mapping of int to ndarray, shape (ny, nx)
        Charge of cosmic rays, e-, and the pixels to label, by EXTVER.

    Notes
    -----
    Where a pixel overflows, charge is not where it fell and CLEAN is wrong; such pixels are
    flagged as saturated and are not valid.
    """
    exposure = read_exposure(exposure_path)
    images = {}
    for chip in exposure.chips:
        ver = chip.extver
        images["LABEL", ver] = label[ver]
        images["CLEAN", ver] = chip.sci - charge[ver].astype(np.float32)
        images["NOREF", ver] = np.zeros(chip.sci.shape, bool)
    cards = {"ROOTNAME": exposure.name, "OBSERVED": observed_with(exposure.header)}
    write_images(path, images, cards)
