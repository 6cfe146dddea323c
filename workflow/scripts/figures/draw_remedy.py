"""Draw what the remedies for stars change."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.refinement import draw_remedy
from crstudy.figures.style import save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    figure = draw_remedy(Table.read(source.scores), Table.read(source.photometry))
    save(figure, *snakemake.output)
