"""Draw the ROC and precision-recall curves of the methods."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.methods import draw_roc
from crstudy.figures.style import save

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    save(draw_roc(Table.read(snakemake.input.table)), *snakemake.output)
