"""Put the alignment of all groups into one table."""

from astropy.table import Table

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.reference.alignment_verdict import pool_alignment

with job(snakemake.log[0]), complete_file(snakemake.output[0]) as part:
    tables = [Table.read(path) for path in snakemake.input.alignment]
    pool_alignment(tables, snakemake.params.dataset).write(part, format="ascii.ecsv")
