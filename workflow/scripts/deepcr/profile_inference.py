"""Measure how fast the detector is on the exposures of a group, and where the time goes."""

import json
from pathlib import Path

from crstudy.core.atomic import complete_file, scratch_folder
from crstudy.core.job import job
from crstudy.deepcr.detector import load_detector
from crstudy.deepcr.predict import read_chips
from crstudy.performance.profile import profile_inference

with job(snakemake) as log:
    source, params, threads = snakemake.input, snakemake.params, snakemake.threads
    detector = load_detector(params.model, source.weights, source.net, params.device, threads)
    # Where the study writes its maps, too.
    with scratch_folder(Path(snakemake.output.profile).parent) as maps:
        measured = profile_inference(detector, source.exposures, maps, threads)
    with complete_file(snakemake.output.profile) as part:
        part.write_text(
            json.dumps({"dataset": params.dataset} | measured, indent=2) + "\n", encoding="utf-8"
        )
    log.info("%.2f Mpx/s on %s", measured["mpx_per_s"], measured["device"])
    if snakemake.output.get("trace"):
        from crstudy.deepcr.torch_backend import TorchNet
        from crstudy.performance.torch_probe import write_trace

        net = detector.net
        if not isinstance(net, TorchNet):
            net = TorchNet(params.model, source.weights, "cpu", threads)
        _, chips = read_chips(source.exposures[0])
        write_trace(snakemake.output.trace, net, detector, next(iter(chips.values())))
