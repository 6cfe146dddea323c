"""What the light of a simulated pixel is made of."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

#: Light below this fraction of the noise of the sky does not count.
FAINTEST_OF_NOISE = 0.5


class Stratum(IntEnum):
    """Component with the most light in a pixel, sky aside."""

    #: No source, or none that the noise does not hide.
    SKY = 0
    #: A star that does not saturate.
    STAR = 1
    #: A star with a saturated pixel: its core, wings, spikes and bleeding.
    SATURATED_STAR = 2
    #: Galaxies, and stars too faint to be told apart.
    EXTENDED = 3


def brightest_component(
    star: NDArray[np.floating],
    saturated_star: NDArray[np.floating],
    extended: NDArray[np.floating],
    noise: float,
) -> NDArray[np.uint8]:
    """Return for each pixel the component with the most light.

    Parameters
    ----------
    star, saturated_star, extended : ndarray, shape (ny, nx)
        Light of each component, e- or e-/s.
    noise : float
        Noise of a pixel of blank sky, in the same unit. Where no component has more light than
        `FAINTEST_OF_NOISE` of it, a pixel is sky.

    Returns
    -------
    ndarray, shape (ny, nx), uint8
        Values of `Stratum`.
    """
    light = np.stack([star, saturated_star, extended])
    found = np.argmax(light, axis=0) + Stratum.STAR
    return np.where(light.max(axis=0) > FAINTEST_OF_NOISE * noise, found, Stratum.SKY).astype(
        np.uint8
    )
