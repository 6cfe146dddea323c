"""Contaminated and anomalous stars against the density of cosmic rays (paper figure 6).

No HST exposure is long enough for 14 % of cosmic-ray pixels. We add the cosmic rays of the group's
other exposures (original minus clean image on label pixels), flipped and shifted at random.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import label as label_footprints

from crstudy.data.background import measure_sky
from crstudy.data.chips import ChipProducts
from crstudy.data.good_pixels import good_pixels
from crstudy.photometry.aperture import measure_apertures, stars_on_chip
from crstudy.photometry.flux_tests import anomalous, area_bins, contaminated

#: Pixels that touch, also at a corner, are one cosmic ray.
TOUCHING = np.ones((3, 3))
#: Donors with hardly a cosmic ray never reach a target.
MAX_LAYERS = 500
#: Random stream of the added cosmic rays; 0 to 4 are those of simulation and photometry.
DENSITY_STREAM = 5
#: Settings of `good_pixels`.
MASK_KEYS = ("good_dq_bits", "saturation_e", "saturation_box_px")
#: Takes an image, e-, and returns it cleaned by deepCR.
Cleaner = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def measure_density(
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
        As `tabulate_steps`; step 0 is the unmodified exposure, and densities below its own are
        left out.
    """
    own = np.concatenate([chip.label[chip.valid] for chip in chips])
    targets = [target for target in settings["cr_fractions"] if own.size and target > own.mean()]
    steps = []
    for i, chip in enumerate(chips):
        rng = np.random.default_rng([DENSITY_STREAM, *seeds, chip.extver])
        added = add_cosmic_rays(
            rng, chip.label, chip.valid, [donor[i] for donor in donors], targets
        )
        steps.append(measure_steps(chip, added, stars, clean, settings))
    return tabulate_steps(steps, settings["area_edges_px"], settings["flux_sigma"])


@dataclass(frozen=True)
class DensityStep:
    """A chip at one density of cosmic rays.

    Attributes
    ----------
    cr_px, valid_px : int
        Valid pixels that cosmic rays cover, and all valid pixels.
    stars : Table
        Of `crstudy.photometry.aperture.measure_apertures`: original and inpaint, used stars.
    """

    cr_px: int
    valid_px: int
    stars: Table


def measure_steps(
    chip: ChipProducts,
    added: Iterable[NDArray[np.float32]],
    stars: Table,
    clean: Cleaner,
    settings: Mapping[str, Any],
) -> list[DensityStep]:
    """Measure a chip's stars with more and more cosmic rays on it.

    Parameters
    ----------
    chip : ChipProducts
        With probability and inpainted image.
    added : iterable of ndarray, shape (ny, nx)
        Charge to add at each step, e-.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    clean : callable
        deepCR: masks and inpaints an image.
    settings : mapping
        As for `measure_density`.

    Returns
    -------
    list of DensityStep
        The unmodified chip, then with each charge of `added`.

    Notes
    -----
    The clean image stays that of the unmodified exposure. Pixels that the added charge saturates
    become invalid.
    """
    here = stars_on_chip(chip, stars, settings["edge_fraction"])
    sky = measure_sky(chip.clean, chip.valid, settings["background_box_px"])
    steps = []
    for charge in chain([None], added):
        more = np.float32(0) if charge is None else charge
        image = chip.original + more
        valid = chip.valid & good_pixels(image, chip.dq, **{k: settings[k] for k in MASK_KEYS})
        cleaned = chip.inpaint if charge is None else clean(image)
        images = {"original": image, "inpaint": cleaned}
        table = measure_apertures(here, chip.clean, images, valid, sky, settings["max_excluded"])
        cr = (chip.label | (more > 0))[valid]
        steps.append(DensityStep(int(cr.sum()), int(valid.sum()), table[table["used"]]))
    return steps


def tabulate_steps(
    steps: Sequence[Sequence[DensityStep]], edges_px: Sequence[float], flux_sigma: float
) -> list[dict[str, Any]]:
    """Count the stars of an exposure at every step, by area.

    Parameters
    ----------
    steps : sequence of sequence of DensityStep
        Of `measure_steps`, for each chip.
    edges_px : sequence of float
        Edges of the bins of star area, px.
    flux_sigma : float
        Difference that makes a star contaminated or anomalous, in flux errors.

    Returns
    -------
    list of dict
        A row per step and area bin: step (from 0), cr_fraction, area_bin, stars, contaminated,
        anomalous and their fractions, NaN without stars.
    """
    rows = []
    for step, chips in enumerate(zip(*steps, strict=True)):
        valid = sum(chip.valid_px for chip in chips)
        cr_fraction = sum(chip.cr_px for chip in chips) / valid if valid else np.nan
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


def add_cosmic_rays(
    rng: Generator,
    own: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    donors: Sequence[NDArray[np.floating]],
    fractions: Sequence[float],
) -> Iterator[NDArray[np.float32]]:
    """Yield the charge to add for each density step.

    Parameters
    ----------
    rng : numpy Generator
        Choice, flips and shifts of the donors.
    own : ndarray of bool, shape (ny, nx)
        Pixels that the exposure's own cosmic rays cover.
    valid : ndarray of bool, shape (ny, nx)
        Valid pixels, to which the fractions refer.
    donors : sequence of ndarray, shape (ny, nx)
        Cosmic-ray charge of other exposures, e-, zero elsewhere.
    fractions : sequence of float
        Target fractions of pixels with cosmic rays, increasing. Nothing is added for one that is
        reached already, or where the donors hold (almost) no cosmic ray.

    Yields
    ------
    ndarray, shape (ny, nx), float32
        Charge added so far, e-, for each of `fractions`; each contains the one before.
    """
    added = np.zeros(own.shape, np.float32)
    donors = [donor for donor in donors if (donor > 0).any()] if valid.any() else []
    layers = iter(range(MAX_LAYERS))
    for target in fractions:
        while donors and (short := target - (own | (added > 0))[valid].mean()) > 0:
            if next(layers, None) is None:
                break
            layer = _layer(rng, donors[rng.integers(len(donors))])
            fresh = ((layer > 0) & ~own & (added == 0))[valid].mean()
            if fresh > short:
                added += _thin(rng, layer, short / fresh)
                break
            added += layer
        yield added.copy()


def _layer(rng: Generator, donor: NDArray[np.floating]) -> NDArray[np.floating]:
    """Flip and shift a donor at random, so that its stars do not fall on stars."""
    flips = rng.choice([1, -1], 2)
    shifts = rng.integers(0, donor.shape)
    return np.roll(donor[:: flips[0], :: flips[1]], shifts, axis=(0, 1))


def _thin(rng: Generator, layer: NDArray[np.floating], fraction: float) -> NDArray[np.floating]:
    """Keep a random fraction of a layer's cosmic rays, each one whole."""
    footprints, count = label_footprints(layer > 0, TOUCHING)
    kept = np.append(False, rng.uniform(size=count) < fraction)
    return np.where(kept[footprints], layer, 0)
