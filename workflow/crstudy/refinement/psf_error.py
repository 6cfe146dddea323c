"""How wrong the fitted PSF may be for mask refinement to pay."""

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

#: Numerator and denominator of what refinement changes.
FRACTIONS = {
    "recall": ("tp", "positives"),
    "precision": ("tp", "flagged"),
    "anomalous_fraction": ("anomalous", "stars"),
}


def pays(table: Table) -> NDArray[np.bool_]:
    """Tell in which rows refinement leaves fewer wrong fluxes than the unrefined mask.

    Parameters
    ----------
    table : Table
        Of `crstudy.metrics.bootstrap.fraction_changes` with `FRACTIONS`.

    Returns
    -------
    ndarray of bool
        The whole interval of the change is below zero.
    """
    return np.asarray(table["anomalous_fraction_change_hi"]) < 0


def largest_error(table: Table) -> float:
    """Return the PSF error up to which refinement pays in every row; NaN if nowhere.

    Parameters
    ----------
    table : Table
        Rows of one refinement, with a column psf_error.

    Examples
    --------
    >>> errors, ends = [0.02, 0.01, 0.03, 0.04], [-0.1, -0.2, 0.1, -0.1]
    >>> largest_error(Table({"psf_error": errors, "anomalous_fraction_change_hi": ends}))
    0.02
    """
    order = np.argsort(table["psf_error"])
    good = np.logical_and.accumulate(pays(table)[order])
    return float(np.max(table["psf_error"][order][good], initial=-np.inf)) if good.any() else np.nan
