"""Draw the accuracy of fluxes, and the stars that deepCR harms or repairs."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.photometry import draw_accuracy
from crstudy.figures.style import save

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    figure = draw_accuracy(*map(Table.read, snakemake.input.tables))
    save(figure, *snakemake.output)
