"""Turn a noiseless scene and cosmic rays into the calibrated image of a CCD."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from crstudy.instrument.dq import Dq
from crstudy.simulation.charge_transfer import deferred_charge

#: Dark current of warm and hot pixels, e-/s (ACS: warm 0.06-0.14, hot above).
WARM_E_PER_S = (0.06, 0.14)
HOT_E_PER_S = (0.14, 2.0)
#: Relative error of the dark that calibration subtracts from hot and warm pixels.
DARK_CALIBRATION_ERROR = 0.1


class Streams(NamedTuple):
    """Independent random streams of an exposure, apart from its cosmic rays'.

    Attributes
    ----------
    noise : numpy Generator
        Noise of this exposure.
    defects : numpy Generator
        Hot and warm pixels, flagged or not, which all exposures of a group share.
    unstable : numpy Generator
        Pixels that are hot in this exposure alone, and noise of the dark current of all of them.
    """

    noise: Generator
    defects: Generator
    unstable: Generator


def expose(
    streams: Streams,
    scene_e: NDArray[np.float64],
    cr_e: NDArray[np.int32],
    exptime_s: float,
    settings: Mapping[str, Any],
    traps: NDArray[np.floating] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Turn a noiseless scene and cosmic rays into a calibrated image.

    Parameters
    ----------
    streams : Streams
        Random numbers; noise and defects are the same whatever the cosmic rays.
    scene_e : ndarray, shape (ny, nx)
        Noiseless sky and sources, e-.
    cr_e : ndarray, shape (ny, nx)
        Electrons from cosmic rays.
    exptime_s : float
        Exposure time, s.
    settings : mapping
        The configuration section ``simulation``.
    traps : ndarray, shape (ny,), optional
        Charge traps between each row and the amplifier,
        `crstudy.simulation.charge_transfer.traps_to_amplifier`; none if omitted. A fraction
        ``cte_residual`` of the charge that they defer stays deferred.

    Returns
    -------
    sci : ndarray, shape (ny, nx), float32
        Calibrated image, e-: dark subtracted, sky kept.
    dq : ndarray, shape (ny, nx), int16
        Bits of `Dq`: flagged hot and warm pixels, and all pixels that are saturated or hold
        charge bled from such.
    """
    extra, subtracted, flags = _defects(streams, scene_e.shape, settings)
    known = flags > 0
    dark_e = settings["dark_e_per_s"] * exptime_s
    expected = scene_e + dark_e
    collected = streams.noise.poisson(expected) + cr_e
    # Apart: a number from another distribution would change the noise of all pixels after it.
    warmer = extra.nonzero()
    collected[warmer] += streams.unstable.poisson(extra[warmer] * exptime_s)
    charge = bleed(collected, settings["full_well_e"])
    saturated = (charge > settings["full_well_e"] - 0.5) | (charge > collected + 0.5)
    flags[saturated] |= Dq.SATURATED
    if traps is not None and settings["cte_residual"] > 0:
        # Without noise: the correction is made not to amplify it.
        expected += cr_e
        expected[warmer] += extra[warmer] * exptime_s
        expected[saturated] = charge[saturated]
        charge += settings["cte_residual"] * deferred_charge(expected, traps)
    noise = streams.noise.standard_normal(charge.shape, dtype=np.float32)
    charge += settings["read_noise_e"] * noise
    charge -= dark_e
    charge[known] -= subtracted * exptime_s
    return charge.astype(np.float32), flags


def _defects(
    streams: Streams, shape: tuple[int, ...], settings: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int16]]:
    """Draw the extra dark current and flags, and what calibration subtracts where flagged, e-/s."""
    # Two numbers a pixel: other fractions of defects leave those that both have as they are.
    lot, rank = streams.defects.random((2, *shape), dtype=np.float32)
    warm = lot < settings["warm_fraction"]
    hot = lot > 1 - settings["hot_fraction"]
    extra = np.zeros(shape)
    unflagged = (lot > 0.5) & (lot < 0.5 + settings["unflagged_fraction"])
    limits = settings["unflagged_min_e_per_s"], settings["unflagged_max_e_per_s"]
    extra[unflagged] = _steep(limits, rank[unflagged])
    extra[warm] = np.interp(rank[warm], (0, 1), WARM_E_PER_S)
    extra[hot] = _between(HOT_E_PER_S, rank[hot])
    known = extra[warm | hot]
    subtracted = known * (1 + DARK_CALIBRATION_ERROR * streams.defects.standard_normal(known.size))
    n_unstable = streams.unstable.poisson(settings["unstable_fraction"] * lot.size)
    place = streams.unstable.integers(lot.size, size=n_unstable)
    extra.flat[place] += _steep(limits, streams.unstable.random(n_unstable))
    return extra, subtracted, (Dq.WARM * warm + Dq.HOT * hot).astype(np.int16)


def _between(limits: tuple[float, float], rank: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return values between two limits, evenly in the logarithm for even ranks from 0 to 1."""
    low, high = limits
    return low * (high / low) ** rank


def _steep(limits: tuple[float, float], rank: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return values between two limits with density x^-2 for even ranks from 0 to 1."""
    low, high = limits
    return 1 / ((1 - rank) / low + rank / high)


def bleed(charge_e: NDArray[np.number], full_well_e: float) -> NDArray[np.float64]:
    """Let charge above the full well flow along columns, half of it to either side.

    Parameters
    ----------
    charge_e : ndarray, shape (ny, nx)
        Collected charge, e-.
    full_well_e : float
        Capacity of a pixel, e-.

    Returns
    -------
    ndarray, shape (ny, nx), float64
        Charge in which no pixel exceeds the full well. Charge is conserved but for what leaves a
        column's ends.

    Notes
    -----
    The flow ends with charge + (second difference of u) / 2, where u, twice what each pixel sent
    on, is the least that leaves no pixel above the full well: u + v is the least concave function
    above v, whose second difference is 2 (charge - full well). The slopes of the least concave
    function are the decreasing regression of those of v.
    """
    charge = np.asarray(charge_e, dtype=np.float64).copy()
    for column in (charge > full_well_e).any(axis=0).nonzero()[0]:
        slope = np.cumsum(2 * (charge[:, column] - full_well_e))
        concave = isotonic_regression(np.concatenate([[0], slope]), increasing=False).x
        charge[:, column] = full_well_e + np.diff(concave) / 2
    return charge
