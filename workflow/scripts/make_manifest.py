"""List what was fetched, and pin the exposures that are new."""

from astropy.table import Table

from crstudy.files import complete_file
from crstudy.joblog import job
from crstudy.manifest import pin_new, stack

with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    records = [Table.read(path) for path in snakemake.input.records]
    for record in records:
        record.remove_column("path")
    table = stack(records)
    table.write(part, format="ascii.ecsv")
    pinned = f"resources/manifest/{snakemake.params.dataset}.ecsv"
    new = pin_new(table, pinned)
    if new:
        log.info("%s: %d exposure(s) pinned; review and commit it", pinned, len(new))
