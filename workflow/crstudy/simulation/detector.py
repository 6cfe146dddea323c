"""Turn a noiseless scene and cosmic rays into the calibrated image of a CCD."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from crstudy.instrument.dq import Dq

#: Dark current of warm and hot pixels, e-/s (ACS: warm 0.06-0.14, hot above).
WARM_E_PER_S = (0.06, 0.14)
HOT_E_PER_S = (0.14, 2.0)
#: Relative error of the dark that calibration subtracts from hot and warm pixels.
DARK_CALIBRATION_ERROR = 0.1


def expose(
    rng: Generator,
    detector: Generator,
    scene_e: NDArray[np.float64],
    cr_e: NDArray[np.int32],
    exptime_s: float,
    settings: Mapping[str, Any],
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Turn a noiseless scene and cosmic rays into a calibrated image.

    Parameters
    ----------
    rng : numpy Generator
        Noise of this exposure.
    detector : numpy Generator
        Hot and warm pixels, which all exposures of a group share.
    scene_e : ndarray, shape (ny, nx)
        Noiseless sky and sources, e-.
    cr_e : ndarray, shape (ny, nx)
        Electrons from cosmic rays.
    exptime_s : float
        Exposure time, s.
    settings : mapping
        The configuration section ``simulation``.

    Returns
    -------
    sci : ndarray, shape (ny, nx), float32
        Calibrated image, e-: dark subtracted, sky kept.
    dq : ndarray, shape (ny, nx), int16
        Bits of `Dq`.
    """
    extra_dark, flags = _hot_and_warm(detector, scene_e.shape, settings)
    subtracted = extra_dark * (1 + DARK_CALIBRATION_ERROR * detector.standard_normal(flags.shape))
    dark_e = (settings["dark_e_per_s"] + extra_dark) * exptime_s
    charge = bleed(rng.poisson(scene_e + dark_e) + cr_e, settings["full_well_e"])
    flags[charge >= settings["full_well_e"]] |= Dq.SATURATED
    noise = rng.normal(0, settings["read_noise_e"], scene_e.shape)
    calibration = (settings["dark_e_per_s"] + subtracted) * exptime_s
    return (charge + noise - calibration).astype(np.float32), flags


def _hot_and_warm(
    rng: Generator, shape: tuple[int, ...], settings: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
    """Draw the extra dark current, e-/s, and the flags of hot and warm pixels."""
    lot = rng.uniform(size=shape)
    warm = lot < settings["warm_fraction"]
    hot = lot > 1 - settings["hot_fraction"]
    extra = np.zeros(shape)
    extra[warm] = rng.uniform(*WARM_E_PER_S, warm.sum())
    extra[hot] = np.exp(rng.uniform(*np.log(HOT_E_PER_S), hot.sum()))
    return extra, (Dq.WARM * warm + Dq.HOT * hot).astype(np.int16)


def bleed(charge_e: NDArray[np.floating], full_well_e: float) -> NDArray[np.float64]:
    """Let charge above the full well flow along columns.

    Parameters
    ----------
    charge_e : ndarray, shape (ny, nx)
        Collected charge, e-.
    full_well_e : float
        Capacity of a pixel, e-.

    Returns
    -------
    ndarray, shape (ny, nx), float64
        Charge in which no pixel exceeds the full well by more than half an electron. Charge
        is conserved but for what leaves a column's ends.
    """
    charge = np.asarray(charge_e, dtype=np.float64).copy()
    columns = (charge > full_well_e).any(axis=0).nonzero()[0]
    for column in columns:
        line = charge[:, column]
        while (excess := np.clip(line - full_well_e, 0, None)).max() > 0.5:
            line -= excess
            line[1:] += excess[:-1] / 2
            line[:-1] += excess[1:] / 2
    return charge
