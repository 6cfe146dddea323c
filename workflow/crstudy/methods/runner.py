"""Score maps of the methods that are compared, and on disk."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.core.errors import MethodFault
from crstudy.data.exposure import read_images, write_hdus
from crstudy.data.score_maps import EXTNAME as PROBABILITY
from crstudy.data.view import View

EXTNAME = "SCORE"


def load_method(module: str) -> ModuleType:
    """Return the module of a method, see `crstudy.config.registry`."""
    return import_module(f"crstudy.methods.{module}")


def score_chip(
    name: str, method: ModuleType, view: View, parameters: Mapping[str, float]
) -> NDArray[np.float32]:
    """Let a method score a chip, and check what it returns.

    Parameters
    ----------
    name : str
        The method, for messages.
    method : module
        Of `load_method`.
    view : View
        The chip.
    parameters : mapping of str to float
        Of the method.

    Returns
    -------
    ndarray, shape (ny, nx), float32

    Raises
    ------
    StudyError
        The method cannot work on this chip.
    MethodFault
        Its map has another shape than the chip, or is NaN elsewhere than the image.
    """
    score = np.asarray(method.score(view, **parameters), dtype=np.float32)
    check_map(name, score, np.isfinite(view.sci))
    return score


def check_map(name: str, score: NDArray[np.floating], finite: NDArray[np.bool_]) -> None:
    """Refuse a score map of another shape than its chip, or with NaN on it.

    Parameters
    ----------
    name : str
        The method.
    score : ndarray
        The map.
    finite : ndarray of bool, shape (ny, nx)
        Pixels of the chip that are finite.

    Raises
    ------
    MethodFault
        Names the method.
    """
    fix = "mend the method: docs/methods.md says what its score map must be"
    if score.shape != finite.shape:
        raise MethodFault(
            f"method {name}", f"score map of shape {score.shape}, chip of shape {finite.shape}", fix
        )
    holes = int((~np.isfinite(score[finite])).sum())
    if holes:
        raise MethodFault(f"method {name}", f"score not finite in {holes} pixels that are", fix)


def write_scores(path: str | Path, maps: Mapping[int, NDArray[np.float32]], missing: str) -> None:
    """Write the score maps of an exposure, without loss.

    Parameters
    ----------
    path : path-like
        Output file; appears only when complete.
    maps : mapping of int to ndarray, shape (ny, nx), float32
        By the EXTVER of the chip; none if the method has failed.
    missing : str
        Why it has failed; empty if not.
    """
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header["MISSING"] = (missing[:60], "why the method has no map")
    for ver, score in maps.items():
        hdu = fits.CompImageHDU(score, name=EXTNAME, compression_type="GZIP_2", quantize_level=0.0)
        hdu.ver = ver
        hdus.append(hdu)
    write_hdus(path, hdus)


def read_scores(folder: str | Path, exposure: str) -> dict[int, NDArray[np.float32]]:
    """Read the score maps of an exposure.

    Parameters
    ----------
    folder : path-like
        Probabilities of a net, or scores of another method.
    exposure : str
        Dataset.

    Returns
    -------
    dict of int to ndarray, shape (ny, nx)
        By EXTVER; empty if the method is missing for this exposure.
    """
    probability = Path(folder) / f"{exposure}_probability.fits"
    if probability.is_file():
        return read_images(probability, PROBABILITY)
    path = Path(folder) / f"{exposure}_score.fits"
    if fits.getval(path, "MISSING"):
        return {}
    return read_images(path, EXTNAME)
