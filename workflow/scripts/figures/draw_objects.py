"""Draw how many true cosmic rays methods find, and what they flag in error."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.objects import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(
        draw(*map(read_input, (source.objects, source.purity, source.star_alarms))),
        *snakemake.output,
    )
