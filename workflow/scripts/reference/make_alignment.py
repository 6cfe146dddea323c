"""Put the alignment of all groups into one table."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.reference.alignment_verdict import pool_alignment

with job(snakemake):
    tables = [Table.read(path) for path in snakemake.input.alignment]
    write_table(pool_alignment(tables, snakemake.params.dataset), snakemake.output[0])
