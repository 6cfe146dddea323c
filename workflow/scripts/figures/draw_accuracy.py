"""Draw the accuracy of fluxes, and the stars that deepCR harms or repairs."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.accuracy import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(draw(*map(read_input, source.tables)), *snakemake.output)
