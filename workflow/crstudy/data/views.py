"""Read what a method may look at."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import galsim
import numpy as np
from numpy.typing import NDArray

from crstudy.config.registry import FieldClass
from crstudy.data.exposure import Exposure, read_exposure, read_images
from crstudy.data.view import View
from crstudy.instrument.epsf import load_psf

#: Side of the PSF stamp that methods get, px.
STAMP_PX = 25


def central_psf(path: str | Path) -> NDArray[np.float64]:
    """Draw the effective PSF in the middle of the detector.

    Parameters
    ----------
    path : path-like
        As `crstudy.instrument.epsf.load_psf`.

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
