"""Beyond the paper: flux accuracy of each image; stars that deepCR degrades and that it repairs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.special import ndtr

from crstudy.metrics.bootstrap import (
    UNDEFINED,
    bootstrap,
    fraction,
    interval_columns,
    interval_words,
    median,
)
from crstudy.photometry.flux_tests import area_bins, differs, hit_and_free, is_simulated, used_rows

#: Images whose photometry is compared, from doing nothing to knowing all exposures.
IMAGES = ("original", "masked", "inpaint", "clean")
#: Half of this covers one sigma of a normal distribution.
ONE_SIGMA_PERCENT = (15.87, 84.13)


def make_magnitude_table(
    photometry: Table, flux_sigma: float, resampling: Mapping[str, Any]
) -> Table:
    """Measure bias and scatter of every image's fluxes against magnitude.

    Parameters
    ----------
    photometry : Table
        Measurements of all groups.
    flux_sigma : float
        Of `crstudy.photometry.flux_tests.hit_and_free` and of the column ``beyond_fraction``.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per magnitude, image and population (hit: a cosmic ray left more than `flux_sigma`;
        free: none touched the aperture): measurements; bias, the median of flux / reference - 1;
        scatter, half of its central 68 %; beyond_fraction, the fraction off by more than
        `flux_sigma`. The reference is the noiseless scene where known, else the clean image.
    """
    used = used_rows(photometry)
    reference = "flux_scene" if is_simulated(used) else "flux_clean"
    hit, free = hit_and_free(used, flux_sigma)
    rows = []
    for low in _whole_magnitudes(used):
        bright = (used["mag"] >= low) & (used["mag"] < low + 1)
        for population, members in (("hit", hit), ("free", free)):
            here = used[bright & members & (used[reference] > 0)]
            for image in IMAGES:
                row = {"mag_lo": low, "mag_hi": low + 1, "image": image, "population": population}
                row |= _accuracy(here, f"flux_{image}", reference, flux_sigma, resampling)
                rows.append(row)
    names = ("mag_lo", "mag_hi", "image", "population", "measurements", "bias", "bias_lo")
    names += ("bias_hi", "scatter", "beyond_fraction", "beyond_fraction_lo", "beyond_fraction_hi")
    table = Table(rows=rows, names=names) if rows else Table(names=names)
    table.meta = _meta(reference, flux_sigma, resampling)
    return table


def _whole_magnitudes(used: Table) -> NDArray[np.integer]:
    if len(used) == 0:
        return np.empty(0, int)
    return np.unique(np.floor(used["mag"]).astype(int))


def _accuracy(
    here: Table, column: str, reference: str, flux_sigma: float, resampling: Mapping[str, Any]
) -> dict[str, float]:
    """Return the numbers of a row of the magnitude table."""
    here = here[np.isfinite(here[column])]
    groups, error = np.asarray(here["group"]), np.asarray(here[column] / here[reference] - 1)
    far = differs(here[column], here[reference], here["sigma"], flux_sigma)
    everything = np.ones(len(here), bool)
    low, high = np.percentile(error, ONE_SIGMA_PERCENT) if len(error) > 1 else (np.nan, np.nan)
    row: dict[str, float] = {"measurements": len(here)}
    row |= interval_columns("bias", bootstrap(median(error), groups, **resampling))
    row["scatter"] = (high - low) / 2
    return row | interval_columns(
        "beyond_fraction", bootstrap(fraction(everything, far), groups, **resampling)
    )


def make_repair_table(
    photometry: Table, edges_px: list[float], flux_sigma: float, resampling: Mapping[str, Any]
) -> Table:
    """Count the stars that deepCR degrades and those that it repairs.

    Parameters
    ----------
    photometry : Table
        Measurements of all groups.
    edges_px : list of float
        Edges of the bins of star area, px.
    flux_sigma : float
        In flux errors, see Returns.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per area bin, and one for all. Of measurements that no cosmic ray touched (free;
        see `crstudy.photometry.flux_tests.hit_and_free`), degraded are those
        whose flux deepCR changes by more than `flux_sigma`. Of those that one hit, repaired are
        those whose flux deepCR brings within `flux_sigma` of the flux without the cosmic ray:
        original minus true charge where known, else the clean flux.
    """
    used = used_rows(photometry)
    hit, free = hit_and_free(used, flux_sigma)
    known = is_simulated(used)
    without = used["flux_original"] - used["cr_true"] if known else used["flux_clean"]
    sigma, repaired = used["sigma"], used["flux_inpaint"]
    degraded = differs(used["flux_inpaint"], used["flux_original"], sigma, flux_sigma)
    restored = ~differs(repaired, without, sigma, flux_sigma)
    rows = []
    for name, inside in area_bins(used["area"], edges_px).items():
        row: dict[str, Any] = {"area_bin": name}
        for population, members, happens in (("free", free, degraded), ("hit", hit, restored)):
            outcome = {"free": "degraded", "hit": "repaired"}[population]
            here = inside & members
            row |= {population: int(here.sum()), outcome: int((here & happens).sum())}
            part = bootstrap(fraction(here, happens), used["group"], **resampling)
            row |= interval_columns(f"{outcome}_fraction", part)
        rows.append(row)
    table = Table(rows)
    table.meta = _meta(
        "true cosmic-ray charge" if known else "the reference", flux_sigma, resampling
    )
    return table


def make_control_table(
    photometry: Table, flux_sigma: float, resampling: Mapping[str, Any]
) -> Table:
    """Measure the false-alarm rate of the contamination test on unaffected apertures.

    Parameters
    ----------
    photometry : Table
        Measurements of all groups; simulated.
    flux_sigma : float
        Threshold of the test, in flux errors.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per test: tests, exceeding, rate with interval, and the rate that Gaussian noise
        alone would give. ``two exposures``: between consecutive simulated exposures of a field
        without cosmic rays, in apertures whose pixels are all valid; ``exposure and scene``:
        between one and the noiseless image; ``original and clean``: between the two images that
        define a contaminated star, where no cosmic ray touched the aperture.
    """
    used = used_rows(photometry)
    # Excluded pixels differ between exposures, and with them the fluxes.
    one, other = _pairs(used[used["excluded_px"] == 0])
    pair = differs(one["flux_crfree"], other["flux_crfree"], one["sigma"], flux_sigma)
    alone = differs(used["flux_crfree"], used["flux_scene"], used["sigma"], flux_sigma)
    free = used[np.asarray(used["cr_true"]) == 0]
    label = differs(free["flux_original"], free["flux_clean"], free["sigma"], flux_sigma)
    tests = (
        ("two exposures", one["group"], pair, 2 * ndtr(-flux_sigma / np.sqrt(2))),
        ("exposure and scene", used["group"], alone, 2 * ndtr(-flux_sigma)),
        ("original and clean", free["group"], label, 0.0),
    )
    rows = []
    for name, groups, exceeds, expected in tests:
        part = fraction(np.ones(len(exceeds), bool), exceeds)
        row: dict[str, Any] = {"test": name, "tests": len(exceeds), "exceeding": exceeds.sum()}
        row |= interval_columns("rate", bootstrap(part, groups, **resampling))
        rows.append(row | {"expected": expected})
    table = Table(rows)
    table.meta = _meta("none: no cosmic ray is there", flux_sigma, resampling)
    return table


def _pairs(used: Table) -> tuple[Table, Table]:
    """Pair the first with the second exposure of a star, the third with the fourth, and so on."""
    rows = used[np.lexsort((used["exposure"], used["star"], used["group"]))]
    names = [f"{group}/{star}" for group, star in zip(rows["group"], rows["star"], strict=True)]
    _, start, length = np.unique(names, return_index=True, return_counts=True)
    first = np.concatenate(
        [np.arange(s, s + n - 1, 2) for s, n in zip(start, length, strict=True)] or [[]]
    ).astype(int)
    return rows[first], rows[first + 1]


def _meta(reference: str, flux_sigma: float, resampling: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reference": reference,
        "flux_sigma": flux_sigma,
        "interval": interval_words(resampling),
        "undefined": UNDEFINED.format("groups"),
    }
