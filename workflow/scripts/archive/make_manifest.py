"""List what was fetched, and pin the exposures that are new."""

from crstudy.archive.manifest import pin_new, read_records
from crstudy.core.atomic import write_table
from crstudy.core.job import job

with job(snakemake) as log:
    table = read_records(snakemake.input.records)
    pinned = f"resources/manifest/{snakemake.params.dataset}.ecsv"
    new = pin_new(table, pinned)
    write_table(table, snakemake.output[0])
    log.info("%s: %d exposure(s) listed, %d pinned", pinned, len(table), len(new))
