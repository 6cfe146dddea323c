"""Audit of the reference: its labels against the true cosmic rays, for every setting.

Pixels are counted here, and put into tables by `crstudy.reference.audit_table`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.chips import ExposureFiles, read_truth, read_valid
from crstudy.data.exposure import find_images, read_exposure, read_images
from crstudy.data.score_maps import read_scores
from crstudy.data.star_regions import star_regions
from crstudy.metrics.areas import count_cells, full_and_star_areas
from crstudy.metrics.pooling import sum_table
from crstudy.reference.driz_cr import driz_cr
from crstudy.reference.labels import make_reference

#: Pixels by what they hold, nothing, less charge than a cosmic-ray pixel (r, rim) or a cosmic ray
#: (t), and by who flags them: label (l) and detector (d).
CELLS = ("none", "d", "l", "ld", "r", "rd", "rl", "rld", "t", "td", "tl", "tld")
#: Median of all exposures of a group, the paper's, and of all but the one that is compared.
GROUP, LEAVE_ONE_OUT = "group", "leave-one-out"
#: Medians by the name of their images in the files of the reference.
MEDIANS = {"BLOT": GROUP, "OTHERS": LEAVE_ONE_OUT}
#: Columns that identify a row of counts.
KEYS = ("median", "driz_cr_snr", "driz_cr_scale", "cleaned_by", "region", "stratum", "model")


class DrizCrSetting(NamedTuple):
    """Thresholds (RMS) of AstroDrizzle's two passes and their weights of the derivative."""

    snr: tuple[float, float]
    scale: tuple[float, float]


def combine_settings(
    default: DrizCrSetting, snrs: Sequence[Sequence[float]], scales: Sequence[Sequence[float]]
) -> list[DrizCrSetting]:
    """Return every pair of thresholds with every pair of weights, each once, the default first."""
    pairs = [
        list(dict.fromkeys([tuple(first), *map(tuple, others)]))
        for first, others in zip(default, (snrs, scales), strict=True)
    ]
    return [DrizCrSetting(snr, scale) for snr in pairs[0] for scale in pairs[1]]


@dataclass(frozen=True)
class KnownChip:
    """A simulated chip and what AstroDrizzle made of its group; images of shape (ny, nx).

    Attributes
    ----------
    sci : ndarray
        Calibrated image, e-.
    cr : ndarray
        Charge of its cosmic rays, e-.
    truth : ndarray of bool
        Pixels that hold a cosmic ray (`crstudy.data.chips.Truth.cosmic_rays`).
    rims : ndarray of bool
        Pixels that hold less of its charge (`crstudy.data.chips.Truth.rims`).
    blots : mapping of str to ndarray
        Blotted medians, e-, by their name: `GROUP`, `LEAVE_ONE_OUT`.
    no_reference, valid : ndarray of bool
        Pixels without a reference, and valid pixels.
    sky_e, read_noise_e : float
        Sky that AstroDrizzle subtracted, and read noise, e-.
    strata : ndarray, uint8, or None
        Of `crstudy.data.chips.Truth`.
    """

    sci: NDArray[np.float32]
    cr: NDArray[np.integer]
    truth: NDArray[np.bool_]
    rims: NDArray[np.bool_]
    blots: Mapping[str, NDArray[np.float32]]
    no_reference: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    sky_e: float
    read_noise_e: float
    strata: NDArray[np.uint8] | None = None


