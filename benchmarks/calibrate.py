"""Recall and false positives that the simulator predicts, beside published ones: docs/simulator.md.

Simulates groups of exposures for each published test set, with the cosmic rays of each generator;
labels them with AstroDrizzle; and scores the first exposure of each group at the published
thresholds, as the authors did. Nothing is fitted to what is compared.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Collection, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from astropy.table import Table
from matplotlib import style
from numpy.typing import NDArray

from bench_chip import ROOT, SDIST, simulate_exposures
from bench_record import today
from calibration import STAMP_PX, compare, predict, score_exposure
from calibration_text import write_document
from crnet import find_nets
from crstudy.config.study import Study, load_config
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.data.exposure import read_exposure, read_images
from crstudy.data.good_pixels import good_pixels
from crstudy.deepcr.detector import load_detector
from crstudy.deepcr.openvino_backend import convert_net
from crstudy.deepcr.weights import fetch_weights
from crstudy.figures.style import THEME
from crstudy.pipeline.provenance import commit
from crstudy.reference.astrodrizzle import drizzle_group
from crstudy.reference.labels import make_reference
from plot_calibration import draw_prediction
from published_roc import TABLE as PUBLISHED

CONFIG = ROOT / "config" / "calibrate.yaml"
TABLE = ROOT / "benchmarks" / "results" / "prediction.ecsv"
DOCUMENT, FIGURE = ROOT / "docs" / "simulator.md", ROOT / "docs" / "prediction.png"
NETS = ("zb20-f606w", "zb20-2-4")
#: Generators of cosmic rays: ``simulation.cosmic_rays.source``.
GENERATORS = ("physical", "transplanted")
#: First guess of exposure times, s, and groups of a field class by which they are found.
FIRST_EXPTIME_S, PILOT_GROUPS = 400.0, 2


class Job(NamedTuple):
    """A group of exposures to simulate, label and score.

    `section` is the configuration section ``simulation``; the simulator's stars are multiplied.
    """

    test_set: str
    field_class: str
    group: int
    section: dict[str, Any]
    stars: float = 1.0


class Labelled(NamedTuple):
    """An exposure, e-, its labels, and the pixels that are not valid."""

    image: NDArray[np.float32]
    label: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


class Nets(NamedTuple):
    """Folder of deepCR's nets, and weights of CRNet's."""

    folder: Path
    crnet: dict[str, Path]


def main() -> None:
    """Measure, unless told only to draw; write table, figure and document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    parser.add_argument("--crnet", type=Path, help="folder of CRNet's weights, ACS-WFC-*.pth")
    parser.add_argument("--draw", action="store_true", help="only draw the table that is there")
    arguments = parser.parse_args()
    if not arguments.draw:
        study = load_config(yaml.safe_load(CONFIG.read_text(encoding="utf-8")))
        try:
            table = calibrate(study, find_nets(arguments.crnet), arguments.cores)
        except StudyError as problem:
            sys.exit(str(problem))
        write_table(table, TABLE)
    table = Table.read(TABLE)
    style.use([THEME, ROOT / "workflow" / "report" / "crstudy.mplstyle"])
    draw_prediction(table).savefig(FIGURE, dpi=150)
    write_document(DOCUMENT, table)
    print(f"{TABLE.relative_to(ROOT)}, {FIGURE.name} and {DOCUMENT.name} written")


def calibrate(study: Study, crnet: dict[str, Path], cores: int) -> Table:
    """Return every predicted point beside the published one, by generator of cosmic rays."""
    published, rows, labels = Table.read(PUBLISHED), [], {}
    skip = () if crnet else ("kwon21",)
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(cores) as pool:
        nets = prepare_nets(Path(scratch), crnet)
        times = find_exptimes(study, labelled_fractions(published), pool)
        for source in GENERATORS:
            jobs = plan(study, times, skip, source)
            found = list(pool.map(partial(measure, study, nets), jobs))
            predicted, labels[source] = summarise(study, jobs, found)
            rows += [{"source": source} | row for row in predicted]
    table = compare(Table(rows), published)
    table.meta = {
        "dataset": study.dataset,
        "observed_with": "simulated ACS/WFC F606W",
        "date": today(),
        "commit": commit(ROOT),
        "rays": study.simulation.cosmic_rays.model_dump(mode="json"),
        "chip_px": [study.simulation.chip_height_px, study.simulation.chip_width_px],
        "exposures_per_group": study.simulation.exposures_per_group,
        "exptime_s": times,
        "labelled": labels,
        "labelled_published": labelled_fractions(published),
        "interval": "95 % percentile interval, bootstrap over groups",
        "skipped": [] if crnet else ["CRNet, of which no weights were given (--crnet)"],
    }
    return table


def labelled_fractions(published: Table) -> dict[str, dict[str, float]]:
    """Return the published fraction of labelled pixels by test set and field class."""
    return {
        test_set: {
            kind: count["labelled_px"] / (count["stamps"] * STAMP_PX**2)
            for kind, count in kinds.items()
        }
        for test_set, kinds in published.meta["labels"].items()
    }


