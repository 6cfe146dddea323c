"""Compare every published number with the measured one."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.report.measured import Results
from crstudy.report.published import compare_published, to_markdown

with job(snakemake):
    output = snakemake.output
    tables = {Path(path).stem: Table.read(path) for path in snakemake.input.tables}
    published = yaml.safe_load(Path(snakemake.input.published).read_text(encoding="utf-8"))
    results = Results(tables, snakemake.params.confidence)
    table = compare_published(results, published)
    write_table(table, output.ecsv)
    Path(output.md).write_text(to_markdown(table, published), encoding="utf-8")
