"""Refine deepCR's masks of a group on stars, and count the pixels of all masks."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from crstudy.core.atomic import complete_folder, write_table
from crstudy.core.job import job
from crstudy.data.exposure import write_images
from crstudy.data.rulers import read_rulers
from crstudy.data.score_maps import read_scores
from crstudy.data.views import central_psf, read_views
from crstudy.instrument.epsf import load_psf
from crstudy.metrics.scores import compare_chip
from crstudy.refinement.psf_fitting import sample_psf
from crstudy.refinement.refine import refine
from crstudy.refinement.settings import RESIDUALS, chosen_settings
from crstudy.refinement.star_model import fit_stars
from crstudy.refinement.tables import COUNTED

with job(snakemake.log[0]) as log, complete_folder(snakemake.output.masks) as folder:
    params, source = snakemake.params, snakemake.input
    settings = chosen_settings(Table.read(source.settings))
    grid, stamp = load_psf(source.psf), central_psf(source.psf)
    rows, observed = [], set()
    for path, truth in zip(source.exposures, source.truth or [None] * 99, strict=False):
        name = Path(path).name.removesuffix("_flc.fits")
        observed.add(fits.getval(f"{source.reference}/{name}_reference.fits", "OBSERVED"))
        maps, images = read_scores(source.probability, name), {}
        rulers = read_rulers(path, source.reference, source.good, truth, params.truth_sigma)
        for ver, view in read_views(path, source.good, stamp):
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
            ruler = rulers[ver]
            areas = ruler.star_regions(params.region_rms, params.background_box_px)
            for method, comparison, region, counts in compare_chip(
                masks, ruler.label, ruler.truth, ruler.counted, areas
            ):
                if method in masks:
                    pixels = counts.tp, counts.tp + counts.fp, counts.tp + counts.fn
                    rows.append((method, comparison, region, *pixels))
            log.info("%s: %d stars, PSF %.3f wide", name, len(model.stars), model.width)
        write_images(folder / f"{name}_masks.fits", images)
    table = Table(rows=rows, names=COUNTED, meta={"observed_with": sorted(observed)})
    write_table(table, snakemake.output.counts)
