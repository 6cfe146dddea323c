"""Tabulate scores against the number of exposures behind the labels."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.core.job import job
from crstudy.reference.n_exposures import score_numbers

with job(snakemake):
    params, counts = snakemake.params, snakemake.input.counts
    if not counts:
        most = max(params.numbers)
        problem = f"no group has {most} exposures"
        raise StudyError("audit.n_exposures", problem, "lower its largest number, or leave it out")
    groups = [Table.read(path) for path in counts]
    write_table(score_numbers(groups, params.resampling, params.dataset), snakemake.output[0])
