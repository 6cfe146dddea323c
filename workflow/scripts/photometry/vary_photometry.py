"""Measure a group again with other apertures and other samples of stars."""

from functools import partial

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_products
from crstudy.photometry.sensitivity import measure_variants

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    exposures = [
        partial(read_products, files, source.probability, source.inpaint)
        for files in exposure_files(source.exposures, source.reference, source.good)
    ]
    stars, group = Table.read(source.stars), snakemake.wildcards.group
    table = measure_variants(exposures, stars, group, params.seeds, params.settings)
    write_table(table, snakemake.output[0])
    log.info("%d measurements", len(table))
