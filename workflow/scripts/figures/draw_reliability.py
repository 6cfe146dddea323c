"""Draw the reliability of probabilities."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.reliability import draw_reliability
from crstudy.figures.style import save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    tables = Table.read(source.reliability), Table.read(source.calibration)
    save(draw_reliability(*tables), *snakemake.output)
