"""Draw Figure 7: F scores on stars against date."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.style import published_numbers, save
from crstudy.figures.trends import draw_fig7

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    published = published_numbers(snakemake.input.published)
    figure = draw_fig7(*map(Table.read, snakemake.input.tables), published)
    save(figure, *snakemake.output)
