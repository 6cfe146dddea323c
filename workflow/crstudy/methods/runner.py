"""Run the detection methods that are compared with deepCR."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from crstudy.core.errors import MethodFault, StudyError
from crstudy.data.score_maps import check_map
from crstudy.data.view import View


def load_method(module: str) -> ModuleType:
    """Return the module of a method, see `crstudy.config.registry`."""
    return import_module(f"crstudy.methods.{module}")


def score_chip(
    name: str, method: ModuleType, view: View, parameters: Mapping[str, float]
) -> NDArray[np.float32]:
    """Score a chip with a method, and check the map that it returns.

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
        The method cannot score this chip.
    MethodFault
        Its map has another shape than the chip, or is NaN elsewhere than the image.
    """
    score = np.asarray(method.score(view, **parameters), dtype=np.float32)
    check_map(name, score, np.isfinite(view.sci))
    return score


def score_exposure(
    name: str, method: ModuleType, views: Mapping[int, View], parameters: Mapping[str, float]
) -> tuple[dict[int, NDArray[np.float32]], str]:
    """Score the chips of an exposure with a method that may fail on them.

    Parameters
    ----------
    name, method, parameters
        As for `score_chip`.
    views : mapping of int to View
        The chips by EXTVER.

    Returns
    -------
    maps : dict of int to ndarray, shape (ny, nx)
        Score maps by EXTVER; none if the method failed on any chip.
    missing : str
        Why it failed; empty if it did not.

    Raises
    ------
    MethodFault
        See `score_chip`.
    """
    try:
        return {ver: score_chip(name, method, one, parameters) for ver, one in views.items()}, ""
    except MethodFault:
        raise
    except StudyError as error:
        return {}, str(error)


def scan(
    flag: Callable[[float], NDArray[np.bool_]], thresholds: Sequence[float]
) -> NDArray[np.float32]:
    """Make a score map with a method that only flags pixels above a threshold.

    Parameters
    ----------
    flag : callable
        Returns the pixels, shape (ny, nx), flagged at a threshold.
    thresholds : sequence of float
        Above zero.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        The highest threshold at which each pixel is flagged, zero where it is at none. Iterated
        methods do not flag strictly fewer pixels at a higher threshold; this score counts a pixel
        as flagged at all lower ones.
    """
    first, *others = sorted(thresholds)
    score = np.where(flag(first), first, 0).astype(np.float32)
    for threshold in others:
        score[flag(threshold)] = threshold
    return score
