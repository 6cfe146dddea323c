"""Measure how reliable probabilities are: reliability diagrams, Brier score, ECE."""

from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.metrics.curves.reliability import (
    brier_differences,
    calibration_table,
    reliability_table,
)
from crstudy.metrics.curves.score_histograms import read_counts

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    groups, missing, observed = read_counts(snakemake.input.counts, len(params.groups))
    first, *others = params.methods
    differences = [brier_differences(groups, (m, first), params.resampling) for m in others]
    tables = {
        "reliability": reliability_table(groups, params.resampling),
        "calibration": calibration_table(groups, params.resampling),
        "differences": vstack(differences) if differences else Table(),
    }
    for name, table in tables.items():
        table.meta |= {"dataset": params.dataset, "missing": missing, "observed_with": observed}
        write_table(table, output[name])
