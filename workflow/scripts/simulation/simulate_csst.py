"""Simulate a field of the CSST survey camera: its sources, and its exposures with their truth."""

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.simulation.csst import simulate_field, simulate_tile

with job(snakemake) as log:
    params, output = snakemake.params, snakemake.output
    catalogue = simulate_field(params.seed, params.field, params.settings)
    log.info("%s: %d sources", catalogue.meta["field_class"], len(catalogue))
    write_table(catalogue, output.catalogue)
    for flc, truth, exptime_s in zip(
        output.exposures, output.truth, params.settings["exptimes_s"], strict=True
    ):
        simulate_tile(
            catalogue,
            flc,
            truth,
            seed=params.seed,
            field=params.field,
            exptime_s=exptime_s,
            settings=params.settings,
        )
        log.info("%d s: done", exptime_s)
