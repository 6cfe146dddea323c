"""Find the mixtures of strata that the paper's Table 1 does not exclude."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.metrics.mixtures import mixture_table
from crstudy.metrics.pooling import collect_observed_with
from crstudy.metrics.published_table1 import published_table1

with job(snakemake):
    params = snakemake.params
    counts = [Table.read(path) for path in snakemake.input.counts]
    published = published_table1(
        yaml.safe_load(Path(snakemake.input.published).read_text(encoding="utf-8"))
    )
    table = mixture_table(counts, published, params.model, params.resampling)
    table.meta |= {"dataset": params.dataset, "observed_with": collect_observed_with(counts)}
    write_table(table, snakemake.output[0])
