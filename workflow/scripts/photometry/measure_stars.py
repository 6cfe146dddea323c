"""Measure the stars of a group in every exposure and on every image."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.products import read_products
from crstudy.photometry.aperture import measure_chip, photometry_table

with job(snakemake.log[0]) as log:
    params, source = snakemake.params, snakemake.input
    stars = Table.read(source.stars)
    truth_files = source.truth or [None] * len(source.exposures)
    parts = []
    for number, (path, truth) in enumerate(zip(source.exposures, truth_files, strict=True)):
        for chip in read_products(
            path, source.reference, source.good, source.probability, source.inpaint, truth
        ):
            seeds = (params.seed, params.number, number + 1, chip.extver)
            parts.append(measure_chip(chip, stars, seeds, params.settings))
    table = photometry_table(parts, snakemake.wildcards.group, stars.meta | params.settings)
    write_table(table, snakemake.output[0])
    log.info("%d measurements of %d stars", len(table), len(stars))
