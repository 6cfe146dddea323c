"""Scores on stars and photometric RMS of each group against date, with trends."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.photometry.stability import find_trends, score_groups

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    counts = {g: Table.read(p) for g, p in zip(params.groups, snakemake.input.counts, strict=True)}
    summary = Table.read(snakemake.input.summary)
    stability = score_groups(counts, summary, params.region, params.model)
    write_table(stability, output.stability)
    write_table(find_trends(stability, params.confidence), output.trends)
