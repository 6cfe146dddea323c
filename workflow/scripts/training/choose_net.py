"""Choose the target offset of a net on its validation groups."""

from pathlib import Path

from astropy.table import Table

from crstudy.core.atomic import complete_file, write_table
from crstudy.core.checksums import sha256
from crstudy.core.job import job
from crstudy.training.choice import choose_offset

with job(snakemake) as log:
    source, output = snakemake.input, snakemake.output
    best, table = choose_offset(list(map(Table.read, source.tables)))
    with complete_file(output.weights) as part:
        part.write_bytes(Path(source.weights[best]).read_bytes())
    table.meta["sha256"] = sha256(output.weights)
    log.info("target offset %g: sha256 %s", table.meta["target_offset"], table.meta["sha256"])
    write_table(table, output.table)
