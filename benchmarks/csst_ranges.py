"""What deepCR gains on CSST exposures of 150 s if one property of the camera is another one.

Fields are the same for every value in ``resources/systematics.yaml``; see docs/simulator.md.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import galsim
import numpy as np
import yaml
from astropy.table import Table
from numpy.typing import NDArray

from bench_chip import ROOT
from bench_record import today
from crstudy.config.groups import SURVEY_EXPTIME_S
from crstudy.config.study import load_config
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.csst.differences import ANOMALOUS
from crstudy.csst.masks import count_mask, mask_table
from crstudy.csst.photometry import count_stars, photometry_table
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL, find_true_stars, measure_tile
from crstudy.csst.tuning import UNCHANGED
from crstudy.data.chips import ChipProducts, ExposureFiles, read_products, read_truth
from crstudy.data.exposure import read_exposure, write_images
from crstudy.data.good_pixels import good_pixels
from crstudy.deepcr.detector import Detector, Inpainter, load_detector, load_inpainter
from crstudy.deepcr.openvino_backend import convert_net
from crstudy.deepcr.weights import fetch_weights
from crstudy.metrics.bootstrap import fraction_differences
from crstudy.pipeline.provenance import commit
from crstudy.reference.labels import write_true_reference
from crstudy.simulation.csst import simulate_field, simulate_tile
from systematics import DECIMALS, DEFAULT, REPEATED, SETTINGS, csst_rate

TABLE = ROOT / "resources" / "csst_ranges.ecsv"
SDIST = ROOT / "resources" / "weights" / "deepCR-0.1.5.tar.gz"
NET, INPAINTER = "zb20-f606w", "inpaint-2-32"
#: Globular clusters hold nearly all stars that are measured.
FIELDS = {
    "field_classes": ["globular_cluster", "globular_cluster", "extragalactic"],
    "n_fields": 7,
    "tile_height_px": 768,
    "tile_width_px": 768,
}
TIME_S = int(SURVEY_EXPTIME_S)
NUMBERS = ("recall", "precision", "wrong_uncorrected", "wrong_corrected", "change")


class Range(NamedTuple):
    """One value of a property: what differs in the sections of the camera and its cosmic rays."""

    parameter: str
    setting: float
    camera: dict[str, Any]
    rays: dict[str, Any]


def main() -> None:
    """Measure the camera with every value, and write the table after each."""
    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    meta = {"date": today(), "commit": commit(ROOT)}
    rows = []
    try:
        with tempfile.TemporaryDirectory() as scratch:
            detectors, inpainter = load_nets(Path(scratch), [NET])
            for one in make_ranges(settings["csst_ranges"]):
                config = load_config({"csst": FIELDS | one.camera | {"cosmic_rays": one.rays}})
                found = measure(config.model_dump(), settings["seed"], detectors[NET], inpainter)
                rows.append({"parameter": one.parameter, "setting": one.setting} | found)
                table = Table(rows, meta=meta)
                table.round(DECIMALS + 2)
                write_table(table, TABLE)
                print(f"{one.parameter} {one.setting:g}: measured", flush=True)
    except StudyError as error:
        sys.exit(str(error))


def load_nets(folder: Path, names: Sequence[str]) -> tuple[dict[str, Detector], Inpainter]:
    """Fetch, convert and load nets that find cosmic rays, and the one that inpaints."""
    for name in (*names, INPAINTER):
        fetch_weights(name, folder / f"{name}.pth", SDIST)
        convert_net(name, folder / f"{name}.pth", folder / name)
    files = {name: (folder / f"{name}.pth", folder / name, "cpu") for name in (*names, INPAINTER)}
    detectors = {name: load_detector(name, *files[name]) for name in names}
    return detectors, load_inpainter(*files[INPAINTER])


def make_ranges(settings: Mapping[str, Any]) -> Iterator[Range]:
    """Yield the default, every value of a property, and the default with other cosmic rays.

    Parameters
    ----------
    settings : mapping
        Entry of ``resources/systematics.yaml``: ``repeated``, a number of runs, and ``values``, by
        parameter of the section csst or of its cosmic rays. Other silicon gets the rate with
        which as many pixels are hit.
    """
    default = load_config({}).csst.model_dump()
    yield Range(DEFAULT, 0, {}, {})
    for parameter, one in settings["values"].items():
        for value in one["values"]:
            if parameter in default:
                yield Range(parameter, value, {parameter: value}, {})
            else:
                rays = {parameter: value}
                rays["rate_per_s_cm2"] = float(f"{csst_rate(rays):.4g}")
                yield Range(parameter, value, {}, rays)
    for number in range(1, settings["repeated"] + 1):
        yield Range(REPEATED, number, {}, {"realisation": number})


def measure(
    config: Mapping[str, Any], seed: int, detector: Detector, inpainter: Inpainter
) -> dict[str, float]:
    """Return `NUMBERS` of a camera with their intervals over fields.

    Parameters
    ----------
    config : mapping
        A study's configuration.
    seed : int
        Of fields, noise and cosmic rays.
    detector, inpainter
        deepCR's nets; the detector's default threshold is used.
    """
    fields = []
    for field in range(1, config["csst"]["n_fields"] + 1):
        catalogue = simulate_field(seed, field, config["csst"])
        with tempfile.TemporaryDirectory() as scratch:
            chip = simulate_chip(Path(scratch), catalogue, seed, field, config)
        mask = detector.probability(chip.original) > config["detector"]["threshold"]
        fields.append(repair(chip, catalogue, {(NET, UNCHANGED): mask}, inpainter, config))
    return summarise(fields, config, NET)


def repair(
    chip: ChipProducts,
    catalogue: Table,
    masks: Mapping[tuple[str, str], NDArray[np.bool_]],
    inpainter: Inpainter,
    config: Mapping[str, Any],
) -> tuple[Table, Table]:
    """Count the pixels of masks by method and variant, and measure the stars after each."""
    settings = config["photometry"] | {"background_box_px": config["metrics"]["background_box_px"]}
    stars = find_true_stars(chip, catalogue, settings)
    images, counts = {(ORIGINAL, UNCHANGED): chip.original}, []
    for (method, remedy), mask in masks.items():
        images[method, remedy] = inpainter.inpaint(chip.original, mask)
        found = count_mask(mask, chip.label, chip.truth.cr, chip.valid)
        counts.append({"method": method, "remedy": remedy} | found)
    tables = Table(counts), measure_tile(chip, stars, images, settings)
    for table in tables:
        table["exptime_s"], table["field_class"] = chip.exptime_s, catalogue.meta["field_class"]
    return tables


def simulate_chip(
    folder: Path,
    catalogue: Table,
    seed: int,
    field: int,
    config: Mapping[str, Any],
    psf: galsim.GSObject | None = None,
) -> ChipProducts:
    """Simulate an exposure and read it with its truth, labels and valid pixels."""
    name = f"csst{field:03d}-{TIME_S:04d}"
    paths = [folder / f"{name}_{kind}.fits" for kind in ("flc", "truth", "reference", "good")]
    where = {"seed": seed, "field": field, "exptime_s": TIME_S, "settings": config["csst"]}
    simulate_tile(catalogue, *paths[:2], **where, psf=psf)
    files = ExposureFiles(paths[0], folder, folder, paths[1])
    (chip,) = read_exposure(paths[0]).chips
    known = read_truth(paths[1])
    label = {1: known[1].cosmic_rays(config["metrics"]["truth_sigma"])}
    write_true_reference(paths[2], paths[0], {1: known[1].cr}, label)
    write_images(paths[3], {("GOOD", 1): good_pixels(chip.sci, chip.dq, **config["mask"])})
    return read_products(files)[0]


def summarise(
    fields: Sequence[tuple[Table, Table]],
    config: Mapping[str, Any],
    method: str,
    remedy: str = UNCHANGED,
) -> dict[str, float]:
    """Return `NUMBERS` of a variant of a method, from the tables of `repair` of all fields."""
    masks, photometry = zip(*(pick(*tables, method, remedy) for tables in fields), strict=True)
    sigma = config["photometry"]["flux_sigma"]
    resampling = {
        "samples": config["metrics"]["bootstrap_samples"],
        "confidence": config["metrics"]["confidence"],
        "seed": config["seed"],
    }
    scale = config["csst"]["pixel_scale_arcsec"]
    sky = mask_table(masks, 0.0, scale, resampling)
    stars = photometry_table(photometry, sigma, resampling)
    counts = [count_stars(one, sigma) for one in photometry]
    everywhere = [one[one["field_class"] == ALL] for one in counts]
    fractions = {ANOMALOUS: ("anomalous", "stars")}
    pair = (method, ORIGINAL)
    change = fraction_differences(everywhere, pair, ["exptime_s"], fractions, resampling)
    rows = {
        "recall": (sky[sky["field_class"] == ALL][0], "recall"),
        "precision": (sky[sky["field_class"] == ALL][0], "precision"),
        "change": (change[0], "difference"),
    }
    for name, one in (("wrong_uncorrected", ORIGINAL), ("wrong_corrected", method)):
        of_method = stars[(stars["method"] == one) & (stars["field_class"] == ALL)]
        rows[name] = of_method[0], ANOMALOUS
    numbers = {
        f"{name}{end}": float(rows[name][0][f"{rows[name][1]}{end}"])
        for name in NUMBERS
        for end in ("", "_lo", "_hi")
    }
    return numbers | {"stars": int(stars["stars"][0]), "hit_stars": int(stars["hit"][0])}


def pick(masks: Table, photometry: Table, method: str, remedy: str) -> tuple[Table, Table]:
    """Return the rows of a variant of a method, and the fluxes without correction."""
    chosen = [(one["method"] == method) & (one["remedy"] == remedy) for one in (masks, photometry)]
    return masks[chosen[0]], photometry[chosen[1] | (photometry["method"] == ORIGINAL)]


if __name__ == "__main__":
    main()
