"""Read what a method may look at, and what it is compared with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import galsim
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.counts import true_cosmic_rays
from crstudy.exposure import Exposure, read_exposure, read_images
from crstudy.psf import load_psf
from crstudy.sections import FieldClass
from crstudy.view import View

#: Side of the PSF stamp that methods get, px.
STAMP_PX = 25


def central_psf(path: str | Path) -> NDArray[np.float64]:
    """Draw the effective PSF in the middle of the detector.

    Parameters
    ----------
    path : path-like
        As `crstudy.psf.load_psf`.

    Returns
    -------
    ndarray, shape (`STAMP_PX`, `STAMP_PX`)
        Centred, sum 1, not negative.
    """
    grid = load_psf(path)
    return draw_stamp(grid.at(float(np.median(grid.x)), float(np.median(grid.y))))


def draw_stamp(profile: galsim.GSObject) -> NDArray[np.float64]:
    """Draw an effective PSF; returns as `central_psf`."""
    drawn = profile.drawImage(nx=STAMP_PX, ny=STAMP_PX, scale=1.0, method="no_pixel").array
    stamp = np.maximum(drawn, 0).astype(np.float64)
    return stamp / stamp.sum()


def field_class(exposure: Exposure) -> str | None:
    """Return the kind of field, which simulated exposures have in TARGNAME."""
    target = str(exposure.header.get("TARGNAME", "")).strip().lower()
    return target if target in get_args(FieldClass) else None


def read_views(
    path: str | Path,
    good: str | Path,
    psf: NDArray[np.float64],
    reference: str | Path | None = None,
) -> Iterator[tuple[int, View]]:
    """Read the chips of an exposure.

    Parameters
    ----------
    path : path-like
        Calibrated exposure.
    good : path-like
        Folder of its group's good pixels.
    psf : ndarray
        Of `central_psf`.
    reference : path-like, optional
        Folder of its group's reference, for methods that look at several exposures.

    Yields
    ------
    int, View
        EXTVER and chip.
    """
    exposure = read_exposure(path)
    # AstroDrizzle as well takes one read noise for the chip.
    amplifiers = [exposure.header[f"READNSE{amplifier}"] for amplifier in "ABCD"]
    good_px = read_images(Path(good) / f"{exposure.name}_good.fits", "GOOD")
    blots = {}
    if reference is not None:
        blots = read_images(Path(reference) / f"{exposure.name}_reference.fits", "BLOT")
    for chip in exposure.chips:
        yield (
            chip.extver,
            View(
                chip.sci,
                good_px[chip.extver] > 0,
                float(np.mean(amplifiers)),
                psf,
                field_class(exposure),
                blots.get(chip.extver),
            ),
        )


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
    """

    label: NDArray[np.bool_]
    truth: NDArray[np.bool_] | None
    counted: NDArray[np.bool_]
    clean: NDArray[np.float32]


def read_rulers(
    name: str,
    reference: str | Path,
    good: str | Path,
    truth: str | Path | None,
    truth_sigma: float,
) -> dict[int, Ruler]:
    """Read what score maps of an exposure are compared with.

    Parameters
    ----------
    name : str
        Dataset.
    reference, good : path-like
        Folders of its group.
    truth : path-like or None
        Its truth, if it is simulated.
    truth_sigma : float
        See `crstudy.counts.true_cosmic_rays`.

    Returns
    -------
    dict of int to Ruler
        By EXTVER.
    """
    file = Path(reference) / f"{name}_reference.fits"
    label, clean, holes = (read_images(file, k) for k in ("LABEL", "CLEAN", "NOREF"))
    good_px = read_images(Path(good) / f"{name}_good.fits", "GOOD")
    true_px = read_truth(truth, truth_sigma) if truth else {}
    return {
        ver: Ruler(
            label[ver] > 0, true_px.get(ver), (good_px[ver] > 0) & (holes[ver] == 0), clean[ver]
        )
        for ver in label
    }


def read_truth(path: str | Path, sigmas: float) -> dict[int, NDArray[np.bool_]]:
    """Return the true cosmic-ray pixels of a simulated exposure by chip."""
    header = fits.getheader(path)
    cr, scene = read_images(path, "CR"), read_images(path, "SCENE")
    noise = header["DARK_E"], header["RDNOISE"]
    return {ver: true_cosmic_rays(cr[ver], scene[ver], *noise, sigmas) for ver in cr}
