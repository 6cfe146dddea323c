"""Tabulate the fluxes of stars that each method repairs, degrades and leaves wrong."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.photometry.method_fluxes import method_flux_table

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    groups = [Table.read(path) for path in source.fluxes]
    table = method_flux_table(groups, params.resampling)
    table.meta |= {
        "dataset": params.dataset,
        "thresholds": Table.read(source.thresholds).meta["thresholds"],
        "wrong": f"by more than {params.flux_sigma:g} flux errors from the exposure without the "
        "charge of its cosmic rays; repaired: of hit, right; degraded: of free, wrong",
    }
    write_table(table, snakemake.output[0])
    log.info("%d methods, %d groups", len(set(table["method"])), len(groups))
