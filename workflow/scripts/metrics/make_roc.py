"""Compare the methods: ROC and precision-recall curves, recall at matched false-positive rates."""

from astropy.table import Table, vstack

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.metrics.curves.roc_tables import (
    average_precision_table,
    curve_table,
    paired_difference,
    recall_table,
)
from crstudy.metrics.curves.score_histograms import read_counts
from crstudy.metrics.curves.thresholds import describe_thresholds, threshold_table
from crstudy.metrics.names import all_strata

with job(snakemake) as log:
    params, output = snakemake.params, snakemake.output
    held_out = [Table.read(path) for path in snakemake.input.held_out]
    groups, missing, observed = read_counts(snakemake.input.counts, len(params.groups))
    first, *others = params.methods
    rates, resampling = params.rates, params.resampling
    differences = [paired_difference(groups, (m, first), rates, resampling) for m in others]
    tables = {
        "roc": curve_table([all_strata(table) for table in groups]),
        "recall": recall_table(groups, rates, resampling),
        "average_precision": average_precision_table(groups, resampling),
        "differences": vstack(differences) if differences else Table(),
        "thresholds": threshold_table(
            held_out or groups, params.matched_rate, params.own, params.star_region
        ),
    }
    words = describe_thresholds(params.matched_rate, params.n_held_out, params.star_region)
    tables["thresholds"].meta["thresholds"] = words
    for name, table in tables.items():
        table.meta |= {"dataset": params.dataset, "missing": missing, "observed_with": observed}
        path = output[name]
        write_table(table, path)
    for method, exposures in missing.items():
        if exposures:
            log.warning("%s is missing for %s", method, ", ".join(exposures))
