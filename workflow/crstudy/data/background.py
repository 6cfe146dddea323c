"""Sky background of a clean image and its noise; extraction of sources."""

from typing import Any, NamedTuple

import numpy as np
import sep
from numpy.typing import NDArray

#: Peaks in one blend that SEP can handle; its default overflows in crowded full frames.
SUB_OBJECT_LIMIT = 100_000


class Sky(NamedTuple):
    """Background of a chip.

    Attributes
    ----------
    level : ndarray, shape (ny, nx), float32
        Background, e-.
    rms : ndarray, shape (ny, nx), float32
        Local noise of the background, e-.
    global_rms : float
        Noise of the whole chip's background, e-.
    """

    level: NDArray[np.float32]
    rms: NDArray[np.float32]
    global_rms: float


def measure_sky(clean_e: NDArray[np.floating], good: NDArray[np.bool_], box_px: int) -> Sky:
    """Measure the background of a chip with SEP.

    Parameters
    ----------
    clean_e : ndarray, shape (ny, nx)
        Clean image, e-.
    good : ndarray of bool, shape (ny, nx)
        Valid pixels; at least one.
    box_px : int
        Mesh of the background, px.

    Returns
    -------
    Sky
    """
    image = np.ascontiguousarray(np.where(good, clean_e, 0), dtype=np.float32)
    box = min(box_px, *image.shape)
    background = sep.Background(image, mask=~good, bw=box, bh=box)
    return Sky(background.back(), background.rms(), background.globalrms)


def extract_sources(image: NDArray[np.float32], threshold: float, **options: Any) -> Any:
    """Extract sources with `sep.extract`, its buffers large enough for crowded full frames."""
    # One pixel may be a detection each: the buffer must hold a whole frame of them.
    sep.set_extract_pixstack(max(image.size, 300_000))
    sep.set_sub_object_limit(SUB_OBJECT_LIMIT)
    return sep.extract(image, threshold, **options)
