"""Simulate an exposure with its truth."""

from pathlib import Path

from astropy.table import Table

from crstudy.core.job import job
from crstudy.simulation.acs import simulate_exposure

with job(snakemake):
    params = snakemake.params
    simulate_exposure(
        Table.read(snakemake.input.catalogue),
        snakemake.output.flc,
        snakemake.output.truth,
        seed=params.seed,
        group=params.group,
        number=params.number,
        settings=params.settings,
        templates=Path(snakemake.input.templates[0]).parent,
    )
