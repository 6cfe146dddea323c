"""Measure how well the exposures of a group are registered, and correct those that are not."""

from crstudy.archive.manifest import check_distinct, fetched_files, read_records
from crstudy.core.atomic import write_table
from crstudy.core.formatting import decimal
from crstudy.core.job import job
from crstudy.reference.align import align_group
from crstudy.reference.alignment_verdict import why_excluded

with job(snakemake) as log:
    group, records = snakemake.wildcards.group, snakemake.input.records
    check_distinct(group, read_records(records))
    table = align_group(group, fetched_files(records), **snakemake.params.settings)
    write_table(table, snakemake.output[0])
    for row in table[table["exposure"] != table["compared_with"]]:
        words = row["exposure"], row["method"], row["matches"], decimal(row["residual"], 3)
        log.info("%s: %s; %d sources in common, residual (px) %s", *words)
    if problem := why_excluded(table):
        log.warning("%s", problem)
