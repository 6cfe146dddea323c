"""Pool the photometric numbers for every alternative choice."""

from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.photometry.sensitivity import make_sensitivity_table

with job(snakemake):
    params, source = snakemake.params, snakemake.input
    variants = vstack([Table.read(path) for path in source.variants], metadata_conflicts="silent")
    photometry = Table.read(source.photometry)
    table = make_sensitivity_table(photometry, variants, params.settings, params.resampling)
    table.meta["dataset"] = params.dataset
    write_table(table, snakemake.output[0])
