"""Draw how fast the detector is, and where the time goes."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.inference import draw_inference
from crstudy.figures.style import save

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    profile = json.loads(Path(snakemake.input.profile).read_text())
    save(draw_inference(profile), *snakemake.output)
