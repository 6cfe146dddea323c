"""Set every published number beside the measured one."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.comparison import compare_published, to_markdown
from crstudy.files import complete_file
from crstudy.joblog import job
from crstudy.measured import Results

with job(snakemake.log[0]):
    output = snakemake.output
    tables = {Path(path).stem: Table.read(path) for path in snakemake.input.tables}
    published = yaml.safe_load(Path(snakemake.input.published).read_text())
    results = Results(tables, snakemake.params.confidence)
    table = compare_published(results, published)
    with complete_file(output.ecsv) as part:
        table.write(part, format="ascii.ecsv")
    Path(output.md).write_text(to_markdown(table, published))
