"""Summarise the photometry of each group."""

from astropy.table import Table

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.photometry.summary import summarise

with job(snakemake.log[0]), complete_file(snakemake.output[0]) as part:
    photometry, groups = Table.read(snakemake.input.photometry), Table.read(snakemake.input.groups)
    params = snakemake.params
    table = summarise(photometry, groups, params.flux_sigma, params.resampling)
    table.write(part, format="ascii.ecsv")
