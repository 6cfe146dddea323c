"""Map the probability of a cosmic ray over a group's exposures."""

import numpy as np
import torch

from crstudy.detector import load_mask_net, probability_map
from crstudy.exposure import read_exposure, write_images
from crstudy.files import complete_folder
from crstudy.joblog import job
from crstudy.weights import WEIGHTS

with job(snakemake.log[0]) as log, complete_folder(snakemake.output[0]) as folder:
    torch.set_num_threads(snakemake.threads)
    scale = WEIGHTS[snakemake.wildcards.model].input_scale_e
    net = load_mask_net(snakemake.input.weights, scale)
    for path in snakemake.input.exposures:
        exposure = read_exposure(path)
        maps = {
            ("PROBABILITY", c.extver): probability_map(net, c.sci, snakemake.params.tile_px)
            for c in exposure.chips
        }
        write_images(folder / f"{exposure.name}_probability.fits", maps)
        unusable = sum(int(np.isnan(m).sum()) for m in maps.values())
        log.info("%s: done, %d non-finite pixels left out", exposure.name, unusable)
