"""Repair a group's exposures with every refined mask, and measure their stars."""

from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_products
from crstudy.data.exposure import read_images
from crstudy.deepcr.detector import load_inpainter
from crstudy.refinement.repair import MODEL_FILLED, TRUE_MASK, UNREPAIRED, measure_repairs
from crstudy.refinement.settings import REFINEMENTS, RESIDUALS

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    stars = Table.read(source.stars)
    inpainter = load_inpainter(source.weights, source.net, params.device, snakemake.threads)
    parts = []
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        for chip in read_products(files):
            file = Path(source.masks) / f"{chip.exposure}_masks.fits"
            masks = {name: read_images(file, name.upper())[chip.extver] > 0 for name in REFINEMENTS}
            if chip.truth:
                masks[TRUE_MASK] = chip.truth.cosmic_rays(params.truth_sigma)
            images = {UNREPAIRED: chip.original}
            images |= {name: inpainter.inpaint(chip.original, m) for name, m in masks.items()}
            fitted = read_images(file, "STARS")[chip.extver]
            explained = masks[RESIDUALS] & np.isfinite(fitted)
            images[MODEL_FILLED] = np.where(explained, fitted, images[RESIDUALS])
            parts.append(measure_repairs(chip, stars, images, params.settings))
        log.info("%s: %d stars", chip.exposure, len(stars))
    write_table(vstack(parts), snakemake.output[0])
