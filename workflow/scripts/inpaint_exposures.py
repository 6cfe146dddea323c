"""Inpaint the pixels of a group's exposures that deepCR flags."""

from pathlib import Path

import torch

from crstudy.detector import inpaint, load_inpaint_net
from crstudy.exposure import read_exposure, read_images, write_images
from crstudy.files import complete_folder
from crstudy.joblog import job

with job(snakemake.log[0]) as log, complete_folder(snakemake.output[0]) as folder:
    torch.set_num_threads(snakemake.threads)
    net = load_inpaint_net(snakemake.input.weights)
    for path in snakemake.input.exposures:
        exposure = read_exposure(path)
        source = Path(snakemake.input.probability) / f"{exposure.name}_probability.fits"
        probability = read_images(source, "PROBABILITY")
        filled = {}
        for chip in exposure.chips:
            flagged = probability[chip.extver] > snakemake.params.threshold
            filled["INPAINT", chip.extver] = inpaint(
                net, chip.sci, flagged, snakemake.params.tile_px
            )
        write_images(folder / f"{exposure.name}_inpaint.fits", filled)
        log.info("%s: done", exposure.name)
