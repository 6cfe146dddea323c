"""Draw the audit of the reference."""

import matplotlib.pyplot as plt
from astropy.table import Table

from crstudy.core.job import job
from crstudy.figures.audit import draw_audit
from crstudy.figures.style import save

with job(snakemake.log[0]):
    source = snakemake.input
    plt.style.use(list(source.style))
    tables = [Table.read(path) for path in (source.audit, source.corrected, source.scale)]
    save(draw_audit(*tables), *snakemake.output)
