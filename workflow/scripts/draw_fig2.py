"""Draw Figure 2: the flow chart of photometry."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import save
from crstudy.plots_workflow import draw_fig2

with job(snakemake.log[0]):
    plt.style.use(snakemake.input.style)
    figure = draw_fig2(Table.read(snakemake.input.table))
    save(figure, *snakemake.output)
