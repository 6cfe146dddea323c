"""Draw how many true cosmic rays methods find, and what they flag in error."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.objects import draw_objects
from crstudy.figures.style import save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    tables = [Table.read(path) for path in (source.objects, source.purity, source.star_alarms)]
    save(draw_objects(*tables), *snakemake.output)
