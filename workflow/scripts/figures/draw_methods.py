"""Draw recall and cost of the methods."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.methods import draw_methods
from crstudy.figures.style import save

with job(snakemake.log[0]):
    plt.style.use(list(snakemake.input.style))
    recall = Table.read(snakemake.input.recall)
    recall = recall[recall["fpr"] == snakemake.params.rate]
    save(draw_methods(recall, Table.read(snakemake.input.speed)), *snakemake.output)
