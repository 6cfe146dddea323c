"""Map the probability of a cosmic ray over a group's exposures."""

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.deepcr.detector import load_detector
from crstudy.deepcr.predict import map_exposures, read_chips
from crstudy.deepcr.prefetch import read_ahead, write_behind

with (
    job(snakemake) as log,
    complete_folder(snakemake.output[0]) as folder,
    write_behind() as write,
):
    source, params = snakemake.input, snakemake.params
    name, hardware = snakemake.wildcards.model, (params.device, snakemake.threads)
    detector = load_detector(name, source.weights, source.net, *hardware, params.own)
    exposures = read_ahead(read_chips, source.exposures)
    for name, unusable in map_exposures(detector, exposures, folder, write):
        log.info("%s: done, %d non-finite pixels left out", name, unusable)
