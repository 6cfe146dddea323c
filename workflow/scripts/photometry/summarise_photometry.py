"""Summarise the photometry of each group."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.photometry.summary import summarise

with job(snakemake):
    photometry, groups = Table.read(snakemake.input.photometry), Table.read(snakemake.input.groups)
    params = snakemake.params
    table = summarise(photometry, groups, params.flux_sigma, params.resampling)
    write_table(table, snakemake.output[0])
