"""Inpaint the pixels of a group's exposures that deepCR flags."""

from pathlib import Path

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.data.exposure import read_exposure, read_images, write_images
from crstudy.data.score_maps import EXTNAME
from crstudy.deepcr.detector import load_inpainter
from crstudy.deepcr.prefetch import read_ahead, write_behind

with (
    job(snakemake.log[0]) as log,
    complete_folder(snakemake.output[0]) as folder,
    write_behind() as write,
):
    source, params = snakemake.input, snakemake.params
    inpainter = load_inpainter(source.weights, source.net, params.device, snakemake.threads)
    for exposure in read_ahead(read_exposure, source.exposures):
        found = Path(source.probability) / f"{exposure.name}_probability.fits"
        probability = read_images(found, EXTNAME)
        filled = {}
        for chip in exposure.chips:
            flagged = probability[chip.extver] > params.threshold
            filled["INPAINT", chip.extver] = inpainter.inpaint(chip.sci, flagged)
        write(write_images, folder / f"{exposure.name}_inpaint.fits", filled)
        log.info("%s: done", exposure.name)
