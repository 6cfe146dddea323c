"""Count hits and misses in a group's exposures, in the full frame and on stars."""

from dataclasses import replace

import numpy as np
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.score_maps import read_scores
from crstudy.metrics.areas import compare_chip
from crstudy.metrics.names import PIXEL_KEYS

COLUMNS = ("exposure", "chip", *PIXEL_KEYS, "tp", "fp", "fn", "tn")

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    rows, observed = [], set()
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        observed.add(files.observed_with)
        maps = {
            model: read_scores(folder, files.name)
            for model, folder in zip(params.models, source.probability, strict=True)
        }
        for ver, data in read_comparison(files, params.truth_sigma).items():
            probability = {model: chips[ver] for model, chips in maps.items()}
            finite = np.all([np.isfinite(p) for p in probability.values()], axis=0)
            data = replace(data, valid=data.valid & finite)
            regions = data.star_regions(params.region_rms, params.background_box_px)
            detected = {model: p > params.threshold for model, p in probability.items()}
            for *names, counts in compare_chip(detected, data, regions):
                rows.append((files.name, ver, *names, *counts))
        log.info("%s: counted", files.name)
    meta = {"observed_with": sorted(observed)}
    write_table(Table(rows=rows, names=COLUMNS, meta=meta), snakemake.output[0])
