"""Compare the methods: ROC and precision-recall curves, recall at matched false-positive rates."""

from astropy.table import Table, vstack

from crstudy.files import complete_file
from crstudy.joblog import job
from crstudy.roctables import average_precision_table, curve_table, paired_difference, recall_table
from crstudy.thresholds import describe_thresholds, threshold_table

with job(snakemake.log[0]) as log:
    params, output = snakemake.params, snakemake.output
    counts = [Table.read(path) for path in snakemake.input.counts]
    held_out = [Table.read(path) for path in snakemake.input.held_out]
    missing, observed = {}, set()
    for table in counts:
        observed |= set(table.meta["observed_with"])
        missing.setdefault(table.meta["method"], []).extend(table.meta["missing"])
    # The counts of all methods, group by group.
    n = len(params.groups)
    groups = [vstack(counts[i::n], metadata_conflicts="silent") for i in range(n)]
    first, *others = params.methods
    rates, resampling = params.rates, params.resampling
    differences = [paired_difference(groups, (m, first), rates, resampling) for m in others]
    tables = {
        "roc": curve_table(groups),
        "recall": recall_table(groups, rates, resampling),
        "average_precision": average_precision_table(groups, resampling),
        "differences": vstack(differences) if differences else Table(),
        "thresholds": threshold_table(held_out or counts, params.matched_rate, params.own),
    }
    words = describe_thresholds(params.matched_rate, params.n_held_out)
    tables["thresholds"].meta["thresholds"] = words
    for name, table in tables.items():
        table.meta |= {"dataset": params.dataset, "missing": missing}
        table.meta["observed_with"] = ", ".join(sorted(observed))
        path = output[name]
        with complete_file(path) as part:
            table.write(part, format="parquet" if path.endswith(".parquet") else "ascii.ecsv")
    for method, exposures in missing.items():
        if exposures:
            log.warning("%s is missing for %s", method, ", ".join(exposures))
