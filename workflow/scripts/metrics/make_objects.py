"""Put true cosmic rays found, purity and false alarms on stars into tables, with intervals."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.core.job import job
from crstudy.metrics.objects.tables import object_tables
from crstudy.metrics.pooling import collect_missing, collect_observed_with

with job(snakemake):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    kinds = ("objects", "purity", "pixels", "stars")
    counts = {kind: [Table.read(path) for path in source[kind]] for kind in kinds}
    missing = collect_missing(counts["objects"])
    observed = collect_observed_with(counts["objects"])
    meta = {"dataset": params.dataset, "observed_with": observed, "missing": missing}
    thresholds = Table.read(source.thresholds)
    meta["thresholds"] = thresholds.meta["thresholds"]
    # Groups on which every method has failed.
    counts = {kind: [table for table in tables if len(table)] for kind, tables in counts.items()}
    if not counts["objects"]:
        problem = "no method has flagged any exposure"
        raise StudyError(params.dataset, problem, "see the logs of score_exposures")
    tables = object_tables(counts, params.methods, missing, thresholds, params.resampling)
    for name, table in tables.items():
        table.meta |= meta
        write_table(table, output[name])
