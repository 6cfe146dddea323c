"""Put the speed of the methods into one table."""

from itertools import chain
from pathlib import Path

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.performance.cost import measure_size, read_jobs, speed_table

with job(snakemake):
    params, results = snakemake.params, Path(snakemake.output[0]).parents[1]
    one = snakemake.input.exposures[0]
    mpx = measure_size({"one": [one]}, [one]).mpx
    jobs = {
        method: list(chain(*read_jobs(paths, results).values()))
        for method, paths in params.benchmarks.items()
    }
    sizes = {method: n * mpx for method, n in params.n_exposures.items()}
    table = speed_table(jobs, sizes)
    table.meta |= {"dataset": params.dataset}
    write_table(table, snakemake.output[0])
