"""What the fluxes of a star say: contaminated, anomalous, flux ratio (paper section 3.2)."""

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray


def used_rows(photometry: Table) -> Table:
    """Return the measurements that count."""
    return photometry[np.asarray(photometry["used"], dtype=bool)]


def differs(flux: ArrayLike, reference: ArrayLike, sigma: ArrayLike, n: float) -> NDArray[np.bool_]:
    """Tell where a flux differs from its reference by more than `n` sigma."""
    return np.abs(np.asarray(flux) - np.asarray(reference)) > n * np.asarray(sigma)


def contaminated(photometry: Table, n: float) -> NDArray[np.bool_]:
    """Tell where the original differs from the clean flux by more than `n` sigma."""
    return differs(photometry["flux_original"], photometry["flux_clean"], photometry["sigma"], n)


def anomalous(photometry: Table, n: float) -> NDArray[np.bool_]:
    """Tell where deepCR's flux differs from the clean flux by more than `n` sigma."""
    return differs(photometry["flux_inpaint"], photometry["flux_clean"], photometry["sigma"], n)


def flux_ratio(photometry: Table) -> NDArray[np.float64]:
    """Return deepCR's flux over the clean flux of measurements that count."""
    return np.asarray(photometry["flux_inpaint"]) / np.asarray(photometry["flux_clean"])


def is_simulated(photometry: Table) -> bool:
    """Tell whether the truth behind a photometry table is known."""
    return bool(np.isfinite(photometry["cr_true"]).any())


def hit_and_free(photometry: Table, n: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which measurements a cosmic ray hit, and which none touched.

    Parameters
    ----------
    photometry : Table
        Measurements.
    n : float
        A hit leaves more charge in the aperture than this many sigma.

    Returns
    -------
    hit, free : ndarray of bool
        By the true charge where it is known, else by the reference. A measurement with a
        fainter cosmic ray is neither.
    """
    if is_simulated(photometry):
        charge = np.asarray(photometry["cr_true"])
        return charge > n * np.asarray(photometry["sigma"]), charge == 0
    return contaminated(photometry, n), np.asarray(photometry["label_px"]) == 0
