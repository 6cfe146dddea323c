"""Say whether probabilities mean what they say: reliability diagrams, Brier score, ECE."""

from astropy.table import Table, vstack

from crstudy.files import complete_file
from crstudy.joblog import job
from crstudy.reliability import brier_differences, calibration_table, reliability_table

with job(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    counts = [Table.read(path) for path in snakemake.input.counts]
    missing, observed = {}, set()
    for table in counts:
        observed |= set(table.meta["observed_with"])
        missing.setdefault(table.meta["method"], []).extend(table.meta["missing"])
    # The counts of all methods, group by group.
    n = len(params.groups)
    groups = [vstack(counts[i::n], metadata_conflicts="silent") for i in range(n)]
    first, *others = params.methods
    differences = [brier_differences(groups, (m, first), params.resampling) for m in others]
    tables = {
        "reliability": reliability_table(groups, params.resampling),
        "calibration": calibration_table(groups, params.resampling),
        "differences": vstack(differences) if differences else Table(),
    }
    for name, table in tables.items():
        table.meta |= {"dataset": params.dataset, "missing": missing}
        table.meta["observed_with"] = ", ".join(sorted(observed))
        with complete_file(output[name]) as part:
            table.write(part, format="ascii.ecsv")
