"""Draw what the remedies for stars change."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import save
from crstudy.plots_remedy import draw_remedy

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    figure = draw_remedy(Table.read(source.scores), Table.read(source.photometry))
    save(figure, *snakemake.output)
