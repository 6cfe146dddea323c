"""Measure how the exposures of a group lie on one another, and correct what is off."""

from pathlib import Path

from astropy.table import Table

from crstudy.alignment import align_group
from crstudy.alignmenttable import why_excluded
from crstudy.files import complete_file
from crstudy.formats import decimal
from crstudy.joblog import job

with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    records = [Table.read(path)[0] for path in snakemake.input.records]
    paths = {record["dataset"]: Path(record["path"]) for record in records}
    table = align_group(snakemake.wildcards.group, paths, **snakemake.params.settings)
    table.write(part, format="ascii.ecsv")
    for row in table[1:]:
        words = row["exposure"], row["method"], row["matches"], decimal(row["residual"], 3)
        log.info("%s: %s; %d sources in common, residual (px) %s", *words)
    if problem := why_excluded(table):
        log.warning("%s", problem)
