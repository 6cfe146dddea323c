"""Draw what methods reach on CSST exposures against exposure time."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.csst import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(
        draw(*map(read_input, (source.scores, source.photometry, source.published))),
        *snakemake.output,
    )
