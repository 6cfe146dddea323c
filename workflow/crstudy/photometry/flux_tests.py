"""Tests on the fluxes of stars: contaminated, anomalous, flux ratio (paper section 3.2)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

ALL_AREAS = "all"
#: Fractions of anomalous stars: counts of `anomaly_flags` that are their numerator and denominator.
ANOMALOUS_FRACTIONS = {
    "anomalous_fraction": ("anomalous", "stars"),
    "anomalous_hit_fraction": ("anomalous_hit", "hit"),
    "anomalous_free_fraction": ("anomalous_free", "free"),
}


def used_rows(photometry: Table) -> Table:
    """Return the usable measurements."""
    return photometry[np.asarray(photometry["used"], dtype=bool)]


def differs(flux: ArrayLike, reference: ArrayLike, sigma: ArrayLike, n: float) -> NDArray[np.bool_]:
    """Tell where a flux differs from its reference by more than `n` sigma.

    Examples
    --------
    >>> differs([103.0, 90.0], [100.0, 100.0], sigma=[2.0, 2.0], n=3).tolist()
    [False, True]
    """
    return np.abs(np.asarray(flux) - np.asarray(reference)) > n * np.asarray(sigma)


def contaminated(photometry: Table, n: float) -> NDArray[np.bool_]:
    """Tell where the original differs from the clean flux by more than `n` sigma."""
    return differs(photometry["flux_original"], photometry["flux_clean"], photometry["sigma"], n)


def anomalous(photometry: Table, n: float) -> NDArray[np.bool_]:
    """Tell where deepCR's flux differs from the clean flux by more than `n` sigma."""
    return differs(photometry["flux_inpaint"], photometry["flux_clean"], photometry["sigma"], n)


def flux_ratio(photometry: Table) -> NDArray[np.float64]:
    """Return deepCR's flux over the clean flux of usable measurements."""
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


def anomaly_flags(photometry: Table, charge: str, n: float) -> dict[str, NDArray[np.bool_]]:
    """Tell which stars of `crstudy.photometry.aperture.measure_versions` are anomalous.

    Parameters
    ----------
    photometry : Table
        Measurements with flux, flux_clean and sigma.
    charge : str
        Column of the cosmic-ray charge in the aperture.
    n : float
        A flux that differs by more from that of the clean image is anomalous, in flux errors; a
        star is hit if more charge of cosmic rays lies in its aperture, and free if none does.

    Returns
    -------
    dict of str to ndarray of bool
        stars (all), anomalous, hit, anomalous_hit, free, anomalous_free.
    """
    bad = differs(photometry["flux"], photometry["flux_clean"], photometry["sigma"], n)
    charge_e = np.asarray(photometry[charge])
    hit, free = charge_e > n * np.asarray(photometry["sigma"]), charge_e == 0
    flags = {"stars": np.ones(len(photometry), bool), "anomalous": bad}
    for name, among in (("hit", hit), ("free", free)):
        flags |= {name: among, f"anomalous_{name}": among & bad}
    return flags


def area_bins(area_px: ArrayLike, edges_px: Sequence[float]) -> dict[str, NDArray[np.bool_]]:
    """Tell which stars lie in each bin of area, such as ``'16-50'``, and in ``'all'``."""
    area = np.asarray(area_px, dtype=float)
    bins = {ALL_AREAS: np.ones(len(area), bool)}
    for low, high in pairwise(edges_px):
        bins[f"{low:g}-{high:g}"] = (area > low) & (area <= high)
    return bins
