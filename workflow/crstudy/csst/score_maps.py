"""Score maps of CSST exposures, also of nets whose input is multiplied, and their counts."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.config.registry import METHODS
from crstudy.core.errors import MethodFault, StudyError
from crstudy.data.score_maps import check_map
from crstudy.data.view import View
from crstudy.methods.runner import load_method, score_chip
from crstudy.metrics.names import FULL
from crstudy.metrics.roc import histogram


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
    """Name what a method looked at: an exposure, or one multiplied by a factor."""
    return exposure if scale == 1 else f"{exposure} times {scale:g}"


def all_missing(tables: Iterable[Table]) -> dict[str, list[str]]:
    """Return the inputs without a map, by method, of all fields.

    Parameters
    ----------
    tables : iterable of Table
        One per field; metadata missing, inputs of `name_input` by method.

    Returns
    -------
    dict of str to list of str
        Only methods that have failed.
    """
    missing: dict[str, list[str]] = {}
    for table in tables:
        for method, inputs in table.meta["missing"].items():
            missing.setdefault(method, []).extend(inputs)
    return missing


def score_rescaled(
    net: str, module: str, chips: Mapping[int, NDArray[np.float32]], scale: float
) -> tuple[dict[int, NDArray[np.float32]], str]:
    """Let a net that looks at the image alone score an exposure whose pixels are multiplied.

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
    maps : dict of int to ndarray, shape (ny, nx)
        Score maps; none if the net has failed.
    missing : str
        Why it has failed; empty if not.
    """
    method, nothing = load_method(module), np.ones((1, 1))
    maps = {}
    try:
        for ver, sci in chips.items():
            view = View(np.float32(scale) * sci, np.isfinite(sci), np.nan, nothing)
            maps[ver] = score_chip(net, method, view, {})
    except MethodFault:
        raise
    except StudyError as error:
        return {}, str(error)
    return maps, ""


def count_map(
    method: str,
    score: NDArray[np.floating],
    actual: NDArray[np.bool_],
    areas: Mapping[str, NDArray[np.bool_]],
    edges: Sequence[float],
) -> Table:
    """Count the pixels of a chip by score, area by area.

    Parameters
    ----------
    method : str
        The method.
    score : ndarray, shape (ny, nx)
        Its map.
    actual : ndarray of bool, shape (ny, nx)
        True cosmic rays.
    areas : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels that count, of the whole chip under `crstudy.metrics.names.FULL` and of its regions.
    edges : sequence of float
        See `crstudy.metrics.roc.histogram`.

    Returns
    -------
    Table
        Columns method, region and those of `crstudy.metrics.roc.histogram`.

    Raises
    ------
    MethodFault
        The map has another shape than the chip, or is not finite where a pixel counts.
    """
    check_map(method, score, areas[FULL])
    tables = []
    for region, area in areas.items():
        table = histogram(score, actual, area, edges)
        table["method"], table["region"] = method, region
        tables.append(table)
    return vstack(tables)
