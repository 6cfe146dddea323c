"""Tabulate what methods reach on CSST exposures, and what that does to the photometry of stars."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.config.groups import survey_time
from crstudy.core.atomic import complete_file, write_table
from crstudy.core.job import job
from crstudy.csst.biases import bias_table
from crstudy.csst.detections import catalogue_table
from crstudy.csst.differences import difference_table
from crstudy.csst.limits import limit_table
from crstudy.csst.masks import mask_table
from crstudy.csst.photometry import count_stars, photometry_table
from crstudy.csst.scores import count_variants, score_table
from crstudy.csst.tuning import choose_variants
from crstudy.csst.verdict import write_verdict
from crstudy.metrics.pooling import collect_missing, collect_observed_with

with job(snakemake) as log:
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    validation, counts, photometry, catalogues, masks = (
        [Table.read(path) for path in paths]
        for paths in (
            source.validation,
            source.counts,
            source.photometry,
            source.catalogues,
            source.masks,
        )
    )
    published = yaml.safe_load(Path(source.published).read_text(encoding="utf-8"))
    variants = choose_variants(validation, params.usual)
    resampling, sigma = params.resampling, params.flux_sigma
    stars = [count_stars(one, sigma) for one in photometry]
    fields = [count_variants(one, variants) for one in counts]
    survey_s = survey_time(sorted(set(variants["exptime_s"])))
    of_survey = [one[one["exptime_s"] == survey_s] for one in masks]
    sky = published["survey"]["prevalence_percent"] / 100, params.pixel_scale_arcsec
    tables = {
        "scores": score_table(fields, variants, resampling),
        "photometry": photometry_table(photometry, sigma, resampling),
        "limits": limit_table(photometry, sigma, resampling),
        "differences": difference_table(fields, stars, variants, resampling),
        "masks": mask_table(of_survey, *sky, resampling),
        "bias": bias_table(photometry, sigma, resampling),
        "catalogue": catalogue_table(catalogues, resampling),
    }
    missing = collect_missing([*validation, *counts])
    observed = collect_observed_with(counts)
    for name, table in tables.items():
        table.meta |= {"dataset": params.dataset, "missing": missing, "observed_with": observed}
        write_table(table, output[name])
    text = write_verdict(tables, published["retrained"])
    with complete_file(output.verdict) as part:
        part.write_text(f"{text}\n", encoding="utf-8")
    for method, inputs in missing.items():
        log.warning("%s is missing for %s", method, ", ".join(inputs))
    log.info("%s", text)
