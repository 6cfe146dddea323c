"""Put more and more cosmic rays on an exposure: the density ladder (paper figure 6).

No HST exposure is long enough for 14 % of cosmic-ray pixels. We add the cosmic rays of the group's
other exposures (original minus clean image on label pixels), turned over and shifted at random.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import label as label_footprints

#: Pixels that touch, also at a corner, are one cosmic ray.
TOUCHING = np.ones((3, 3))
#: Donors with hardly a cosmic ray never reach an aim.
MAX_LAYERS = 500
#: Random stream of the ladder; 0 to 4 are those of simulation and photometry.
LADDER_STREAM = 5


def climb(
    rng: Generator,
    own: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    donors: Sequence[NDArray[np.floating]],
    fractions: Sequence[float],
) -> Iterator[NDArray[np.float32]]:
    """Yield the charge to add for each step of the ladder.

    Parameters
    ----------
    rng : numpy Generator
        Choice, flips and shifts of the donors.
    own : ndarray of bool, shape (ny, nx)
        Pixels that the exposure's own cosmic rays cover.
    counted : ndarray of bool, shape (ny, nx)
        Pixels that count; the fraction is that of these.
    donors : sequence of ndarray, shape (ny, nx)
        Cosmic-ray charge of other exposures, e-, zero elsewhere.
    fractions : sequence of float
        Aimed fractions of pixels with cosmic rays, increasing. Nothing is added for one that is
        reached already, or where the donors hold no or hardly a cosmic ray.

    Yields
    ------
    ndarray, shape (ny, nx), float32
        Charge added so far, e-, for each of `fractions`; each holds the one before.
    """
    added = np.zeros(own.shape, np.float32)
    donors = [donor for donor in donors if (donor > 0).any()] if counted.any() else []
    layers = iter(range(MAX_LAYERS))
    for aim in fractions:
        while donors and (short := aim - (own | (added > 0))[counted].mean()) > 0:
            if next(layers, None) is None:
                break
            layer = _layer(rng, donors[rng.integers(len(donors))])
            fresh = ((layer > 0) & ~own & (added == 0))[counted].mean()
            if fresh > short:
                added += _thin(rng, layer, short / fresh)
                break
            added += layer
        yield added.copy()


def _layer(rng: Generator, donor: NDArray[np.floating]) -> NDArray[np.floating]:
    """Turn a donor over and shift it at random, so that its stars do not fall on stars."""
    flips = rng.choice([1, -1], 2)
    shifts = rng.integers(0, donor.shape)
    return np.roll(donor[:: flips[0], :: flips[1]], shifts, axis=(0, 1))


def _thin(rng: Generator, layer: NDArray[np.floating], part: float) -> NDArray[np.floating]:
    """Keep a random part of a layer's cosmic rays, each one whole."""
    footprints, count = label_footprints(layer > 0, TOUCHING)
    kept = np.append(False, rng.uniform(size=count) < part)
    return np.where(kept[footprints], layer, 0)
