"""Put the alignment of all groups into one table."""

from astropy.table import Table

from crstudy.alignmenttable import pool_alignment
from crstudy.files import complete_file
from crstudy.joblog import job

with job(snakemake.log[0]), complete_file(snakemake.output[0]) as part:
    tables = [Table.read(path) for path in snakemake.input.alignment]
    pool_alignment(tables, snakemake.params.dataset).write(part, format="ascii.ecsv")
