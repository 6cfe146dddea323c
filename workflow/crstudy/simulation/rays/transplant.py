"""Transplanted cosmic rays: real events, placed at random; no model takes part."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.core.errors import StudyError

_AGAIN = "restore it from the repository or make it with `make events`"


class EventLibrary(NamedTuple):
    """Stamps of real events.

    Attributes
    ----------
    stamps : tuple of ndarray of int
        Charge of each event, e-.
    probability : ndarray, shape (n,)
        Probability of each: that of the events it stands for.
    pixel_um : float
        Pixel size, um.
    """

    stamps: tuple[NDArray[np.int64], ...]
    probability: NDArray[np.float64]
    pixel_um: float


def read_library(path: str | Path, pixel_um: float) -> EventLibrary:
    """Read the stamps of an event library.

    Parameters
    ----------
    path : path-like
        Table of `crstudy.simulation.rays.event_library.make_library`.
    pixel_um : float
        Pixel size of the simulated camera, um.

    Returns
    -------
    EventLibrary

    Raises
    ------
    StudyError
        No such file, not such a table, truncated, without stamps, or of another pixel size.
    """
    path = Path(path)
    if not path.is_file():
        raise StudyError(path, "no such file", _AGAIN)
    try:
        table = Table.read(path, format="ascii.ecsv")
        missing = table.meta["n_events"] - len(table)
        library_um = float(table.meta["pixel_um"])
        table = table["rate", "stamp", "stamp_width"][table["stamp_width"] > 0]
        stamps = tuple(np.reshape(stamp, (-1, width)) for _, stamp, width in table.iterrows())
    except (KeyError, ValueError, TypeError) as error:
        problem = f"truncated or not an event library ({' '.join(str(error).split())})"
        raise StudyError(path, problem, _AGAIN) from None
    if missing:
        raise StudyError(path, f"truncated: {missing} events are missing", _AGAIN)
    if not stamps:
        raise StudyError(path, "holds no stamp", _AGAIN)
    if library_um != pixel_um:
        problem = f"its pixels are {library_um:g} um, those of the simulated camera {pixel_um:g} um"
        fix = "set cosmic_rays.library to one of that pixel size, or cosmic_rays.source to physical"
        raise StudyError(path, problem, fix)
    rate = np.array(table["rate"], float)
    return EventLibrary(stamps, rate / rate.sum(), library_um)


def draw_transplanted(
    rng: np.random.Generator,
    shape: tuple[int, int],
    exptime_s: float,
    rate_per_s_cm2: float,
    library: EventLibrary,
) -> NDArray[np.int32]:
    """Place real events at random, each in one of its eight orientations.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all randomness.
    shape : tuple of int
        Rows and columns of the chip.
    exptime_s : float
        Time during which the chip collects charge, s.
    rate_per_s_cm2 : float
        Events per second and cm2.
    library : EventLibrary
        Their stamps.

    Returns
    -------
    ndarray, shape `shape`, int32
        Electrons per pixel: the sum of the stamps, cut at the edges.
    """
    # The first row and column of a stamp lie anywhere from where its last ones meet the chip.
    margin = max(max(stamp.shape) for stamp in library.stamps) - 1
    ny, nx = shape
    area_cm2 = (ny + margin) * (nx + margin) * (library.pixel_um * 1e-4) ** 2
    n = rng.poisson(rate_per_s_cm2 * area_cm2 * exptime_s)
    events = rng.choice(len(library.stamps), n, p=library.probability)
    orientations = rng.integers(8, size=n)
    rows, columns = rng.integers(0, (ny + margin, nx + margin), size=(n, 2)).T
    image = np.zeros((ny + 2 * margin, nx + 2 * margin), np.int32)
    for event, orientation, row, column in zip(events, orientations, rows, columns, strict=True):
        stamp = turned(library.stamps[event], orientation)
        image[row : row + stamp.shape[0], column : column + stamp.shape[1]] += stamp
    return image[margin : margin + ny, margin : margin + nx]


def turned(stamp: NDArray[np.int64], orientation: int) -> NDArray[np.int64]:
    """Turn a stamp by quarters, and from orientation 4 on mirror it, too.

    Parameters
    ----------
    stamp : ndarray, shape (ny, nx)
        Charge, e-.
    orientation : int
        0 to 7.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> turned(np.array([[1, 2, 3]]), 1).ravel().tolist()
    [3, 2, 1]
    """
    return np.rot90(stamp.T if orientation > 3 else stamp, orientation)
