"""How well the simulator's cosmic rays agree with published measurements; see docs/simulator.md.

Simulates fields without cosmic rays once, by Snakemake; then adds the cosmic rays of every set of
parameters, labels them with AstroDrizzle and scores them, as the study does. Fields, noise and
defects stay the same: what changes is due to the cosmic rays.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Table, vstack
from matplotlib import style

from bench_chip import ROOT
from bench_record import today
from calibration import (
    LABELS,
    describe_rays,
    recall_rows,
    share_rows,
    threshold_rows,
    variations,
)
from calibration_text import write_document
from crstudy.config.groups import simulated_groups
from crstudy.config.registry import METHODS
from crstudy.config.sections import CosmicRays
from crstudy.config.study import Study, load_config
from crstudy.core.atomic import write_table
from crstudy.data.chips import ExposureFiles, read_comparison
from crstudy.data.exposure import read_exposure, read_images, write_images
from crstudy.data.good_pixels import good_pixels
from crstudy.data.view import read_views
from crstudy.deepcr.detector import load_detector
from crstudy.instrument.epsf import central_psf
from crstudy.instrument.wcs import read_wcs
from crstudy.methods.lacosmic import PUBLISHED_OBJLIM, PUBLISHED_SIGFRAC, THRESHOLDS, score
from crstudy.metrics.names import all_strata
from crstudy.metrics.objects.star_cores import star_false_alarms
from crstudy.metrics.objects.true_stars import stars_near
from crstudy.metrics.roc import probability_edges
from crstudy.metrics.score_histograms import count_chip, pool_chips
from crstudy.pipeline.provenance import commit
from crstudy.reference.astrodrizzle import drizzle_group
from crstudy.reference.labels import write_reference
from crstudy.simulation.cosmic_rays import draw_cosmic_rays
from crstudy.simulation.rays import ray_model
from plot_calibration import draw_calibration

CONFIG, TARGETS = ROOT / "config" / "calibrate.yaml", ROOT / "resources" / "calibration.yaml"
TABLE = ROOT / "benchmarks" / "results" / "calibration.ecsv"
DOCUMENT, FIGURE = ROOT / "docs" / "simulator.md", ROOT / "docs" / "calibration.png"
NET = "zb20-f606w"
#: Star regions in which labels and net are compared with the truth, RMS.
REGIONS_RMS = (3.0, 10.0)
#: Chip on which the generator is measured alone, px.
CHIP_PX = (2048, 2048)


class Job(NamedTuple):
    """A group to measure with cosmic rays of a set of parameters."""

    rays: dict[str, float]
    group: str
    names: tuple[str, ...]
    number: int


class Measured(NamedTuple):
    """Results of a group: field class, counts by score, and fractions (two numbers each)."""

    field_class: str
    scores: Table
    shares: dict[tuple[str, str], tuple[float, float]]


def main() -> None:
    """Measure, unless told only to draw; write table, figure and document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    parser.add_argument("--draw", action="store_true", help="only draw the table that is there")
    arguments = parser.parse_args()
    targets = yaml.safe_load(TARGETS.read_text())
    if not arguments.draw:
        table = calibrate(load_config(yaml.safe_load(CONFIG.read_text())), targets, arguments.cores)
        write_table(table, TABLE)
    table = Table.read(TABLE)
    style.use(ROOT / "workflow" / "report" / "crstudy.mplstyle")
    draw_calibration(table, targets).savefig(FIGURE, dpi=150)
    write_document(DOCUMENT, table, targets)
    print(f"{TABLE.relative_to(ROOT)}, {FIGURE.name} and {DOCUMENT.name} written")


def calibrate(study: Study, targets: Mapping[str, Any], cores: int) -> Table:
    """Return every measured number, a row each: set of parameters, quantity, value, interval."""
    simulate(study, cores)
    frozen = CosmicRays().model_dump()
    sets = variations(frozen, targets["parameters"], targets["others"])
    groups = simulated_groups(study.simulation.n_groups, study.simulation.exposures_per_group)
    jobs = [
        Job(rays, group, names, number)
        for rays in sets.values()
        for number, (group, names) in enumerate(groups.items(), start=1)
    ]
    rows = []
    with ProcessPoolExecutor(cores) as pool:
        measured = pool.map(measure, jobs)
        for name, rays in sets.items():
            found = [next(measured) for _ in groups]
            rows += [{"rays": name} | row for row in summarise(found, study, targets)]
            alone = describe_rays(ray_model(rays), CHIP_PX, study.seed)
            rows += [{"rays": name, "quantity": k, "value": v} for k, v in alone.items()]
            print(f"{name}: measured", flush=True)
    table = vstack([Table([row]) for row in rows])
    table.meta = {
        "dataset": study.dataset,
        "observed_with": "simulated ACS/WFC F606W",
        "date": today(),
        "commit": commit(ROOT),
        "frozen": frozen,
        "groups": len(groups),
        "chip_px": [study.simulation.chip_height_px, study.simulation.chip_width_px],
        "interval": "95 % percentile interval, bootstrap over groups",
    }
    return table


def simulate(study: Study, cores: int) -> None:
    """Simulate the fields, and fetch the net."""
    results = f"results/{study.dataset}"
    groups = simulated_groups(study.simulation.n_groups, study.simulation.exposures_per_group)
    wanted = [f"{results}/exposures/{e}_flc.fits" for e in sum(groups.values(), ())]
    wanted += [f"{results}/weights/{NET}.pth", f"{results}/nets/{NET}"]
    words = [sys.executable, "-m", "snakemake", *wanted, "--cores", str(cores), "--quiet", "all"]
    subprocess.run([*words, "--configfile", str(CONFIG)], cwd=ROOT, check=True)


