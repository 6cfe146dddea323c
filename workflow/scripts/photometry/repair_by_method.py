"""Inpaint the masks of every method in a group's exposures, and count the stars with wrong flux."""

import numpy as np
from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_products
from crstudy.data.score_maps import read_scores, read_star_scores
from crstudy.deepcr.detector import load_inpainter
from crstudy.metrics.curves.thresholds import MATCHED_STARS, flag
from crstudy.photometry.method_fluxes import TRUE_MASK, UNREPAIRED, count_fluxes

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    stars, catalogue = Table.read(source.stars), Table.read(source.catalogue)
    chosen = Table.read(source.thresholds)
    kinds = list(dict.fromkeys(chosen["threshold_kind"]))
    chosen = chosen[np.isfinite(chosen["threshold"])]
    folders = dict(zip(params.methods, source.scores, strict=True))
    inpainter = load_inpainter(source.weights, source.net, params.device, snakemake.threads)
    parts = []
    for files in exposure_files(source.exposures, source.reference, source.good, source.truth):
        for chip in read_products(files):
            true = inpainter.inpaint(chip.original, chip.truth.cosmic_rays(params.truth_sigma))
            images = {(UNREPAIRED, kind): chip.original for kind in kinds}
            images |= {(TRUE_MASK, kind): true for kind in kinds}
            for method, kind, threshold in chosen.iterrows("method", "threshold_kind", "threshold"):
                where = folders[method], files.name
                maps = read_star_scores(*where) if kind == MATCHED_STARS else {}
                # Where a method fails, the exposure stays as it is.
                score = (maps or read_scores(*where)).get(chip.extver)
                mask = np.zeros(chip.valid.shape, bool) if score is None else flag(score, threshold)
                images[method, kind] = inpainter.inpaint(chip.original, mask)
            parts.append(count_fluxes(chip, stars, images, params.settings))
        log.info("%s: %d images of %d stars", files.name, len(images), len(stars))
    table = vstack(parts)
    table["field_class"] = catalogue.meta["field_class"]
    write_table(table, snakemake.output[0])
