"""CTE trails: charge that traps in the silicon of ACS/WFC defer while a chip is read out."""

from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Model of Massey et al. (2014, MNRAS 439, 887) for the parallel readout of ACS/WFC, with the
# numbers of its authors' code (github.com/jkeger/arctic, CTI_model_for_HST_ACS, commit 8e2c9d52):
# traps capture at once, in the volume that a packet of charge fills.
LAUNCH = date(2002, 3, 1)
SM4_REPAIR = date(2009, 5, 16)
#: Traps per pixel at launch (extrapolated) and their increase per day, before and after the repair.
TRAPS_BEFORE_REPAIR = (0.017845, 3.5488e-4)
TRAPS_SINCE_REPAIR = (-0.249304, 5.65129e-4)
#: Fractions of the three species of traps, and their release times at -81 C, transfers.
SPECIES_SHARE = np.array([0.17, 0.45, 0.38], dtype=np.float32)
RELEASE_TRANSFERS = np.array([0.74, 7.70, 37.0], dtype=np.float32)
#: A packet fills (charge / FULL_DEPTH_E) ** FILL_POWER of a pixel's volume.
FULL_DEPTH_E = 84_700.0
FILL_POWER = 0.478


def traps_to_amplifier(observed: date, rows_from_amplifier: ArrayLike) -> NDArray[np.float32]:
    """Count the charge traps that a packet of charge passes in the parallel readout of ACS/WFC.

    Parameters
    ----------
    observed : datetime.date
        Day of observation; traps accumulate from 2002 on.
    rows_from_amplifier : array_like, shape (ny,)
        Transfers of each row: 1 beside the serial register, 2048 at the gap between the chips.

    Returns
    -------
    ndarray, shape (ny,), float32
        Number of traps.

    Examples
    --------
    >>> traps_to_amplifier(date(2010, 1, 1), [1000, 2000]).astype(int)
    array([1368, 2737])
    """
    at_launch, per_day = TRAPS_SINCE_REPAIR if observed >= SM4_REPAIR else TRAPS_BEFORE_REPAIR
    per_px = max(at_launch + per_day * (observed - LAUNCH).days, 0.0)
    return (per_px * np.asarray(rows_from_amplifier)).astype(np.float32)


def deferred_charge(charge_e: NDArray[np.floating], traps: NDArray[np.floating]) -> NDArray:
    """Find by how much charge traps change the pixels of a chip as it is read out.

    Each packet fills the traps of the volume it occupies, unless the packets before it left them
    full; full traps release what they hold into the packets that follow, further from the
    amplifier. All transfers of a packet are taken together, hence no packet loses more than it has.

    Parameters
    ----------
    charge_e : ndarray, shape (ny, nx)
        Charge without noise, e-.
    traps : ndarray, shape (ny,)
        Of `traps_to_amplifier`; it increases away from the amplifier, at either end.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Charge gained, e-: negative where traps captured it. Its sum is minus what the traps still
        hold after the last row. The first row loses nothing: rows before it have filled the traps.

    Examples
    --------
    >>> column = np.full((100, 1), 60.0)
    >>> column[50] += 1000
    >>> traps = traps_to_amplifier(date(2015, 7, 1), np.full(100, 1024))
    >>> deferred_charge(column, traps)[49:54, 0].astype(int)
    array([   0, -228,   43,   20,   13])
    """
    step = 1 if traps[0] <= traps[-1] else -1
    packet = np.maximum(charge_e[::step], 1e-3).astype(np.float32)
    # What traps that are empty take of a packet: with few traps, one electron each.
    lost = packet / np.float32(FULL_DEPTH_E)
    lost **= np.float32(FILL_POWER)
    lost *= -traps[::step, None].astype(np.float32)
    lost /= packet
    lost = -np.expm1(lost, out=lost) * packet
    share = SPECIES_SHARE[:, None]
    kept = np.exp(-1 / RELEASE_TRANSFERS)[:, None]
    held, filled = share * lost[0], np.empty((len(share), lost.shape[1]), np.float32)
    total = np.empty_like(lost)
    for row, capacity in enumerate(lost):
        np.multiply(share, capacity, out=filled)
        held -= filled
        np.maximum(held, 0, out=held)
        held *= kept
        held += filled
        np.add.reduce(held, axis=0, out=total[row])
    return -np.diff(total, axis=0, prepend=total[:1])[::step]
