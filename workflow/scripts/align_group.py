"""Measure how the exposures of a group lie on one another, and correct what is off."""

from crstudy.alignment import align_group
from crstudy.alignmenttable import why_excluded
from crstudy.files import complete_file
from crstudy.formats import decimal
from crstudy.joblog import job
from crstudy.manifest import read_records

with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    _, paths = read_records(snakemake.input.records)
    table = align_group(snakemake.wildcards.group, paths, **snakemake.params.settings)
    table.write(part, format="ascii.ecsv")
    for row in table[table["exposure"] != table["compared_with"]]:
        words = row["exposure"], row["method"], row["matches"], decimal(row["residual"], 3)
        log.info("%s: %s; %d sources in common, residual (px) %s", *words)
    if problem := why_excluded(table):
        log.warning("%s", problem)
