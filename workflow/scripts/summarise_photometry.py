"""Summarise the photometry of each group."""

from astropy.table import Table

from crstudy.files import complete_file
from crstudy.joblog import job
from crstudy.summary import summarise

with job(snakemake.log[0]), complete_file(snakemake.output[0]) as part:
    photometry, groups = Table.read(snakemake.input.photometry), Table.read(snakemake.input.groups)
    params = snakemake.params
    table = summarise(photometry, groups, params.flux_sigma, params.resampling)
    table.write(part, format="ascii.ecsv")
