"""Refine deepCR's masks of a group on stars, and count the pixels of all masks."""

import numpy as np
from astropy.table import Table

from crstudy.core.atomic import complete_folder, write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.exposure import write_images
from crstudy.data.score_maps import read_scores
from crstudy.data.view import read_views
from crstudy.instrument.epsf import central_psf, load_psf
from crstudy.metrics.areas import compare_chip
from crstudy.refinement.psf_fitting import sample_psf
from crstudy.refinement.refine import refine
from crstudy.refinement.settings import MASK_COUNTS, RESIDUALS, chosen_settings
from crstudy.refinement.star_model import fit_stars

with job(snakemake) as log, complete_folder(snakemake.output.masks) as folder:
    params, source = snakemake.params, snakemake.input
    settings = chosen_settings(Table.read(source.settings))
    grid, stamp = load_psf(source.psf), central_psf(source.psf)
    rows, observed = [], set()
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        observed.add(files.observed_with)
        maps, images = read_scores(source.probability, files.name), {}
        compared = read_comparison(files, params.truth_sigma)
        for ver, view in read_views(files.exposure, files.good, stamp):
            flagged, psf = maps[ver] > params.threshold, sample_psf(grid, view.sci.shape, ver)
            models = {
                error: fit_stars(view, flagged, psf, error, params.background_box_px)
                for error in {one.model_error for one in settings.values()}
                if np.isfinite(error)
            }
            masks = {}
            for remedy, setting in settings.items():
                model = models.get(setting.model_error) or next(iter(models.values()))
                masks[remedy] = refine(remedy, setting, maps[ver], params.threshold, model)
                images[remedy.upper(), ver] = masks[remedy]
            model = models[settings[RESIDUALS].model_error]
            stars = np.where(model.tested, model.sky + model.light, np.nan)
            images["STARS", ver] = stars.astype(np.float32)
            data = compared[ver]
            areas = data.star_regions(params.region_rms, params.background_box_px)
            for method, *where, counts in compare_chip(masks, data, areas):
                if method in masks:
                    pixels = counts.tp, counts.tp + counts.fp, counts.tp + counts.fn
                    rows.append((method, *where, *pixels))
            log.info("%s: %d stars, PSF width %.3f", files.name, len(model.stars), model.width)
        write_images(folder / f"{files.name}_masks.fits", images)
    table = Table(rows=rows, names=MASK_COUNTS, meta={"observed_with": sorted(observed)})
    write_table(table, snakemake.output.counts)
