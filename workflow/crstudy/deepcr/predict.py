"""Map exposures to probability maps, file by file."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crstudy.data.exposure import read_exposure
from crstudy.data.score_maps import write_probabilities
from crstudy.deepcr.detector import Detector

#: Name of an exposure, and its chips, shape (ny, nx), e-, by EXTVER.
Images = tuple[str, Mapping[int, NDArray[np.float32]]]


def read_chips(path: str | Path) -> Images:
    """Read the chips of an exposure as a net sees them.

    Parameters
    ----------
    path : path-like
        Calibrated exposure.

    Raises
    ------
    StudyError
        See `crstudy.data.exposure.read_exposure`.
    """
    exposure = read_exposure(path)
    return exposure.name, {chip.extver: chip.sci for chip in exposure.chips}


def map_exposures(
    detector: Detector, exposures: Iterable[Images], folder: Path, write: Callable[..., None]
) -> Iterator[tuple[str, int]]:
    """Map exposures one after the other; batches of a net may hold windows of several.

    Parameters
    ----------
    detector : Detector
        Gives the probabilities.
    exposures : iterable of Images
        Read as they are needed.
    folder : pathlib.Path
        Takes a file ``<exposure>_probability.fits`` for each.
    write : callable
        ``write(function, *arguments)`` calls the function, now or in another thread.

    Yields
    ------
    (str, int)
        Name of an exposure that is done, and how many of its pixels are not finite.
    """
    under_way: deque[tuple[str, list[int]]] = deque()

    def images() -> Iterator[NDArray[np.float32]]:
        for name, chips in exposures:
            under_way.append((name, list(chips)))
            yield from chips.values()

    results = detector.probabilities(images())
    for first in results:
        name, vers = under_way.popleft()
        maps = dict(zip(vers, chain([first], results), strict=False))
        file = folder / f"{name}_probability.fits"
        write(write_probabilities, file, maps, detector.name, detector.net.arithmetic)
        yield name, sum(int(np.isnan(one).sum()) for one in maps.values())
