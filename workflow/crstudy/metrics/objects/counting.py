"""Count what a method flags of a simulated chip: true cosmic rays as objects, and star cores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.data.background import measure_sky
from crstudy.data.chips import ComparisonData, ExposureFiles, Truth, read_comparison, read_truth
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import PsfGrid
from crstudy.instrument.wcs import read_wcs
from crstudy.metrics.areas import full_and_star_areas
from crstudy.metrics.curves.thresholds import MATCHED_STARS, flag
from crstudy.metrics.objects.cosmic_rays import (
    EDGES,
    TrueObjects,
    bin_objects,
    count_flagged,
    count_hits,
    count_mask,
    dilate,
    find_objects,
)
from crstudy.metrics.objects.star_cores import STAR_EDGES, bin_alarms, star_false_alarms
from crstudy.metrics.objects.true_stars import peak_fractions, stars_near

#: Masks are grown by this many pixels.
DILATIONS_PX = (0, 1, 2)


@dataclass(frozen=True)
class TrueChip:
    """Truth of a simulated chip; images of shape (ny, nx).

    Attributes
    ----------
    data : ComparisonData
        With its truth.
    charge_e : ndarray of int
        Charge from cosmic rays, e-.
    objects : TrueObjects
        Its cosmic rays.
    stars : Table
        Stars on it, for `crstudy.metrics.objects.star_cores.star_false_alarms`.
    regions : mapping of float to ndarray of bool
        Star regions of the image without cosmic rays, by threshold, RMS.
    """

    data: ComparisonData
    charge_e: NDArray[np.integer]
    objects: TrueObjects
    stars: Table
    regions: Mapping[float, NDArray[np.bool_]]


def read_true_chips(
    files: ExposureFiles, catalogue: Table, psf: PsfGrid, settings: Mapping[str, Any]
) -> dict[int, TrueChip]:
    """Read the truth of the chips of a simulated exposure.

    Parameters
    ----------
    files : ExposureFiles
        The exposure, with a truth.
    catalogue : Table
        Sources of its field.
    psf : PsfGrid
        That of the simulation.
    settings : mapping
        truth_sigma, region_rms and background_box_px of the section ``metrics``.

    Returns
    -------
    dict of int to TrueChip
        By EXTVER; without chips that have no valid pixel.
    """
    compared = read_comparison(files, settings["truth_sigma"])
    truth, chips = read_truth(files.truth), {}
    header = fits.getheader(files.truth)
    drawn = DrawnPsf(psf, Optics.from_cards(header), wings=True)
    for ver, wcs in read_wcs(files.exposure).items():
        if not compared[ver].valid.any():
            continue
        shape = truth[ver].scene.shape
        near = stars_near(catalogue, wcs, shape)
        near["x"] += header["REGDX"]
        near["y"] += header["REGDY"]
        stars = near[near["inside"]]
        stars["peak_fraction"] = peak_fractions(stars, drawn, ver, shape)
        chips[ver] = _describe(compared[ver], truth[ver], near, stars, settings)
    return chips


def _describe(
    data: ComparisonData, truth: Truth, near: Table, stars: Table, settings: Mapping[str, Any]
) -> TrueChip:
    box = settings["background_box_px"]
    sky = measure_sky(data.free, data.valid, box)
    regions = data.star_regions(settings["region_rms"], box)["truth"]
    objects = find_objects(
        data.truth,
        truth.cr,
        truth.noise_e,
        data.valid,
        (truth.scene - sky.level) / sky.global_rms,
        np.column_stack([near["x"], near["y"]]),
        regions,
    )
    return TrueChip(data, truth.cr, objects, stars, regions)


def count_method(
    chips: Mapping[int, TrueChip],
    method: str,
    maps: Mapping[int, NDArray[np.floating]],
    star_maps: Mapping[int, NDArray[np.floating]],
    thresholds: Mapping[str, float],
) -> Iterator[tuple[str, Table]]:
    """Count what a method flags of an exposure, with the mask grown by each of `DILATIONS_PX`.

    Parameters
    ----------
    chips : mapping of int to TrueChip
        By EXTVER.
    method : str
        The method.
    maps : mapping of int to ndarray, shape (ny, nx)
        Its score maps, by EXTVER.
    star_maps : mapping of int to ndarray, shape (ny, nx)
        Those to which the threshold `MATCHED_STARS` belongs.
    thresholds : mapping of str to float
        By kind, see `crstudy.metrics.curves.thresholds`.

    Yields
    ------
    name, Table
        For each chip, threshold and dilation: objects, see
        `crstudy.metrics.objects.cosmic_rays.bin_objects`; purity, see
        `crstudy.metrics.objects.cosmic_rays.count_flagged`; stars, see
        `crstudy.metrics.objects.star_cores.bin_alarms`. All have the columns method,
        threshold_kind, dilation_px. Grown masks are not counted by bin. Of masks that are not
        grown, also pixels: by region, see `crstudy.metrics.objects.cosmic_rays.count_mask`.
    """
    for (ver, chip), (kind, threshold) in product(chips.items(), thresholds.items()):
        flagged = flag((star_maps if kind == MATCHED_STARS else maps)[ver], threshold)
        for px in DILATIONS_PX:
            for name, table in _count_chip(chip, method, dilate(flagged, px), by_bin=px == 0):
                table["method"], table["threshold_kind"], table["dilation_px"] = method, kind, px
                yield name, table


def _count_chip(
    chip: TrueChip, method: str, flagged: NDArray[np.bool_], *, by_bin: bool
) -> Iterator[tuple[str, Table]]:
    data, multiples = chip.data, (*sorted(chip.regions), np.inf)
    edges = {**EDGES, "brightness_rms": (-np.inf, *multiples), "region_rms": (0, *multiples)}
    hits = count_hits(chip.objects, flagged)
    yield "objects", bin_objects(chip.objects, hits, edges if by_bin else {})
    yield "purity", Table([count_flagged(flagged, data.truth, data.rims, data.valid)])
    if by_bin:
        areas = full_and_star_areas(data.valid, chip.regions)
        counts = {k: count_mask(flagged, data.truth, data.rims, area) for k, area in areas.items()}
        yield "pixels", Table([{"region": name} | row for name, row in counts.items()])
    alarms = star_false_alarms(flagged, chip.stars, chip.charge_e, data.valid)
    yield "stars", bin_alarms(alarms, method, STAR_EDGES if by_bin else {})
