"""Pool the density steps of all groups and fit lines."""

from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.photometry.density_fit import fit_density

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    density = vstack([Table.read(path) for path in snakemake.input.density])
    observed_with = Table.read(snakemake.input.groups).meta["observed_with"]
    meta = {"dataset": params.dataset, "observed_with": observed_with, **params.settings}
    density.meta = meta
    write_table(density, output.density)
    fits = fit_density(density, params.settings["min_stars"], params.resampling, meta)
    write_table(fits, output.fits)
