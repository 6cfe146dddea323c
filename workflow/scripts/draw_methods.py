"""Draw recall and cost of the methods."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import save
from crstudy.plots_methods import draw_methods

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    recall = Table.read(snakemake.input.recall)
    recall = recall[recall["fpr"] == snakemake.params.rate]
    save(draw_methods(recall, Table.read(snakemake.input.speed)), *snakemake.output)
