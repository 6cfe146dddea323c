"""Put the photometry of all groups into one table."""

from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job

with job(snakemake):
    tables = [Table.read(path) for path in snakemake.input.photometry]
    table = vstack(tables, metadata_conflicts="silent")
    table.meta = {k: v for k, v in tables[0].meta.items() if k not in ("group", "steps")}
    table.meta["dataset"] = snakemake.params.dataset
    write_table(table, snakemake.output[0])
