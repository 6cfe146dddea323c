"""Draw the ROC and precision-recall curves of the methods."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import save
from crstudy.plots_methods import draw_roc

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    save(draw_roc(Table.read(snakemake.input.table)), *snakemake.output)