def read_known_chips(
    files: ExposureFiles, probability: Mapping[str, str | Path], truth_sigma: float
) -> Iterator[tuple[KnownChip, dict[str, NDArray[np.floating]]]]:
    """Read the chips of a simulated exposure.

    Parameters
    ----------
    files : ExposureFiles
        The exposure, with a truth.
    probability : mapping of str to path-like
        Folder of its group by net.
    truth_sigma : float
        See `crstudy.data.chips.Truth.cosmic_rays`.

    Yields
    ------
    KnownChip
        With the leave-one-out median if the reference has it. Valid pixels are those of Table 1.
    dict of str to ndarray, shape (ny, nx)
        Probability of a cosmic ray by net.

    Raises
    ------
    StudyError
        The reference does not say which sky AstroDrizzle subtracted.
    """
    skies = fits.getheader(files.reference_file)
    medians = {name: find_images(files.reference_file, image) for image, name in MEDIANS.items()}
    holes, valid = read_images(files.reference_file, "NOREF"), read_valid(files)
    truth = read_truth(files.truth)
    maps = {net: read_scores(folder, files.name) for net, folder in probability.items()}
    for chip in read_exposure(files.exposure).chips:
        ver = chip.extver
        if f"SKY{ver}" not in skies:
            problem = f"does not say SKY{ver}"
            fix = f"delete {files.reference_file.parent} and run again"
            raise StudyError(files.reference_file, problem, fix)
        probabilities = {net: chips[ver] for net, chips in maps.items()}
        known = KnownChip(
            chip.sci,
            truth[ver].cr,
            truth[ver].cosmic_rays(truth_sigma),
            truth[ver].rims(truth_sigma),
            {name: chips[ver] for name, chips in medians.items() if ver in chips},
            holes[ver] > 0,
            valid[ver] & np.all([np.isfinite(p) for p in probabilities.values()], axis=0),
            skies[f"SKY{ver}"],
            truth[ver].read_noise_e,
            truth[ver].strata,
        )
        yield known, probabilities


def audit_chip(
    chip: KnownChip,
    detected: Mapping[str, NDArray[np.bool_]],
    settings: Sequence[DrizCrSetting],
    *,
    grow_px: int,
    multiples_rms: Sequence[float],
    background_box_px: int,
) -> Iterator[tuple[str | int, ...]]:
    """Label a chip under every setting and count who flags its pixels.

    Parameters
    ----------
    chip : KnownChip
        The chip.
    detected : mapping of str to ndarray of bool, shape (ny, nx)
        Pixels that each detector flags.
    settings : sequence of DrizCrSetting
        Settings of AstroDrizzle's test.
    grow_px : int
        ``driz_cr_grow``, px.
    multiples_rms, background_box_px
        As for `crstudy.data.star_regions.star_regions`.

    Yields
    ------
    tuple
        A row of `KEYS` and `CELLS`, a row per median, setting, image on which star regions are
        found (cleaned by these labels, or without its cosmic rays), region, stratum and detector.

    Notes
    -----
    A missed cosmic ray makes a star region of its own in an image cleaned by incomplete labels.
    How complete labels are on stars shows in the regions of the image without cosmic rays.
    """

    def areas_of(image: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
        regions = star_regions(image, chip.valid, multiples_rms, background_box_px)
        return full_and_star_areas(chip.valid, regions)

    noise = {"sky_e": chip.sky_e, "read_noise_e": chip.read_noise_e}
    true_areas = areas_of(chip.sci - chip.cr)
    holds = 2 * chip.truth.astype(np.uint8) + chip.rims
    for (name, blot), setting in product(chip.blots.items(), settings):
        flagged = driz_cr(chip.sci, blot, *setting, **noise, grow_px=grow_px)
        reference = make_reference(chip.sci, blot, flagged, chip.no_reference)
        areas = {"reference": areas_of(reference.clean), "truth": true_areas}
        for model, flags in detected.items():
            # As in `CELLS`.
            cell = 4 * holds + 2 * reference.label + flags
            for cleaned_by, regions in areas.items():
                for *where, cells in count_cells(cell, len(CELLS), regions, chip.strata):
                    key = name, *setting_words(setting), cleaned_by, *where, model
                    yield *key, *cells.tolist()


def setting_words(setting: Sequence[tuple[float, float]]) -> list[str]:
    """Return thresholds and weights as they stand in tables, e.g. ``['5.0 1.5', '1.2 0.7']``."""
    return [f"{one} {other}" for one, other in setting]


def add_cells(rows: Sequence[tuple[str | int, ...]]) -> Table:
    """Add up the rows of `audit_chip` over chips: columns `KEYS` and `CELLS`."""
    table = sum_table([Table(rows=rows, names=(*KEYS, *CELLS))], KEYS, CELLS)
    for name in CELLS:
        table[name].unit = "pix"
    return table
