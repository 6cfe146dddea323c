"""Score maps of CSST exposures, with the input of nets unchanged and rescaled."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crstudy.config.registry import METHODS
from crstudy.data.view import View
from crstudy.methods.runner import load_method, score_exposure


def rescaled_folder(folder: str | Path, net: str, scale: float) -> Path:
    """Name the folder with a net's score maps of an input multiplied by a factor."""
    return Path(folder, net, f"{scale:g}")


def score_folders(
    methods: Mapping[str, str], rescaled: str | Path, scales: Sequence[float]
) -> dict[tuple[str, float], Path]:
    """Name the folders with the score maps of a field.

    Parameters
    ----------
    methods : mapping of str to str
        Folder with the maps of the unchanged input by method.
    rescaled : path-like
        Folder of the others.
    scales : sequence of float
        Factors on the input of nets besides 1.

    Returns
    -------
    dict of (str, float) to pathlib.Path
        By method and scale.
    """
    folders = {(name, 1.0): Path(folder) for name, folder in methods.items()}
    nets = [name for name in methods if METHODS[name].unit == "probability"]
    return folders | {(n, s): rescaled_folder(rescaled, n, s) for n in nets for s in scales}


def name_input(exposure: str, scale: float) -> str:
    """Name the input of a method: an exposure, or one multiplied by a factor."""
    return exposure if scale == 1 else f"{exposure} times {scale:g}"


def score_rescaled(
    net: str, module: str, chips: Mapping[int, NDArray[np.float32]], scale: float
) -> tuple[dict[int, NDArray[np.float32]], str]:
    """Score an exposure, multiplied by a factor, with a net that uses the image alone.

    Parameters
    ----------
    net, module : str
        Its name and its module.
    chips : mapping of int to ndarray, shape (ny, nx)
        Images, e-.
    scale : float
        Factor.

    Returns
    -------
    maps, missing
        As from `crstudy.methods.runner.score_exposure`.
    """
    views = {
        ver: View(np.float32(scale) * sci, np.isfinite(sci), np.nan, np.ones((1, 1)))
        for ver, sci in chips.items()
    }
    return score_exposure(net, load_method(module), views, {})
