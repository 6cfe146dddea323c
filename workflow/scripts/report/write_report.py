"""Write the report as one self-contained HTML page."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.photometry.gallery import read_gallery
from crstudy.pipeline.provenance import checksums, commit, versions, weights
from crstudy.report.page import embed, make_context, render, shorter_sides

with job(snakemake.log[0]), complete_file(snakemake.output[0]) as part:
    source = snakemake.input
    paths = [*source.tables, *source.measured]
    tables = {Path(path).stem: Table.read(path) for path in paths}
    if source.exposures_kept:
        tables["n_exposures_simulated"] = Table.read(source.exposures_kept[0])
    pictures = {Path(path).stem: embed(path) for path in source.figures}
    config, published = (
        yaml.safe_load(Path(path).read_text()) for path in (source.config, source.published)
    )
    provenance = {
        "versions": versions(),
        "commit": commit("."),
        "weights": weights(config["detector"]["models"]),
        "checksums": checksums([*source.tables, source.gallery]),
    }
    gallery = read_gallery(source.gallery).meta
    sides = shorter_sides(source.exposures)
    context = make_context(tables, gallery, pictures, config, published, sides, provenance)
    part.write_text(render(context, source.template, source.css))
