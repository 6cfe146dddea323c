"""Probability maps on disk: two bytes a pixel before compression, no decision changed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.data.exposure import write_hdus

#: Equal steps of probability; thresholds of two digits, e.g. 0.35, lie between two of them.
N_STEPS = 65_500
#: FITS has signed 16-bit integers only: the first step is stored as this value.
FIRST = -32_750
#: Stored where the exposure is not finite.
BLANK = -32_768
EXTNAME = "PROBABILITY"


def write_probabilities(
    path: str | Path, maps: Mapping[int, NDArray[np.float32]], model: str, arithmetic: str
) -> None:
    """Write the probability maps of an exposure.

    A value becomes the centre of its step of 1/65500: it changes by less than 8e-6, and
    ``value > threshold`` stays what it is for every threshold of two digits. The keywords BSCALE
    and BZERO give any reader probabilities; nothing else is lost in compression (RICE_1).

    Parameters
    ----------
    path : path-like
        Output file; appears only when complete.
    maps : mapping of int to ndarray, shape (ny, nx), float32
        Probabilities 0..1 or NaN, by the EXTVER of the chip. `crstudy.data.exposure.read_images`
        reads them back.
    model, arithmetic : str
        Name of the net and type of its activations, for the header.
    """
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header["MODEL"] = (model, "net")
    hdus[0].header["ARITHM"] = (arithmetic, "arithmetic of the net")
    for ver, probability in maps.items():
        hdu = fits.CompImageHDU(_steps(probability), name=EXTNAME, compression_type="RICE_1")
        hdu.ver = ver
        hdu.header["BSCALE"] = 1 / N_STEPS
        hdu.header["BZERO"] = (0.5 - FIRST) / N_STEPS
        hdu.header["BLANK"] = BLANK
        hdus.append(hdu)
    write_hdus(path, hdus)


def _steps(probability: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the step ``(n, n + 1] / N_STEPS`` of each value, counted from `FIRST`."""
    # Edges in float32, as numpy compares a float32 map with a threshold.
    edges = (np.arange(N_STEPS + 1) / N_STEPS).astype(np.float32)
    finite = np.isfinite(probability)
    value = np.where(finite, probability, np.float32(0))
    step = (np.ceil(value * np.float64(N_STEPS)) - 1).clip(0, N_STEPS - 1).astype(np.int32)
    # Rounding of an edge may put it on the other side of a value.
    step -= (value <= edges[step]) & (step > 0)
    step += (value > edges[step + 1]) & (step < N_STEPS - 1)
    return np.where(finite, step + FIRST, BLANK).astype(np.int16)
