"""Score the pixels of a field's exposures with nets whose input is multiplied by factors."""

from dataclasses import replace

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.csst.score_maps import rescaled_folder, score_rescaled
from crstudy.data.score_maps import write_scores
from crstudy.deepcr.detector import load_detector
from crstudy.deepcr.predict import map_exposures, read_chips
from crstudy.deepcr.prefetch import read_ahead, write_behind

with (
    job(snakemake.log[0]) as log,
    complete_folder(snakemake.output[0]) as folder,
    write_behind() as write,
):
    source, params = snakemake.input, snakemake.params
    files = dict(zip(params.deepcr, zip(source.weights, source.nets, strict=True), strict=True))
    for name, module in params.modules.items():
        for scale in params.scales:
            target = rescaled_folder(folder, name, scale)
            target.mkdir(parents=True)
            exposures = read_ahead(read_chips, source.exposures)
            if module is None:
                net = load_detector(name, *files[name], params.device, snakemake.threads)
                net = replace(net, input_scale_e=net.input_scale_e / scale)
                done = [exposure for exposure, _ in map_exposures(net, exposures, target, write)]
                log.info("%s, input scale %g: %d exposures", name, scale, len(done))
                continue
            for exposure, chips in exposures:
                maps, missing = score_rescaled(name, module, chips, scale)
                write_scores(target / f"{exposure}_score.fits", maps, missing)
                log.info("%s, input scale %g: %s %s", name, scale, exposure, missing or "done")