def measure(job: Job) -> Measured:
    """Give a group other cosmic rays, label and score it: of its exposures, the first."""
    study = load_config(yaml.safe_load(CONFIG.read_text()))
    results, first = ROOT / "results" / study.dataset, job.names[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths = [add_rays(study, job, number, folder) for number in range(1, len(job.names) + 1)]
        settings = study.reference.model_dump(mode="json")
        drizzle_group(job.group, paths, folder, folder / "log", **settings)
        reference = folder / f"{first}_reference.fits"
        write_reference(reference, paths[0], folder / f"{first}_drizzle.fits")
        exposure = read_exposure(paths[0])
        chip, truth = exposure.chips[0], folder / f"{first}_truth.fits"
        good = good_pixels(chip.sci, chip.dq, **study.mask.model_dump())
        write_images(folder / f"{first}_good.fits", {("GOOD", 1): good})
        files = ExposureFiles(Path(paths[0]), folder, folder, truth)
        data = read_comparison(files, study.metrics.truth_sigma)[1]
        ((_, view),) = read_views(paths[0], folder, central_psf(study.simulation.psf))
        detector = load_detector(
            NET, results / f"weights/{NET}.pth", results / f"nets/{NET}", "cpu"
        )
        maps = {
            NET: next(detector.probabilities([chip.sci])),
            "lacosmic": score(
                view, objlim=PUBLISHED_OBJLIM[view.field_class], sigfrac=PUBLISHED_SIGFRAC
            ),
            LABELS: data.label.astype(np.float32),
        }
        edges = {NET: probability_edges([0.5]), "lacosmic": THRESHOLDS, LABELS: [0.5]}
        charge = read_images(truth, "CR")[1]
        areas = data.star_regions(REGIONS_RMS, study.metrics.background_box_px)["truth"]
        # The same pixels for both comparisons.
        regions = {"reference": areas, "truth": areas}
        tables = [
            table
            for name, one in maps.items()
            for table in count_chip(name, one, data, regions, edges[name])
        ]
        stars = Table.read(results / f"truth/{job.group}_catalogue.ecsv")
        near = stars_near(stars, read_wcs(paths[0])[1], chip.sci.shape)
        exptime_s = float(exposure.header["EXPTIME"])
    least = yaml.safe_load(TARGETS.read_text())["star_cores"]["least_electrons"] / exptime_s
    near = near[near["mag"] < study.simulation.zero_point_mag - 2.5 * np.log10(least)]
    near["peak_fraction"] = np.nan
    counted = float(data.valid.sum()) * exptime_s / 1000
    shares = {
        ("labelled pixels per 1000 s", ""): (float(data.label[data.valid].sum()), counted),
        ("true pixels per 1000 s", ""): (float(data.truth[data.valid].sum()), counted),
    }
    for name in (NET, "lacosmic"):
        flagged = maps[name] >= METHODS[name].default_threshold
        hits = star_false_alarms(flagged, near, charge, data.valid)["flagged"]
        shares["star cores flagged", name] = float(hits.sum()), float(len(hits))
    return Measured(view.field_class, all_strata(pool_chips(tables)), shares)


def add_rays(study: Study, job: Job, number: int, folder: Path) -> Path:
    """Write an exposure with cosmic rays, and its truth; return its path."""
    name, results = job.names[number - 1], ROOT / "results" / study.dataset
    # The same seed in every set: with another energy, straggling or thickness, the same tracks.
    rng = np.random.default_rng([study.seed, job.number, number])
    path = folder / f"{name}_flc.fits"
    with fits.open(results / f"exposures/{name}_flc.fits") as hdus:
        sci, exptime_s = hdus["SCI", 1].data, float(hdus[0].header["EXPTIME"])
        charge = draw_cosmic_rays(rng, sci.shape, exptime_s, ray_model(job.rays))
        hdus["SCI", 1].data = (sci + charge).astype(np.float32)
        hdus.writeto(path)
    with fits.open(results / f"truth/{name}_truth.fits") as hdus:
        hdus["CR", 1].data = charge
        hdus.writeto(folder / f"{name}_truth.fits")
    return path


def summarise(
    found: list[Measured], study: Study, targets: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Pool the groups of a set of parameters."""
    resampling = {
        "samples": study.metrics.bootstrap_samples,
        "confidence": study.metrics.confidence,
        "seed": study.seed,
    }
    kinds = list(dict.fromkeys(one.field_class for one in found))
    by_kind = {kind: [one for one in found if one.field_class == kind] for kind in kinds}
    scores = {kind: [one.scores for one in some] for kind, some in by_kind.items()}
    rows = list(recall_rows(scores, targets["recall"]["rates"], resampling))
    rows += threshold_rows([one.scores for one in found], {NET: 0.5, LABELS: 0.5}, resampling)
    for quantity, method in found[0].shares:
        counts = {
            kind: np.array([one.shares[quantity, method] for one in some])
            for kind, some in {**by_kind, "all": found}.items()
        }
        rows += share_rows(quantity, counts, method, resampling)
    return rows


if __name__ == "__main__":
    main()
