"""Count hits and misses in a group's exposures, in the full frame and on stars."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from crstudy.counts import true_cosmic_rays
from crstudy.exposure import read_images
from crstudy.files import complete_file
from crstudy.joblog import job
from crstudy.regions import star_regions
from crstudy.table1 import compare_chip

COLUMNS = ("exposure", "chip", "model", "comparison", "region", "tp", "fp", "fn", "tn")


def read_truth(path: str, sigmas: float) -> dict[int, np.ndarray]:
    """Return the true cosmic-ray pixels of a simulated exposure by chip."""
    header = fits.getheader(path)
    cr, scene = read_images(path, "CR"), read_images(path, "SCENE")
    noise = header["DARK_E"], header["RDNOISE"]
    return {ver: true_cosmic_rays(cr[ver], scene[ver], *noise, sigmas) for ver in cr}


with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    params, source = snakemake.params, snakemake.input
    truth_files = source.truth or [None] * len(params.exposures)
    rows, observed = [], set()
    for name, truth_file in zip(params.exposures, truth_files, strict=True):
        reference = Path(source.reference) / f"{name}_reference.fits"
        observed.add(fits.getval(reference, "OBSERVED"))
        label, clean = read_images(reference, "LABEL"), read_images(reference, "CLEAN")
        no_reference = read_images(reference, "NOREF")
        good = read_images(Path(source.good) / f"{name}_good.fits", "GOOD")
        truth = read_truth(truth_file, params.truth_sigma) if truth_file else {}
        maps = {
            model: read_images(Path(folder) / f"{name}_probability.fits", "PROBABILITY")
            for model, folder in zip(params.models, source.probability, strict=True)
        }
        for ver in label:
            probability = {model: chips[ver] for model, chips in maps.items()}
            counted = (good[ver] > 0) & (no_reference[ver] == 0)
            counted &= np.all([np.isfinite(p) for p in probability.values()], axis=0)
            regions = star_regions(clean[ver], counted, params.region_rms, params.background_box_px)
            detected = {model: p > params.threshold for model, p in probability.items()}
            for *names, counts in compare_chip(
                detected, label[ver] > 0, truth.get(ver), counted, regions
            ):
                rows.append((name, ver, *names, *counts))
        log.info("%s: counted", name)
    meta = {"observed_with": sorted(observed)}
    Table(rows=rows, names=COLUMNS, meta=meta).write(part, format="ascii.ecsv")
