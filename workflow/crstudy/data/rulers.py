"""Read what masks and score maps of an exposure are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.data.exposure import read_exposure, read_images
from crstudy.data.star_regions import star_regions


@dataclass(frozen=True)
class Ruler:
    """What score maps of a chip are compared with; all of shape (ny, nx).

    Attributes
    ----------
    label : ndarray of bool
        Pixels that the reference labels.
    truth : ndarray of bool or None
        Pixels that hold cosmic rays, where known.
    counted : ndarray of bool
        Pixels that count: good, and with a reference.
    clean : ndarray, float32
        The reference's clean image, e-.
    free : ndarray or None
        The exposure without the charge of its cosmic rays, e-, where known.
    """

    label: NDArray[np.bool_]
    truth: NDArray[np.bool_] | None
    counted: NDArray[np.bool_]
    clean: NDArray[np.float32]
    free: NDArray[np.floating] | None = None

    def compared(self) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.floating]]]:
        """Return by comparison the pixels of cosmic rays, and the image without them.

        Returns
        -------
        dict of str to (ndarray of bool, ndarray)
            reference and, where known, truth: cosmic rays that the labels miss are no stars then.
        """
        both = {"reference": (self.label, self.clean)}
        if self.truth is not None and self.free is not None:
            both["truth"] = (self.truth, self.free)
        return both

    def star_regions(
        self, multiples_rms: Sequence[float], background_box_px: int
    ) -> dict[str, dict[float, NDArray[np.bool_]]]:
        """Return the star regions by comparison, see `crstudy.data.star_regions.star_regions`."""
        return {
            comparison: star_regions(image, self.counted, multiples_rms, background_box_px)
            for comparison, (_, image) in self.compared().items()
        }


def read_rulers(
    exposure: str | Path,
    reference: str | Path,
    good: str | Path,
    truth: str | Path | None,
    truth_sigma: float,
) -> dict[int, Ruler]:
    """Read what score maps of an exposure are compared with.

    Parameters
    ----------
    exposure : path-like
        Calibrated exposure; without a truth its name is enough.
    reference, good : path-like
        Folders of its group.
    truth : path-like or None
        Its truth, if it is simulated.
    truth_sigma : float
        See `crstudy.data.rulers.true_cosmic_rays`.

    Returns
    -------
    dict of int to Ruler
        By EXTVER.
    """
    name = Path(exposure).name.removesuffix("_flc.fits")
    file = Path(reference) / f"{name}_reference.fits"
    label, clean, holes = (read_images(file, k) for k in ("LABEL", "CLEAN", "NOREF"))
    good_px = read_images(Path(good) / f"{name}_good.fits", "GOOD")
    true_px = read_truth(truth, truth_sigma) if truth else {}
    free = read_free(exposure, truth) if truth else {}
    return {
        ver: Ruler(
            label[ver] > 0,
            true_px.get(ver),
            (good_px[ver] > 0) & (holes[ver] == 0),
            clean[ver],
            free.get(ver),
        )
        for ver in label
    }


def read_free(exposure: str | Path, truth: str | Path) -> dict[int, NDArray[np.floating]]:
    """Return the chips of a simulated exposure without the charge of its cosmic rays, e-."""
    charge = read_images(truth, "CR")
    return {chip.extver: chip.sci - charge[chip.extver] for chip in read_exposure(exposure).chips}


def read_truth(path: str | Path, sigmas: float) -> dict[int, NDArray[np.bool_]]:
    """Return the true cosmic-ray pixels of a simulated exposure by chip."""
    header = fits.getheader(path)
    cr, scene = read_images(path, "CR"), read_images(path, "SCENE")
    noise = header["DARK_E"], header["RDNOISE"]
    return {ver: true_cosmic_rays(cr[ver], scene[ver], *noise, sigmas) for ver in cr}


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
