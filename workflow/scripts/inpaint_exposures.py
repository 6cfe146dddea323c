"""Inpaint the pixels of a group's exposures that deepCR flags."""

from pathlib import Path

from crstudy.detector import load_inpainter
from crstudy.exposure import read_exposure, read_images, write_images
from crstudy.files import complete_folder
from crstudy.joblog import job
from crstudy.overlap import read_ahead, write_behind
from crstudy.probabilities import EXTNAME

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
