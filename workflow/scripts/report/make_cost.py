"""Tabulate the cost of the study by stage, and predict that of the paper's study."""

from pathlib import Path

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.performance.cost import make_cost_table, measure_size, read_jobs

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    size = measure_size(params.groups, params.exposures)
    jobs = read_jobs(source.benchmarks, Path(snakemake.output[0]).parents[1])
    table = make_cost_table(jobs, params.per, size, params.dataset)
    write_table(table, snakemake.output[0])
    all_jobs = table[-1]
    log.info("%d jobs took %.0f s CPU", all_jobs["jobs"], all_jobs["cpu_s"])
    log.info(
        "the paper's study, full frames, would take %.1f h CPU and write %.0f GB",
        all_jobs["predicted_cpu_h"],
        all_jobs["predicted_written_gb"],
    )
