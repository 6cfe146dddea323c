"""Pool the counts of all groups into Table 1."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.metrics.published_table1 import published_table1
from crstudy.metrics.table1 import make_table1, to_latex, to_markdown

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    counts = [Table.read(path) for path in snakemake.input.counts]
    published = published_table1(
        yaml.safe_load(Path(snakemake.input.published).read_text(encoding="utf-8"))
    )
    table = make_table1(counts, params.resampling, params.dataset)
    write_table(table, output.ecsv)
    Path(output.md).write_text(to_markdown(table, published), encoding="utf-8")
    Path(output.tex).write_text(to_latex(table, published), encoding="utf-8")
