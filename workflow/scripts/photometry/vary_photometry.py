"""Measure a group again with other apertures and other samples of stars."""

from functools import partial

from astropy.table import Table

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.data.products import read_products
from crstudy.photometry.sensitivity import measure_variants

with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    params, source = snakemake.params, snakemake.input
    folders = source.reference, source.good, source.probability, source.inpaint
    exposures = [partial(read_products, path, *folders) for path in source.exposures]
    stars, group = Table.read(source.stars), snakemake.wildcards.group
    table = measure_variants(exposures, stars, group, params.seeds, params.settings)
    table.write(part, format="parquet")
    log.info("%d measurements", len(table))
