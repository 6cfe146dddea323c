"""Draw Figure 3: flux ratios of stars."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.photometry import draw_fig3
from crstudy.figures.style import published_numbers, save

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    published = published_numbers(snakemake.input.published)
    figure = draw_fig3(*map(Table.read, snakemake.input.tables), published)
    save(figure, *snakemake.output)
