"""List what was fetched, and pin the exposures that are new."""

from crstudy.archive.manifest import pin_new, read_records
from crstudy.core.atomic import complete_file
from crstudy.core.job import job

with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    table, _ = read_records(snakemake.input.records)
    table.write(part, format="ascii.ecsv")
    pinned = f"resources/manifest/{snakemake.params.dataset}.ecsv"
    new = pin_new(table, pinned)
    log.info("%s: %d exposure(s) listed, %d pinned", pinned, len(table), len(new))
