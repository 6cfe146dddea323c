"""Draw the stars and galaxies of a simulated group."""

from pathlib import Path

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.simulation.acs import simulate_catalogue

with job(snakemake) as log:
    params = snakemake.params
    catalogue = simulate_catalogue(
        params.seed, params.number, params.settings, Path(snakemake.input.templates[0]).parent
    )
    log.info("%s: %d sources", catalogue.meta["field_class"], len(catalogue))
    write_table(catalogue, snakemake.output[0])
