"""Draw Figure 2: the flow chart of photometry."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.paper.fig2 import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(draw(*map(read_input, [source.table])), *snakemake.output)
