"""Draw the accuracy of fluxes, and the stars that deepCR harms or repairs."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import save
from crstudy.plots_photometry import draw_accuracy

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    figure = draw_accuracy(*map(Table.read, snakemake.input.tables))
    save(figure, *snakemake.output)
