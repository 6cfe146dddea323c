"""Draw recall and cost of the methods."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.methods import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(
        draw(*map(read_input, (source.recall, source.speed)), snakemake.params.rate),
        *snakemake.output,
    )
