"""Simulated data: completeness and purity of the star sample, and the negative control."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.photometry.accuracy import make_control_table
from crstudy.photometry.completeness import make_sample_table

with job(snakemake):
    photometry, params = Table.read(snakemake.input.photometry), snakemake.params
    matches = [Table.read(path) for path in snakemake.input.matches]
    tables = {
        "sample": make_sample_table(params.groups, matches, photometry),
        "control": make_control_table(photometry, params.flux_sigma, params.resampling),
    }
    for name, table in tables.items():
        table.meta["dataset"] = params.dataset
        write_table(table, snakemake.output[name])
