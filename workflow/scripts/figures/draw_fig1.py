"""Draw Figure 1: dates, exposure times and cosmic rays of the groups."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.paper.fig1 import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(draw(*map(read_input, (*source.tables, source.published))), *snakemake.output)
