"""Write the report on single exposures of CSST as one self-contained HTML page."""

from pathlib import Path

from astropy.table import Table

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.report.csst_page import make_csst_context
from crstudy.report.page import embed, link, render

with job(snakemake), complete_file(snakemake.output[0]) as part:
    source, page = snakemake.input, snakemake.output[0]
    context = make_csst_context(
        {Path(path).stem: Table.read(path) for path in source.tables},
        Path(source.verdict).read_text(encoding="utf-8"),
        {Path(path).stem: embed(path, page) for path in source.figures},
        snakemake.params.csst,
        snakemake.params.held_out,
        {Path(path).stem: link(path, page) for path in source.tables},
    )
    part.write_text(render(context, source.template, source.css), encoding="utf-8")
