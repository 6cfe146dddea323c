"""Write the report as one self-contained HTML page."""

from pathlib import Path

import yaml
from astropy.io import fits
from astropy.table import Table

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.photometry.gallery import read_gallery
from crstudy.pipeline.provenance import checksums, commit, describe_weights, versions
from crstudy.report.page import embed, link, make_context, render, shorter_sides

with job(snakemake), complete_file(snakemake.output[0]) as part:
    source = snakemake.input
    page = snakemake.output[0]
    paths = {Path(path).stem: path for path in [*source.tables, *source.measured]}
    paths |= dict(zip(["n_exposures_simulated"], source.exposures_kept, strict=False))
    tables = {name: Table.read(path) for name, path in paths.items()}
    files = {name: link(path, page) for name, path in paths.items()}
    pictures = {Path(path).stem: embed(path, page) for path in source.figures}
    config, published = (
        yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        for path in (source.config, source.published)
    )
    provenance = {
        "versions": versions(),
        "commit": commit("."),
        "weights": describe_weights(source.weights, config["methods"]["own"]),
        "checksums": checksums([*source.tables, source.gallery]),
        "record": "run/provenance.json",
    }
    gallery = read_gallery(source.gallery).meta
    frame = dict(fits.getheader(source.frame, 1)) if source.frame else {}
    sides = shorter_sides(snakemake.params.exposures)
    context = make_context(tables, gallery, pictures, config, published, sides, provenance, files)
    context["frame"] = frame
    part.write_text(render(context, source.template, source.css), encoding="utf-8")
