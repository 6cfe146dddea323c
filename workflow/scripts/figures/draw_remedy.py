"""Draw what the remedies for stars change."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.refinement import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(draw(*map(read_input, (source.scores, source.photometry))), *snakemake.output)
