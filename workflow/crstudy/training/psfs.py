"""PSFs that training draws stars with: around the measured ones, and none of them."""

import numpy as np
from astropy.table import Table
from numpy.random import Generator


def perturbed_grid(table: Table, rng: Generator, *, width: float, shape: float) -> Table:
    """Perturb a PSF that is a sum of Gaussians.

    Parameters
    ----------
    table : Table
        Of `crstudy.instrument.epsf`: a row per Gaussian and place on the detector.
    rng : numpy Generator
        Source of randomness.
    width, shape : float
        RMS of the logarithm of the width of the whole PSF, and of the width and of the flux of
        each of its Gaussians.

    Returns
    -------
    Table
        The fluxes at one place still sum to 1.
    """
    one_place = (table["x"] == table["x"][0]) & (table["y"] == table["y"][0])
    n = int(one_place.sum())
    drawn = table.copy()
    # The same at all places: how it varies across the detector is kept.
    repeat = len(table) // n
    wider = np.exp(width * rng.standard_normal() + shape * rng.standard_normal(n))
    for name in ("sigma_major", "sigma_minor"):
        drawn[name] *= np.tile(wider, repeat)
    drawn["flux"] *= np.tile(np.exp(shape * rng.standard_normal(n)), repeat)
    for start in range(0, len(drawn), n):
        drawn["flux"][start : start + n] /= drawn["flux"][start : start + n].sum()
    return drawn
