"""Draw the charge that fast singly charged particles free in silicon, collision by collision.

The spectrum of the energy lost in a collision is that of the photo-absorption ionisation model
(Allison and Cobb 1980, Ann. Rev. Nucl. Part. Sci. 30, 253) of a minimum-ionising particle, with one
oscillator for the four valence electrons and one power law for each inner shell. It reproduces the
most probable losses of Bichsel (1988, Rev. Mod. Phys. 60, 663) in 5 to 30 um within 5 %.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Energy of an electron-hole pair, eV (Janesick 2001, Scientific Charge-Coupled Devices).
PAIR_EV = 3.65
#: Collisions transfer between these energies, eV. Electrons above the upper one, which goes 60 um
#: (Everhart and Hoff 1971, J. Appl. Phys. 42, 5837), leave a thin layer.
LEAST_EV, MOST_EV = 2.0, 1e5

#: 2 pi N r_e^2 m c^2, with the density N of electrons: eV/um, and electrons of an atom.
_RUTHERFORD_EV_PER_UM, _ELECTRONS = 17.8, 14
#: Electron mass, eV; beta gamma at minimum ionisation; energy of the plasma of all electrons, eV.
_ELECTRON_EV, _BETA_GAMMA, _PLASMA_EV = 0.511e6, 3.5, 31.05
#: Valence electrons, energy and width of their plasmon, eV (Bichsel 1988, figure 1).
_VALENCE, _PLASMON_EV, _PLASMON_WIDTH_EV = 4, 17.0, 4.2
#: Electrons of the L and K shells, rise of their absorption in eV, and exponent of its fall. The L
#: shell absorbs from 100 eV on, but most near 150 eV.
_SHELLS = ((8, 130.0, 1.2), (2, 1839.0, 2.2))
#: Equally frequent ranges of energy; the uppermost spans 75 to 100 keV.
_QUANTILES = 2**16


@cache
def collision_spectrum() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the collisions of a minimum-ionising particle with less than a given energy.

    Returns
    -------
    energy_ev : ndarray, shape (n,)
        Energy, eV, from `LEAST_EV` to `MOST_EV`.
    per_um : ndarray, shape (n,)
        Collisions per micrometre that transfer less than that energy.

    Examples
    --------
    >>> energy_ev, per_um = collision_spectrum()
    >>> round(float(per_um[-1]), 1)
    4.1
    """
    energy = np.geomspace(LEAST_EV, MOST_EV, 4000)
    absorbing = _oscillator_strength(energy)
    below = _integral(absorbing, energy)
    beta2 = _BETA_GAMMA**2 / (1 + _BETA_GAMMA**2)
    # Above the plasmon the medium is nearly transparent: |1 - beta^2 epsilon| of free electrons.
    inner = 1 - beta2 + beta2 * (_PLASMA_EV / energy) ** 2
    screening = np.where(energy < 60, 1, np.minimum(inner, 1))
    distant = absorbing / energy * np.log(2 * _ELECTRON_EV * beta2 / energy / screening)
    close = below / energy**2
    density = _RUTHERFORD_EV_PER_UM / _ELECTRONS / beta2 * (np.maximum(distant, 0) + close)
    return energy, _integral(density, energy)


def _oscillator_strength(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the electrons of an atom that absorb light, per eV."""
    plasmon = (energy**2 - _PLASMON_EV**2) ** 2 + (_PLASMON_WIDTH_EV * energy) ** 2
    strength = _VALENCE * (2 / np.pi) * _PLASMON_WIDTH_EV * energy**2 / plasmon
    for electrons, edge, power in _SHELLS:
        fall = electrons * power / edge * (energy / edge) ** -(power + 1)
        strength += np.where(energy >= edge, fall, 0)
    return strength


def _integral(density: NDArray[np.float64], energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the integral of a density from the least energy up to each."""
    steps = (density[1:] + density[:-1]) / 2 * np.diff(energy)
    return np.concatenate([[0], np.cumsum(steps)])


@cache
def _energy_quantiles() -> NDArray[np.float64]:
    """Return energies, eV, between which collisions are equally frequent."""
    energy, per_um = collision_spectrum()
    return np.interp(np.linspace(0, per_um[-1], _QUANTILES + 1), per_um, energy)


def draw_electrons(rng: np.random.Generator, collisions: int) -> NDArray[np.int64]:
    """Draw the electrons that each of some collisions frees.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    collisions : int
        Number of collisions.

    Returns
    -------
    ndarray, shape (collisions,), int64
        Electrons, `PAIR_EV` each; the fraction that is left over frees one more in proportion.
    """
    edges = _energy_quantiles()
    quantile = _QUANTILES * rng.random(collisions)
    below = quantile.astype(np.int64)
    energy_ev = edges[below] + (quantile - below) * (edges[below + 1] - edges[below])
    return (energy_ev / PAIR_EV + rng.random(collisions)).astype(np.int64)
