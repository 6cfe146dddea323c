"""Draw how fast the detector is, and where the time goes."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

from crstudy.joblog import job
from crstudy.plots import save
from crstudy.plots_inference import draw_inference

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    profile = json.loads(Path(snakemake.input.profile).read_text())
    save(draw_inference(profile), *snakemake.output)
