"""Cosmic rays in images in memory: what `crstudy.clean` and `crstudy.probability` are."""

import os
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crstudy.cleaning.nets import DEFAULT_NET, find_model, load_inpainting_net, load_mask_net
from crstudy.core.errors import StudyError
from crstudy.core.hardware import Device
from crstudy.deepcr.detector import Detector, Inpainter


def probability(
    image: ArrayLike,
    model: str = DEFAULT_NET,
    device: Device = "auto",
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Probability that each pixel holds cosmic-ray charge.

    Parameters
    ----------
    image : array-like, shape (ny, nx)
        Electrons, sky not subtracted. Non-finite pixels are allowed.
    model : str
        See `crstudy.cleaning.nets.find_model`.
    device : {"auto", "cpu", "cuda"}
        Where the net runs; auto: on a GPU if there is one.
    threads : int, optional
        Threads on a CPU; all cores by default.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        0..1; NaN exactly where the image is not finite.

    Raises
    ------
    StudyError
        Unknown net, or an image that is not two-dimensional or holds no finite pixel.
    """
    return _mask_net(model, device, threads or available_cores()).probability(image)


def clean(
    image: ArrayLike,
    model: str = DEFAULT_NET,
    threshold: float | None = None,
    device: Device = "auto",
    threads: int | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Flag the cosmic rays of an image and fill them by inpainting.

    Parameters
    ----------
    image, model, device, threads
        As for `probability`.
    threshold : float, optional
        Probability above which a pixel is flagged; that of the study by default: 0.5, and 0.1
        for chen24-uvis.

    Returns
    -------
    mask : ndarray of bool, shape (ny, nx)
        Flagged pixels.
    cleaned : ndarray, shape (ny, nx), float32
        The image, e-, with these replaced by the prediction of deepCR's inpainting net.

    Raises
    ------
    StudyError
        As for `probability`.
    """
    cut = find_model(model).threshold if threshold is None else threshold
    if not 0 <= cut <= 1:
        raise StudyError("threshold", f"{cut} is no probability", "give one from 0 to 1")
    mask = probability(image, model, device, threads) > cut
    return mask, _inpainting_net(device, threads or available_cores()).inpaint(image, mask)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


@cache
def _mask_net(model: str, device: Device, threads: int) -> Detector:
    return load_mask_net(find_model(model), device, threads)


@cache
def _inpainting_net(device: Device, threads: int) -> Inpainter:
    return load_inpainting_net(device, threads)
