"""Bias and scatter against magnitude; stars degraded and stars repaired."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.photometry.accuracy import make_magnitude_table, make_repair_table

with job(snakemake):
    photometry, params = Table.read(snakemake.input.photometry), snakemake.params
    shared = {"dataset": params.dataset}
    table = make_magnitude_table(photometry, params.flux_sigma, params.resampling)
    table.meta |= shared
    write_table(table, snakemake.output.magnitude)
    table = make_repair_table(
        photometry, params.area_edges_px, params.flux_sigma, params.resampling
    )
    table.meta |= shared
    write_table(table, snakemake.output.repair)
