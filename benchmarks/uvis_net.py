"""Run deepCR's net for WFC3/UVIS on real exposures, as its authors do and otherwise.

    python benchmarks/uvis_net.py MIRROR

MIRROR holds the WFC3/UVIS exposures of GO-15460 in astroquery's layout. Recall and precision
against AstroDrizzle's labels, without the moving target, at several thresholds and inputs.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import starmap
from pathlib import Path

import deepCR
import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from bench_chip import ROOT, SDIST
from bench_record import today
from crstudy.core.atomic import write_table
from crstudy.data.exposure import read_exposure, read_images
from crstudy.deepcr.detector import Detector, load_detector
from crstudy.deepcr.openvino_backend import convert_net
from crstudy.deepcr.weights import fetch_weights
from crstudy.metrics.scores import count_pixels, score
from crstudy.pipeline.provenance import commit
from crstudy.reference.labels import make_reference
from replace_rays import Exposure, label, take_out_rays

TABLE = ROOT / "benchmarks" / "results" / "uvis_net.ecsv"
NET, OTHER = "chen24-uvis", "zb20-f606w"
#: Its authors recommend 0.1 to 0.2 (README of deepCR 0.3.1); 0.5 is the default of deepCR.
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.5)
#: Maps an image, e-, and its exposure time, s, to probabilities.
Run = Callable[[NDArray[np.float32], float], NDArray[np.float32]]


def main() -> None:
    """Label the exposures, run the net with every input, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, help="folder of the exposures")
    paths = sorted(parser.parse_args().mirror.rglob("idsj02*_flc.fits"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        inputs = make_inputs(load(NET, folder), load(OTHER, folder))
        files = label(paths, folder / "real", leave_one_out=True)
        exposures = list(starmap(take_out_rays, zip(paths, files, strict=True)))
        counts = [measure(inputs, one, file) for one, file in zip(exposures, files, strict=True)]
    rows = []
    for name, (tp, fp, fn, _) in zip(
        inputs, np.sum(counts, axis=0).transpose(0, 2, 1), strict=True
    ):
        scores = score(tp, fp, fn)
        for at, *values in zip(THRESHOLDS, scores["recall"], scores["precision"], strict=True):
            rows.append((name, at, *values))
            print(name, at, *np.round(values, 3), flush=True)
    table = Table(rows=rows, names=("input", "threshold", "recall", "precision"))
    table.meta = {"date": today(), "commit": commit(ROOT), "exposures": [p.stem for p in paths]}
    write_table(table, TABLE)


def load(name: str, folder: Path) -> Detector:
    """Load a net that deepCR ships."""
    weights, net = folder / f"{name}.pth", folder / name
    fetch_weights(name, weights, SDIST)
    convert_net(name, weights, net)
    return load_detector(name, weights, net, "cpu")


def make_inputs(net: Detector, other: Detector) -> dict[str, Run]:
    """Return the ways to run the net, by what it is given, and another net."""
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # weight_norm
        stock = deepCR.deepCR(mask="WFC3-UVIS")
    clean = partial(stock.clean, binary=False)
    plain = replace(net, standardise=False)
    return {
        "deepCR.clean, e-": lambda image, _: clean(image, segment=False),
        "deepCR.clean in segments of 256 px, e-": lambda image, _: clean(image, patch=256),
        "this study, e-": lambda image, _: net.probability(image),
        "this study, e-/s": lambda image, time_s: net.probability(image / time_s),
        "this study, e- minus median": lambda im, _: net.probability(im - np.median(im)),
        "not standardised, e-": lambda image, _: plain.probability(image),
        f"{OTHER}, e-": lambda image, _: other.probability(image),
    }


def measure(inputs: dict[str, Run], one: Exposure, drizzled: Path) -> NDArray[np.int64]:
    """Count true and false positives, misses and others, shape (inputs, thresholds, 4)."""
    (chip,) = read_exposure(one.path).chips
    blot, flagged, holes = (
        read_images(drizzled, name)[chip.extver] for name in ("BLOT", "CRMASK", "NOREF")
    )
    labelled = make_reference(chip.sci, blot, flagged > 0, holes > 0).label
    image = np.asarray(chip.sci, np.float32)
    maps = [run(image, one.exptime_s) for run in inputs.values()]
    return np.array(
        [[count_pixels(found > at, labelled, one.valid) for at in THRESHOLDS] for found in maps]
    )


if __name__ == "__main__":
    main()
