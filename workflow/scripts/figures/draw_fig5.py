"""Draw Figure 5: stars whose flux ratio is clearly too large."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.paper.fig4_fig5 import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(draw(*map(read_input, [source.table]), "fig5"), *snakemake.output)
