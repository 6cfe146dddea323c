"""Draw the stars and galaxies of a simulated group."""

from pathlib import Path

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.simulation.acs import simulate_catalogue

with job(snakemake.log[0]) as log:
    params = snakemake.params
    catalogue = simulate_catalogue(
        params.seed, params.number, params.settings, Path(snakemake.input.templates[0]).parent
    )
    log.info("%s: %d sources", catalogue.meta["field_class"], len(catalogue))
    with complete_file(snakemake.output[0]) as part:
        catalogue.write(part, format="ascii.ecsv")
