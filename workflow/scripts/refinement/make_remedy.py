"""Tabulate what mask refinement on stars changes."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.metrics.pooling import collect_observed_with
from crstudy.refinement.settings import chosen_settings
from crstudy.refinement.tables import mask_score_table, repair_table

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    counts = [Table.read(path) for path in source.counts]
    photometry = [Table.read(path) for path in source.photometry]
    settings = Table.read(source.settings)
    chosen = chosen_settings(settings)
    meta = {
        "dataset": params.dataset,
        "observed_with": collect_observed_with(counts),
        "model": params.model,
        "settings": {name: one._asdict() for name, one in chosen.items()},
        "tuned_on": settings.meta["tuned_on"],
        "criterion": settings.meta["criterion"],
    }
    tables = {
        "scores": mask_score_table(counts, params.resampling),
        "photometry": repair_table(photometry, params.flux_sigma, params.resampling),
    }
    for name, table in tables.items():
        table.meta |= meta
        write_table(table, snakemake.output[name])
    log.info("%s", meta["settings"])
