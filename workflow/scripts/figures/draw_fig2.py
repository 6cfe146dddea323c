"""Draw Figure 2: the flow chart of photometry."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.fig2 import draw_fig2
from crstudy.figures.style import save

with job(snakemake.log[0]):
    plt.style.use(snakemake.input.style)
    figure = draw_fig2(Table.read(snakemake.input.table))
    save(figure, *snakemake.output)
