"""What cosmic rays and their removal do to the measurements of stars, by magnitude."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.csst.photometry import methods_of
from crstudy.csst.tuning import RANKS
from crstudy.metrics.bootstrap import (
    MIN_GROUPS,
    describe_resampling,
    draw_weights,
    estimate,
    estimate_columns,
    interval,
    interval_columns,
)
from crstudy.metrics.pooling import property_bins, ratio
from crstudy.photometry.flux_tests import differs

KEYS = ("method", "remedy", "exptime_s")
#: Edges of the bins of true magnitude, AB: at 150 s about a quarter of the stars that are found in
#: globular clusters are brighter than the second, a quarter fainter than the third.
MAG_EDGES = (-np.inf, 20.0, 22.0, np.inf)
#: Quantities and their units.
QUANTITIES = {
    "aperture": "mmag",
    "psf": "mmag",
    "centroid": "mas",
    "size": "%",
    "ellipticity": "",
}
#: What else identifies a row of the table.
WHERE = ("population", "mag_lo", "mag_hi", "quantity")
#: Half of this covers one sigma of a normal distribution.
ONE_SIGMA_PERCENT = (15.87, 84.13)


def bias_table(fields: Sequence[Table], flux_sigma: float, resampling: Mapping[str, Any]) -> Table:
    """Tabulate how far measurements of stars differ from those without cosmic rays.

    Parameters
    ----------
    fields : sequence of Table
        Of `crstudy.csst.star_profiles.measure_stars`, one per field, all its exposures, with the
        column exptime_s.
    flux_sigma : float
        A star is hit if more charge of cosmic rays than this multiple of sigma lies in its
        aperture, and free if none does.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per `KEYS`, population (hit, free, all), bin of magnitude and quantity, image minus
        clean image: aperture and psf, the magnitude (positive: fainter); centroid, the distance;
        size, the relative change; ellipticity, the length of the change of (e1, e2). Columns:
        stars, those measured; failed, those measured on the clean image alone (for fluxes: without
        positive flux); fields that hold any; median and rms with intervals; p16 and p84, between
        which 68 % of the stars lie; beyond_fraction, the fraction of fluxes off by more than
        `flux_sigma` errors, with interval, NaN for what is no flux. All field classes together.
    """
    rows = []
    for key, stars in _by_image(fields):
        charge, sigma = np.asarray(stars["cr_true"]), np.asarray(stars["sigma"])
        populations = {"hit": charge > flux_sigma * sigma, "free": charge == 0}
        populations["all"] = np.ones(len(stars), bool)
        differences = _differences(stars, flux_sigma)
        for population, members in populations.items():
            for where, inside in property_bins(stars, {"mag": MAG_EDGES}):
                row = dict(zip(KEYS, key, strict=True)) | {"population": population}
                row |= {"mag_lo": where["low"], "mag_hi": where["high"]}
                some = members & inside
                for quantity, columns in differences.items():
                    parts = (column[some] for column in columns)
                    row |= {"quantity": quantity, "unit": QUANTITIES[quantity]}
                    rows.append(row | _numbers(*parts, len(fields), resampling))
    table = Table(rows) if rows else Table(names=(*KEYS, *WHERE))
    order = methods_of(fields)
    ranks = [RANKS[name] for name in table["remedy"]]
    table = table[np.lexsort([ranks, [order.index(name) for name in table["method"]]])]
    table["exptime_s"].unit, table["mag_lo"].unit, table["mag_hi"].unit = "s", "mag", "mag"
    table.meta = describe_resampling(resampling)
    table.meta |= {"failed": "stars measured on the clean image alone, or without positive flux"}
    table.meta |= {"difference": "image minus the same exposure without cosmic rays"}
    table.meta |= {"hit": f"more than {flux_sigma:g} sigma of cosmic-ray charge in the aperture"}
    table.meta |= {"free": "no cosmic-ray charge in the aperture"}
    return table


def _by_image(fields: Sequence[Table]) -> Iterator[tuple[tuple[Any, ...], Table]]:
    """Yield the stars of all fields on one kind of image, with the column field."""
    parts = defaultdict(list)
    for number, table in enumerate(fields):
        if not len(table):
            continue
        grouped = table.group_by(KEYS)
        for key, group in zip(grouped.groups.keys, grouped.groups, strict=True):
            group["field"] = number
            parts[tuple(key)].append(group)
    for key in sorted(parts):
        yield key, vstack(parts[key], metadata_conflicts="silent")


def _differences(stars: Table, flux_sigma: float) -> dict[str, tuple[NDArray, ...]]:
    """Return by quantity: field, value, known on the clean image, far (off by many sigma)."""
    fluxes = {
        "aperture": ("flux", "flux_clean", "sigma"),
        "psf": ("psf_flux", "psf_flux_clean", "psf_sigma"),
    }
    found = {}
    for name, columns in fluxes.items():
        flux, clean, sigma = (np.asarray(stars[column], dtype=float) for column in columns)
        known = clean > 0
        change_mmag = 2500 * np.log10(ratio(np.where(known, clean, np.nan), flux))
        found[name] = change_mmag, known, differs(flux, clean, sigma, flux_sigma)
    moments, never = np.asarray(stars["moments"], dtype=bool), np.full(len(stars), np.nan)
    names = ("dx_mas", "dy_mas", "size_change", "e1_change", "e2_change")
    dx, dy, size, e1, e2 = (np.asarray(stars[name], dtype=float) for name in names)
    found["centroid"] = np.hypot(dx, dy), moments, never
    found["size"] = 100 * size, moments, never
    found["ellipticity"] = np.hypot(e1, e2), moments, never
    return {key: (np.asarray(stars["field"]), *columns) for key, columns in found.items()}


def _numbers(
    field: NDArray[np.integer],
    value: NDArray[np.floating],
    known: NDArray[np.bool_],
    far: NDArray,
    n_fields: int,
    resampling: Mapping[str, Any],
) -> dict[str, float]:
    """Return the numbers of a row of the table."""
    measured = np.isfinite(value)
    values, of = value[measured], field[measured]
    row: dict[str, float] = {"stars": len(values), "failed": int(known.sum() - len(values))}
    row["fields"] = len(set(of))
    row |= interval_columns("median", median_of_fields(values, of, n_fields, resampling))
    low, high = np.percentile(values, ONE_SIGMA_PERCENT) if len(values) else (np.nan, np.nan)
    row |= {"p16": float(low), "p84": float(high)}
    sums = [
        np.bincount(of, values**2, n_fields),
        np.bincount(of, minlength=n_fields),
        np.bincount(field[known], far[known], n_fields),
        np.bincount(field[known], minlength=n_fields),
    ]

    def rates(pooled: NDArray[np.floating]) -> NDArray[np.float64]:
        fractions = ratio(pooled[..., ::2], pooled[..., 1::2])
        return np.stack([np.sqrt(fractions[..., 0]), fractions[..., 1]], axis=-1)

    found = estimate(rates, np.stack(sums, axis=-1), resampling)
    return row | estimate_columns(("rms", "beyond_fraction"), found)


def median_of_fields(
    values: NDArray[np.floating],
    field: NDArray[np.integer],
    n_fields: int,
    resampling: Mapping[str, Any],
) -> tuple[float, float, float]:
    """Return the median of the stars of all fields with its percentile interval over fields.

    Parameters
    ----------
    values, field : ndarray, shape (n,)
        Finite values, and the field of each, from 0.
    n_fields : int
        Number of fields.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    median, low, high : float
        As `crstudy.metrics.bootstrap.bootstrap` with `crstudy.metrics.bootstrap.median`, of many
        stars in much less time; NaN where it is undefined.
    """
    if not len(values):
        return np.nan, np.nan, np.nan
    ranked = np.argsort(values)
    # Of each field, the number of values up to each rank.
    counts = np.cumsum(field[ranked][:, np.newaxis] == np.arange(n_fields), axis=0, dtype=float)
    weights = draw_weights(n_fields, resampling["samples"], resampling["seed"])
    weights = np.concatenate([np.ones((1, n_fields)), weights])
    weights = weights[weights @ counts[-1] > 0]
    half = weights @ counts[-1] / 2
    ends = [np.zeros(len(weights), int), np.zeros(len(weights), int)]
    for end, reached in zip(ends, (np.greater_equal, np.greater), strict=True):
        last = np.full(len(weights), len(values) - 1)
        while (end < last).any():
            middle = (end + last) // 2
            enough = reached(np.einsum("sf,sf->s", weights, counts[middle]), half)
            last[enough] = middle[enough]
            end[~enough] = np.minimum(middle + 1, last)[~enough]
    medians = values[ranked][np.stack(ends)].mean(axis=0)
    if len(set(field)) < MIN_GROUPS:
        return float(medians[0]), np.nan, np.nan
    return float(medians[0]), *interval(medians[1:], resampling["confidence"])
