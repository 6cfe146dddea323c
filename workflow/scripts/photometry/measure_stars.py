"""Measure the stars of a group in every exposure and on every image."""

from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_products
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import load_psf
from crstudy.photometry.forced import measure_chip, photometry_table

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    stars = Table.read(source.stars)
    exposures = exposure_files(source.exposures, source.reference, source.good, source.truth)
    # The PSF that a user knows, not that of an exposure.
    psf = DrawnPsf(load_psf(source.psf), Optics(), wings=True)
    parts = []
    for number, files in enumerate(exposures, start=1):
        for chip in read_products(files, source.probability, source.inpaint):
            seeds = (params.seed, params.number, number, chip.extver)
            star = psf.on_chip(chip.extver, chip.original.shape)
            parts.append(measure_chip(chip, stars, seeds, params.settings, star))
    table = photometry_table(parts, snakemake.wildcards.group, stars.meta | params.settings)
    write_table(table, snakemake.output[0])
    log.info("%d measurements of %d stars", len(table), len(stars))
