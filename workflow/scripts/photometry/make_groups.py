"""List the groups: dates, exposure times, cosmic-ray fractions."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.metrics.group_summary import describe_groups

with job(snakemake):
    params = snakemake.params
    files = iter(snakemake.input.exposures)
    exposures = {group: [next(files) for _ in names] for group, names in params.groups.items()}
    counts = {g: Table.read(p) for g, p in zip(params.groups, snakemake.input.counts, strict=True)}
    write_table(describe_groups(exposures, counts, params.dataset), snakemake.output[0])
