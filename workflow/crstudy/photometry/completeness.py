"""Completeness and purity of the star sample, against the sources that were simulated."""

from collections.abc import Iterable, Sequence

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.instrument.wcs import on_chip
from crstudy.photometry.stars import match_inputs

NOTHING = "nothing"


def times_inside(
    inputs: Table, chips: Iterable[tuple[WCS, tuple[int, int]]], edge_fraction: float
) -> NDArray[np.int64]:
    """Count the exposures on which each simulated source lies far enough from the edges.

    Parameters
    ----------
    inputs : Table
        Sources: ra, dec (deg).
    chips : iterable of (WCS, shape)
        Of every chip of every exposure.
    edge_fraction : float
        Distance from the edges, as a fraction of the shorter side.

    Returns
    -------
    ndarray of int, shape (len(inputs),)
    """
    sky = SkyCoord(inputs["ra"], inputs["dec"], unit="deg")
    times = np.zeros(len(inputs), int)
    for wcs, shape in chips:
        times += on_chip(wcs, sky, shape, edge_fraction)[0]
    return times


def match_sample(
    stars: Table, inputs: Table, times: NDArray[np.int64], settings: dict[str, float]
) -> Table:
    """Join the stars of a group with the simulated sources.

    Parameters
    ----------
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    inputs : Table
        Sources: kind, ra, dec (deg), mag, flux.
    times : ndarray of int, shape (len(inputs),)
        Of `times_inside`.
    settings : dict
        match_arcsec and min_detections.

    Returns
    -------
    Table
        A row per star of the sample and per simulated star that lies inside on enough exposures
        but is not in the sample (star 0): star, kind (star, galaxy or nothing), input_mag,
        inside (whether a simulated star lies inside on enough exposures).
    """
    source = match_inputs(stars, inputs, settings["match_arcsec"])
    kinds, mags = np.asarray(inputs["kind"], dtype=object), np.asarray(inputs["mag"])
    inside = (kinds == "star") & (times >= settings["min_detections"])
    rows = [
        (int(star), kinds[i], mags[i], bool(inside[i]))
        if i >= 0
        else (int(star), NOTHING, np.nan, False)
        for star, i in zip(stars["star"], source, strict=True)
    ]
    missed = np.setdiff1d(np.flatnonzero(inside), source)
    rows += [(0, "star", mags[i], True) for i in missed]
    dtypes = (int, "U7", float, bool)
    names = ("star", "kind", "input_mag", "inside")
    return Table(rows=rows or None, names=names, dtype=dtypes)


def make_sample_table(groups: Sequence[str], matches: Sequence[Table], photometry: Table) -> Table:
    """Pool the matches of all groups by magnitude.

    Parameters
    ----------
    groups : sequence of str
        Names of the groups.
    matches : sequence of Table
        Of `match_sample`, for each group.
    photometry : Table
        Measurements of all groups, for the magnitudes of the sample.

    Returns
    -------
    Table
        A row per whole magnitude: n_input simulated stars, n_found of them in the sample,
        completeness; n_sample stars of the sample (by measured magnitude), of which n_star are
        simulated stars, n_galaxy galaxies, n_spurious neither; purity = n_star / n_sample. The
        last row is for all, also for stars of the sample without a usable measurement, which
        have no magnitude.
    """
    names = zip(photometry["group"], photometry["star"], strict=True)
    measured = dict(zip(names, photometry["mag"], strict=True))
    for group, table in zip(groups, matches, strict=True):
        table["mag"] = [measured.get((group, star), np.nan) for star in table["star"]]
    pooled = vstack(list(matches))
    inside, found = np.asarray(pooled["inside"], dtype=bool), np.asarray(pooled["star"]) > 0
    kind = np.asarray(pooled["kind"])
    brightness = (
        np.where(inside, pooled["input_mag"], np.nan),
        np.where(found, pooled["mag"], np.nan),
    )
    bins = np.unique(np.floor(np.concatenate(brightness)))
    rows = []
    for low in [*bins[np.isfinite(bins)], np.nan]:
        if np.isnan(low):
            truth, sample = inside, found
        else:
            truth, sample = (np.floor(mag) == low for mag in brightness)
        counts = {
            "n_input": truth,
            "n_found": truth & found,
            "n_sample": sample,
            "n_star": sample & (kind == "star"),
            "n_galaxy": sample & (kind == "galaxy"),
            "n_spurious": sample & (kind == NOTHING),
        }
        names = {"mag_lo": low, "mag_hi": low + 1}
        rows.append(names | {name: int(which.sum()) for name, which in counts.items()})
    table = Table(rows)
    table["completeness"] = _fraction(table["n_found"], table["n_input"])
    table["purity"] = _fraction(table["n_star"], table["n_sample"])
    table.meta["last_row"] = "all magnitudes, and stars without one"
    return table


def _fraction(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    undefined = np.full(len(whole), np.nan)
    return np.divide(part, whole, out=undefined, where=np.asarray(whole) > 0)
