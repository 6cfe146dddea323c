"""Draw Figure 3: flux ratios of stars."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import published_numbers, save
from crstudy.plots_photometry import draw_fig3

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    published = published_numbers(snakemake.input.published)
    figure = draw_fig3(*map(Table.read, snakemake.input.tables), published)
    save(figure, *snakemake.output)
