"""All that the study has made of an exposure, chip by chip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.data.exposure import read_exposure, read_images
from crstudy.instrument.wcs import read_wcs


@dataclass(frozen=True)
class Truth:
    """What a simulation knows of a chip.

    Attributes
    ----------
    cr, scene : ndarray, shape (ny, nx)
        Charge of cosmic rays and noiseless image, e-.
    dark_e, read_noise_e : float
        Dark charge and read noise, e-.
    """

    cr: NDArray[np.int32]
    scene: NDArray[np.float32]
    dark_e: float
    read_noise_e: float


@dataclass(frozen=True)
class ChipProducts:
    """A chip with its reference and, where asked for, what deepCR made of it.

    Attributes
    ----------
    exposure : str
        Dataset.
    extver : int
        EXTVER of the SCI extension.
    header : Header
        SCI header.
    exptime_s : float
        Exposure time, s.
    wcs : WCS
        World coordinates with distortion.
    original, clean : ndarray, shape (ny, nx), float32
        Calibrated image and the reference's clean image, e-.
    dq : ndarray, shape (ny, nx), int32
        Data-quality bits.
    label, counted : ndarray of bool, shape (ny, nx)
        Pixels that the reference labels, and that count (good, with a reference and, where a
        probability is there, with that).
    probability, inpaint : ndarray, shape (ny, nx), float32, or None
        Of deepCR-mask, and the image (e-) that deepCR-inpaint made.
    truth : Truth or None
        For simulated exposures.
    """

    exposure: str
    extver: int
    header: fits.Header
    exptime_s: float
    wcs: WCS
    original: NDArray[np.float32]
    clean: NDArray[np.float32]
    dq: NDArray[np.int32]
    label: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    probability: NDArray[np.float32] | None = None
    inpaint: NDArray[np.float32] | None = None
    truth: Truth | None = None

    @property
    def cr_charge(self) -> NDArray[np.float32]:
        """Charge of the cosmic rays that the reference labels, e-; zero where none counts."""
        return np.where(self.label & self.counted, self.original - self.clean, np.float32(0))


def read_products(
    path: str | Path,
    reference: str | Path,
    good: str | Path,
    probability: str | Path | None = None,
    inpaint: str | Path | None = None,
    truth: str | Path | None = None,
) -> list[ChipProducts]:
    """Read the products of an exposure.

    Parameters
    ----------
    path : path-like
        Calibrated exposure.
    reference, good, probability, inpaint : path-like
        Its group's folders; the last two may be left out.
    truth : path-like, optional
        Its truth file.

    Returns
    -------
    list of ChipProducts
        One per chip.

    Raises
    ------
    StudyError
        A file is damaged or lacks an image.
    """
    exposure, wcs = read_exposure(path), read_wcs(path)
    name = Path(path).name.removesuffix("_flc.fits")
    reference_file = Path(reference) / f"{name}_reference.fits"
    label, clean, holes = (read_images(reference_file, k) for k in ("LABEL", "CLEAN", "NOREF"))
    good_px = read_images(Path(good) / f"{name}_good.fits", "GOOD")
    maps = _images(probability, f"{name}_probability.fits", "PROBABILITY")
    filled = _images(inpaint, f"{name}_inpaint.fits", "INPAINT")
    known = _read_truth(truth)
    chips = []
    for chip in exposure.chips:
        ver = chip.extver
        counted = (good_px[ver] > 0) & (holes[ver] == 0)
        if ver in maps:
            counted &= np.isfinite(maps[ver])
        chips.append(
            ChipProducts(
                name,
                ver,
                chip.header,
                float(exposure.header["EXPTIME"]),
                wcs[ver],
                chip.sci,
                clean[ver],
                chip.dq,
                label[ver] > 0,
                counted,
                maps.get(ver),
                filled.get(ver),
                known.get(ver),
            )
        )
    return chips


def _images(folder: str | Path | None, file: str, name: str) -> dict[int, NDArray]:
    return {} if folder is None else read_images(Path(folder) / file, name)


def _read_truth(path: str | Path | None) -> dict[int, Truth]:
    if path is None:
        return {}
    header = fits.getheader(path)
    cr, scene = read_images(path, "CR"), read_images(path, "SCENE")
    return {ver: Truth(cr[ver], scene[ver], header["DARK_E"], header["RDNOISE"]) for ver in cr}
