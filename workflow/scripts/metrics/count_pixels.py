"""Count hits and misses in a group's exposures, in the full frame and on stars."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.exposure import read_images
from crstudy.data.rulers import read_rulers
from crstudy.metrics.scores import compare_chip

COLUMNS = ("exposure", "chip", "model", "comparison", "region", "tp", "fp", "fn", "tn")

with job(snakemake.log[0]) as log:
    params, source = snakemake.params, snakemake.input
    truth_files = source.truth or [None] * len(source.exposures)
    rows, observed = [], set()
    for path, truth in zip(source.exposures, truth_files, strict=True):
        name = Path(path).name.removesuffix("_flc.fits")
        observed.add(fits.getval(f"{source.reference}/{name}_reference.fits", "OBSERVED"))
        maps = {
            model: read_images(Path(folder) / f"{name}_probability.fits", "PROBABILITY")
            for model, folder in zip(params.models, source.probability, strict=True)
        }
        rulers = read_rulers(path, source.reference, source.good, truth, params.truth_sigma)
        for ver, ruler in rulers.items():
            probability = {model: chips[ver] for model, chips in maps.items()}
            finite = np.all([np.isfinite(p) for p in probability.values()], axis=0)
            ruler = replace(ruler, counted=ruler.counted & finite)
            regions = ruler.star_regions(params.region_rms, params.background_box_px)
            detected = {model: p > params.threshold for model, p in probability.items()}
            for *names, counts in compare_chip(
                detected, ruler.label, ruler.truth, ruler.counted, regions
            ):
                rows.append((name, ver, *names, *counts))
        log.info("%s: counted", name)
    meta = {"observed_with": sorted(observed)}
    write_table(Table(rows=rows, names=COLUMNS, meta=meta), snakemake.output[0])
