"""Measure a group's stars at increasing density of cosmic rays."""

import numpy as np
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_products
from crstudy.deepcr.detector import load_detector, load_inpainter
from crstudy.photometry.density import measure_density

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    hardware = params.device, snakemake.threads
    detector = load_detector(params.model, source.mask_weights, source.mask_net, *hardware)
    inpainter = load_inpainter(source.inpaint_weights, source.inpaint_net, *hardware)

    def clean(image: np.ndarray) -> np.ndarray:
        """Let deepCR clean an image."""
        return inpainter.inpaint(image, detector.probability(image) > params.threshold)

    stars = Table.read(source.stars)
    exposures = exposure_files(source.exposures, source.reference, source.good)
    deposits = [[chip.cr_charge for chip in read_products(files)] for files in exposures]
    rows = []
    for number in range(min(params.settings["exposures_per_group"], len(deposits))):
        chips = read_products(exposures[number], source.probability, source.inpaint)
        donors = deposits[:number] + deposits[number + 1 :]
        seeds = (*params.seeds, number + 1)
        steps = measure_density(chips, donors, stars, clean, seeds, params.settings)
        names = {"group": snakemake.wildcards.group, "exposure": chips[0].exposure}
        rows += [names | step for step in steps]
        log.info("%s: up to %.3f", chips[0].exposure, steps[-1]["cr_fraction"])
    write_table(Table(rows), snakemake.output[0])
