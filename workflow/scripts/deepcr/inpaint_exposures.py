"""Inpaint the pixels of a group's exposures that deepCR flags."""

from pathlib import Path

from crstudy.cleaning.frames import Cleaned, Image, describe, write_inpainted
from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.data.exposure import read_exposure
from crstudy.data.score_maps import read_scores
from crstudy.deepcr.detector import load_inpainter
from crstudy.deepcr.prefetch import read_ahead, write_behind
from crstudy.deepcr.weights import find_weights
from crstudy.instrument.dq import Dq

with (
    job(snakemake) as log,
    complete_folder(snakemake.output[0]) as folder,
    write_behind() as write,
):
    source, params = snakemake.input, snakemake.params
    inpainter = load_inpainter(source.weights, source.net, params.device, snakemake.threads)
    bit, net = int(Dq.CRSPLIT_CR), (params.model, find_weights(params.model).sha256)
    history = describe(*net, params.threshold, bit, ["INPAINT: flagged pixels replaced"])
    exposures = read_ahead(read_exposure, source.exposures)
    for path, exposure in zip(source.exposures, exposures, strict=True):
        probability = read_scores(source.probability, exposure.name)
        found = []
        for chip in exposure.chips:
            flagged = probability[chip.extver] > params.threshold
            filled = inpainter.inpaint(chip.sci, flagged)
            image = Image(("SCI", chip.extver), chip.extver, chip.sci)
            found.append(Cleaned(image, flagged, filled))
        target = folder / f"{exposure.name}_inpaint.fits"
        write(write_inpainted, Path(path), target, found, bit, history)
        log.info("%s: done", exposure.name)