def find_exptimes(
    study: Study, labelled: Mapping[str, Mapping[str, float]], pool: Executor
) -> dict[str, dict[str, float]]:
    """Return the exposure times, s, at which as many pixels are labelled as in the test sets.

    Those of the test sets are not published. They follow from the fractions of labelled pixels of
    the first groups of each field class, which grow with time, alone.
    """
    kinds = study.simulation.field_classes
    times = {"pilot": dict.fromkeys(kinds, FIRST_EXPTIME_S)}
    jobs = [job for job in plan(study, times) if job.group <= PILOT_GROUPS * len(kinds)]
    found = list(pool.map(partial(count_labels, study), jobs))
    fraction = {
        kind: np.mean([n for job, n in zip(jobs, found, strict=True) if job.field_class == kind])
        for kind in kinds
    }
    return {
        test_set: {
            kind: float(round(FIRST_EXPTIME_S * wanted / fraction[kind]))
            for kind, wanted in some.items()
        }
        for test_set, some in labelled.items()
    }


def count_labels(study: Study, job: Job) -> float:
    """Return the fraction of the pixels of a group's first exposure that are labelled and valid."""
    _, label, ignored = label_group(study, job)
    return float((label & ~ignored).mean())


def plan(
    study: Study,
    times: Mapping[str, Mapping[str, float]],
    skip: Collection[str] = (),
    source: str = "physical",
    **changes: Any,
) -> list[Job]:
    """Return a job for every test set and group.

    Parameters
    ----------
    study : Study
        With its groups.
    times : mapping of str to mapping of str to float
        Exposure time, s, by test set and field class.
    skip : collection of str
        Test sets to leave out.
    source : str
        Generator of cosmic rays.
    changes
        Keys of the section ``simulation`` that differ from those of the study.
    """
    section, classes = study.simulation.model_dump(mode="json"), study.simulation.field_classes
    section["cosmic_rays"]["source"] = source
    jobs = []
    for test_set in times:
        if test_set in skip:
            continue
        for group in range(1, study.simulation.n_groups + 1):
            kind = classes[(group - 1) % len(classes)]
            exptime = dict.fromkeys(("exptime_min_s", "exptime_max_s"), times[test_set][kind])
            jobs.append(Job(test_set, kind, group, section | exptime | changes))
    return jobs


def prepare_nets(folder: Path, crnet: dict[str, Path]) -> Nets:
    """Fetch and convert deepCR's nets."""
    for name in NETS:
        fetch_weights(name, folder / f"{name}.pth", SDIST)
        convert_net(name, folder / f"{name}.pth", folder / name)
    return Nets(folder, crnet)


def label_group(study: Study, job: Job) -> Labelled:
    """Simulate a group and label its first exposure."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths = simulate_exposures(folder, job.section, study.seed, job.group, job.stars)
        settings = study.reference.model_dump(mode="json")
        drizzled = drizzle_group(f"g{job.group:03d}", paths, folder, folder / "log", **settings)[0]
        (chip,) = read_exposure(paths[0]).chips
        blot, flagged, holes = (
            read_images(drizzled, name)[chip.extver] for name in ("BLOT", "CRMASK", "NOREF")
        )
    label = make_reference(chip.sci, blot, flagged > 0, holes > 0).label
    good = good_pixels(chip.sci, chip.dq, **study.mask.model_dump())
    return Labelled(chip.sci, label, ~good | (holes > 0))


def measure(study: Study, nets: Nets, job: Job) -> dict[str, NDArray[np.int64]]:
    """Simulate, label and score a group: of its exposures, the first."""
    labelled = label_group(study, job)
    detectors = nets.crnet
    if job.test_set == "zb20":
        detectors = {
            name: load_detector(name, nets.folder / f"{name}.pth", nets.folder / name, "cpu")
            for name in NETS
        }
    return score_exposure(*labelled, job.field_class, job.test_set, detectors)


def summarise(
    study: Study, jobs: list[Job], found: list[dict[str, NDArray[np.int64]]]
) -> tuple[list[dict[str, Any]], dict[str, dict[str, float]]]:
    """Pool the groups of each test set and field class; also return the labelled fractions."""
    resampling = {
        "samples": study.metrics.bootstrap_samples,
        "confidence": study.metrics.confidence,
        "seed": study.seed,
    }
    rows, labelled = [], {}
    for key in dict.fromkeys(job[:2] for job in jobs):
        some = [counts for job, counts in zip(jobs, found, strict=True) if job[:2] == key]
        rows += predict(some, *key, resampling)
        pixels = np.sum([next(iter(counts.values()))[0, 0] for counts in some], axis=0)
        labelled.setdefault(key[0], {})[key[1]] = float((pixels[0] + pixels[2]) / pixels.sum())
    return rows, labelled


if __name__ == "__main__":
    main()
