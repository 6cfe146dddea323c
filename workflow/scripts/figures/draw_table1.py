"""Draw Table 1."""

import matplotlib.pyplot as plt

from crstudy.core.job import job
from crstudy.figures.paper.table1 import draw
from crstudy.figures.style import read_input, save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    save(draw(*map(read_input, (source.table, source.published))), *snakemake.output)
