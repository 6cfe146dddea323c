"""Inpaint the pixels of a group's exposures that deepCR flags."""

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.data.exposure import read_exposure, write_images
from crstudy.data.score_maps import read_scores
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
        probability = read_scores(source.probability, exposure.name)
        filled = {}
        for chip in exposure.chips:
            flagged = probability[chip.extver] > params.threshold
            filled["INPAINT", chip.extver] = inpainter.inpaint(chip.sci, flagged)
        write(write_images, folder / f"{exposure.name}_inpaint.fits", filled)
        log.info("%s: done", exposure.name)
