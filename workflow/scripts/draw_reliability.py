"""Draw the reliability of probabilities."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.joblog import job
from crstudy.plots import save
from crstudy.plots_reliability import draw_reliability

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    tables = Table.read(source.reliability), Table.read(source.calibration)
    save(draw_reliability(*tables), *snakemake.output)
