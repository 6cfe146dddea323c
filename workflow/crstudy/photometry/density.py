"""Contaminated and anomalous stars against the density of cosmic rays (paper figure 6)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from numpy.typing import ArrayLike, NDArray

from crstudy.data.background import measure_sky
from crstudy.data.good_pixels import good_pixels
from crstudy.data.products import ChipProducts
from crstudy.instrument.wcs import on_chip
from crstudy.photometry.aperture import aperture_sum, clean_flux, usable
from crstudy.photometry.density_steps import LADDER_STREAM, climb
from crstudy.photometry.flux_tests import anomalous, contaminated

ALL_AREAS = "all"
#: Settings of `good_pixels`.
MASK_KEYS = ("good_dq_bits", "saturation_e", "saturation_box_px")
#: Takes an image, e-, and returns it without what deepCR takes for cosmic rays.
Cleaner = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def climb_exposure(
    chips: Sequence[ChipProducts],
    donors: Sequence[Sequence[NDArray[np.float32]]],
    stars: Table,
    clean: Cleaner,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Measure an exposure's stars with more and more cosmic rays on it.

    Parameters
    ----------
    chips : sequence of ChipProducts
        With probability and inpainted image.
    donors : sequence of sequence of ndarray, shape (ny, nx)
        Cosmic-ray charge of the group's other exposures, for each of their chips, e-.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    clean : callable
        deepCR: masks and inpaints an image.
    seeds : sequence of int
        Seed of the study, numbers of group and exposure.
    settings : mapping
        The sections density, photometry and mask of the configuration, merged, and
        background_box_px.

    Returns
    -------
    list of dict
        As `tabulate_rungs`; step 0 is the exposure as it is, and steps that it exceeds already
        are left out.
    """
    own = np.concatenate([chip.label[chip.counted] for chip in chips])
    aims = [aim for aim in settings["cr_fractions"] if own.size and aim > own.mean()]
    rungs = []
    for i, chip in enumerate(chips):
        rng = np.random.default_rng([LADDER_STREAM, *seeds, chip.extver])
        added = climb(rng, chip.label, chip.counted, [donor[i] for donor in donors], aims)
        rungs.append(measure_rungs(chip, added, stars, clean, settings))
    return tabulate_rungs(rungs, settings["area_edges_px"], settings["flux_sigma"])


@dataclass(frozen=True)
class Rung:
    """A chip on one step of the ladder.

    Attributes
    ----------
    cr_px, counted_px : int
        Pixels that cosmic rays cover, and pixels that count.
    stars : Table
        area, flux_original, flux_clean, flux_inpaint and sigma of the stars with a usable
        aperture.
    """

    cr_px: int
    counted_px: int
    stars: Table


def measure_rungs(
    chip: ChipProducts,
    added: Iterable[NDArray[np.float32]],
    stars: Table,
    clean: Cleaner,
    settings: Mapping[str, Any],
) -> list[Rung]:
    """Measure a chip's stars with more and more cosmic rays on it.

    Parameters
    ----------
    chip : ChipProducts
        With probability and inpainted image.
    added : iterable of ndarray, shape (ny, nx)
        Charge to add on each step, e-.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    clean : callable
        deepCR: masks and inpaints an image.
    settings : mapping
        As for `climb_exposure`.

    Returns
    -------
    list of Rung
        The chip as it is, then with each charge of `added`.

    Notes
    -----
    The clean image stays that of the exposure as it is. Pixels that the added charge brings to
    saturation do not count.
    """
    positions = SkyCoord(stars["ra"], stars["dec"], unit="deg")
    edge = settings["edge_fraction"]
    inside, x, y = on_chip(chip.wcs, positions, chip.original.shape, edge)
    circles = x[inside], y[inside], np.asarray(stars["radius"])[inside]
    sky = measure_sky(chip.clean, chip.counted, settings["background_box_px"])
    rungs = []
    for charge in chain([None], added):
        more = np.float32(0) if charge is None else charge
        image = chip.original + more
        counted = chip.counted & good_pixels(image, chip.dq, **{k: settings[k] for k in MASK_KEYS})
        cleaned = chip.inpaint if charge is None else clean(image)
        table = Table({"area": stars["area"][inside]})
        table["flux_clean"], table["sigma"] = clean_flux(chip.clean, counted, sky, *circles)
        table["flux_original"] = aperture_sum(image - sky.level, counted, *circles)
        table["flux_inpaint"] = aperture_sum(cleaned - sky.level, counted, *circles)
        _, whole = usable(counted, *circles, settings["max_excluded"])
        cr = (chip.label | (more > 0))[counted]
        kept = whole & (table["flux_clean"] > 0)
        rungs.append(Rung(int(cr.sum()), int(counted.sum()), table[kept]))
    return rungs


def tabulate_rungs(
    rungs: Sequence[Sequence[Rung]], edges_px: Sequence[float], flux_sigma: float
) -> list[dict[str, Any]]:
    """Count the stars of an exposure on every step, by area.

    Parameters
    ----------
    rungs : sequence of sequence of Rung
        Of `measure_rungs`, for each chip.
    edges_px : sequence of float
        Edges of the bins of star area, px.
    flux_sigma : float
        Difference that makes a star contaminated or anomalous, in flux errors.

    Returns
    -------
    list of dict
        A row per step and area bin: step (from 0, without the steps that are left out),
        cr_fraction, area_bin, stars, contaminated, anomalous and their fractions, NaN without
        stars.
    """
    rows = []
    for step, chips in enumerate(zip(*rungs, strict=True)):
        counted = sum(chip.counted_px for chip in chips)
        cr_fraction = sum(chip.cr_px for chip in chips) / counted if counted else np.nan
        stars = vstack([chip.stars for chip in chips])
        tests = {"contaminated": contaminated, "anomalous": anomalous}
        happens = {name: test(stars, flux_sigma) for name, test in tests.items()}
        for name, inside in area_bins(stars["area"], edges_px).items():
            row = {"step": step, "cr_fraction": cr_fraction, "area_bin": name}
            row["stars"] = int(inside.sum())
            for test, flags in happens.items():
                row[test] = int(flags[inside].sum())
                row[f"{test}_fraction"] = row[test] / row["stars"] if row["stars"] else np.nan
            rows.append(row)
    return rows


def area_bins(area_px: ArrayLike, edges_px: Sequence[float]) -> dict[str, NDArray[np.bool_]]:
    """Tell which stars lie in each bin of area, such as ``'16-50'``, and in ``'all'``."""
    area = np.asarray(area_px, dtype=float)
    bins = {ALL_AREAS: np.ones(len(area), bool)}
    for low, high in pairwise(edges_px):
        bins[f"{low:g}-{high:g}"] = (area > low) & (area <= high)
    return bins
