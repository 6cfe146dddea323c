"""How much the photometric numbers depend on choices that the paper leaves open."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from crstudy.data.chips import ChipProducts
from crstudy.metrics.bootstrap import interval_words
from crstudy.photometry.forced import measure_chip, photometry_table
from crstudy.photometry.stars import Selection, find_on_chip, match_detections
from crstudy.photometry.summary import pooled_numbers

#: Alternatives to the configured values: aperture radius (a factor) and detection threshold.
RADIUS_FACTORS = (0.7, 1.5)
DETECT_RMS = (2.0, 5.0)
VARIANTS = {"radius_factor": RADIUS_FACTORS, "detect_rms": DETECT_RMS}
#: Alternatives that need no new measurement.
FLUX_SIGMA = (2.0, 5.0)
NO_EXCLUDED = 0.0
#: Reads the chips of an exposure, with probability and inpainted image.
Reader = Callable[[], Sequence[ChipProducts]]


def measure_variants(
    exposures: Sequence[Reader],
    stars: Table,
    group: str,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
) -> Table:
    """Measure a group again with other apertures and other samples of stars.

    Parameters
    ----------
    exposures : sequence of callable
        Each reads the chips of an exposure; called twice, so that one exposure at a time is in
        memory.
    stars : Table
        The group's stars.
    group : str
        Its name.
    seeds : sequence of int
        Seed of the study and number of the group.
    settings : mapping
        Section photometry of the configuration, threshold and background_box_px.

    Returns
    -------
    Table
        As `crstudy.photometry.forced.photometry_table`, with the columns parameter
        (``radius_factor`` or ``detect_rms``) and value. With the threshold change the stars, their
        areas and radii.
    """
    samples = {}
    for factor in RADIUS_FACTORS:
        samples["radius_factor", factor] = stars.copy()
        samples["radius_factor", factor]["radius"] *= factor
    for detect_rms, found in _find(exposures, settings).items():
        samples["detect_rms", detect_rms] = found
    parts: dict[tuple[str, float], list[Table]] = {case: [] for case in samples}
    for number, read in enumerate(exposures, start=1):
        for chip in read():
            for case, sample in samples.items():
                seed = (*seeds, number, chip.extver)
                parts[case].append(measure_chip(chip, sample, seed, settings))
    tables = []
    for (parameter, value), measured in parts.items():
        table = photometry_table(measured, group, {})
        table["parameter"] = np.full(len(table), parameter)
        table["value"] = np.full(len(table), value)
        tables.append(table)
    return vstack(tables, metadata_conflicts="silent")


def _find(exposures: Sequence[Reader], settings: Mapping[str, Any]) -> dict[float, Table]:
    """Find the stars of a group at each of `DETECT_RMS`."""
    selection = Selection(*(settings[name] for name in Selection._fields))
    box = settings["background_box_px"]
    parts: dict[float, list[Table]] = {detect_rms: [] for detect_rms in DETECT_RMS}
    for read in exposures:
        for chip in read():
            for detect_rms, found in parts.items():
                found.append(find_on_chip(chip, selection._replace(detect_rms=detect_rms), box))
    keys = ("match_arcsec", "min_detections", "min_radius_px")
    rules = [settings[name] for name in keys]
    return {detect_rms: match_detections(found, *rules) for detect_rms, found in parts.items()}


def make_sensitivity_table(
    photometry: Table,
    variants: Table,
    settings: Mapping[str, float],
    resampling: Mapping[str, Any],
) -> Table:
    """Pool the photometric numbers for every alternative.

    Parameters
    ----------
    photometry : Table
        Measurements of all groups with the configured choices.
    variants : Table
        The same with the columns parameter and value, for the alternatives.
    settings : mapping
        The section photometry of the configuration.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per parameter and value, the configured choice first (parameter ``as configured``,
        value NaN): the columns of a row of `crstudy.photometry.summary.summarise`.
    """
    sigma = settings["flux_sigma"]
    whole = photometry.copy()
    whole["used"] &= whole["excluded_px"] == NO_EXCLUDED
    cases = [("as configured", np.nan, photometry, sigma)]
    for name, values in VARIANTS.items():
        for value in values:
            here = variants[(variants["parameter"] == name) & (variants["value"] == value)]
            cases.append((name, value, here, sigma))
    cases += [("flux_sigma", value, photometry, value) for value in FLUX_SIGMA]
    cases.append(("max_excluded", NO_EXCLUDED, whole, sigma))
    rows = [
        {"parameter": name, "value": value} | pooled_numbers(table, flux_sigma, resampling)
        for name, value, table, flux_sigma in cases
    ]
    result = Table(rows)
    result.meta = {
        "radius_factor": "apertures scaled by this",
        "detect_rms": f"stars found above this multiple of the RMS, not {settings['detect_rms']}; "
        "areas and radii are those at this threshold",
        "flux_sigma": f"a star is contaminated beyond this many flux errors, not {sigma}",
        "max_excluded": "apertures of which every pixel counts",
        "interval": interval_words(resampling),
    }
    return result
