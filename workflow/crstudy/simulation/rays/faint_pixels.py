"""Draw the charge of an event's faint pixels, given what brighter events have in such pixels.

Below a few sigma a pixel's value is as much noise as charge: kept as measured, it would carry its
noise into the simulation; cut off, the event would lose its rim. The charge that is likely, given
the pixel's value and the charge of its neighbours, is known from brighter events. Each of their
electrons is kept with a small probability, which gives a faint event of the same track and known
charge, and noise is added to it. No model of cosmic rays takes part.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from crstudy.simulation.rays.events import label_events

#: Pixels above this many sigma are kept as measured. Between 5 sigma and here the noise still
#: lifts more pixels than it lowers.
KEPT_SIGMA = 8.0
#: One electron in so many of a bright event is kept, and how often each is drawn.
THINNINGS = (3, 6, 12)
DRAWS = 2
#: A faint pixel gets the charge of one of so many that are most like it.
ALIKE = 10

_SQUARE = np.ones((3, 3), bool)
_SIDES = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
_CORNERS = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1]])


def draw_stamps(
    rng: np.random.Generator,
    cuts: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]],
    sigma_e: float,
) -> list[NDArray[np.int64]]:
    """Return the charge of events, that of their faint pixels drawn.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all randomness.
    cuts : sequence of (ndarray, ndarray of bool)
        Of each event the measured charge (e-) and the footprint, with a pixel on every side.
    sigma_e : float
        Noise, e-.

    Returns
    -------
    list of ndarray of int
        Charge of each event, e-: as measured above `KEPT_SIGMA`, drawn in the other pixels of the
        footprint and in those around it, 0 elsewhere.
    """
    pairs = [pair for cut in cuts for pair in _fainter(rng, *cut, sigma_e)]
    known = KDTree(np.concatenate([likeness for likeness, _ in pairs]))
    charge = np.concatenate([charge for _, charge in pairs])
    stamps = []
    for excess, core in cuts:
        faint = _faint(excess, core, sigma_e)
        _, alike = known.query(_likeness(excess, core, sigma_e)[faint], k=ALIKE)
        stamp = np.rint(np.where(core & ~faint, excess, 0)).astype(int)
        stamp[faint] = rng.permuted(charge[alike], axis=1)[:, 0]
        stamps.append(stamp)
    return stamps


def _fainter(
    rng: np.random.Generator, excess: NDArray[np.float64], core: NDArray[np.bool_], sigma_e: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Thin out an event; yield likeness and charge of the faint pixels of what is still found."""
    near = ndimage.binary_dilation(core, _SQUARE)
    electrons = np.pad(np.rint(np.where(near, np.maximum(excess, 0), 0)).astype(int), 1)
    for thinning in np.repeat(THINNINGS, DRAWS):
        charge = rng.binomial(electrons, 1 / thinning)
        # Some noise, thinned as well, is in the charge already.
        noise_e = sigma_e * np.sqrt(1 - 1 / thinning**2)
        image = charge + rng.normal(0, noise_e, charge.shape)
        # The outermost pixels lie beyond what was measured.
        inner = np.pad(np.ones(core.shape, bool), 1)
        labels = label_events(image, sigma_e, inner)
        for number in range(1, labels.max() + 1):
            found = labels == number
            faint = _faint(image, found, sigma_e) & inner
            yield _likeness(image, found, sigma_e)[faint], charge[faint]


def _faint(excess, core, sigma_e):
    """Return the faint pixels of a footprint and those around it."""
    return ndimage.binary_dilation(core, _SQUARE) & ~(core & (excess >= KEPT_SIGMA * sigma_e))


def _likeness(excess, core, sigma_e):
    """Return what tells of a pixel's charge: its value, and the footprint's charge beside it."""
    footprint = np.where(core, excess, 0) / sigma_e
    beside = (ndimage.convolve(footprint, part, mode="constant") for part in (_SIDES, _CORNERS))
    return np.stack([excess / sigma_e, *(np.log1p(charge) for charge in beside)], axis=-1)
