"""Find the stars of a group on its clean images."""

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_products
from crstudy.photometry.stars import Selection, find_on_chip, match_detections

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.input
    settings = params.settings
    selection = Selection(*(settings[name] for name in Selection._fields))
    detections = [
        find_on_chip(chip, selection, params.background_box_px)
        for files in exposure_files(source.exposures, source.reference, source.good)
        for chip in read_products(files)
    ]
    stars = match_detections(
        detections, settings["match_arcsec"], settings["min_detections"], settings["min_radius_px"]
    )
    stars.meta |= {"group": snakemake.wildcards.group, **settings}
    write_table(stars, snakemake.output[0])
    log.info("%d stars; detections after each step: %s", len(stars), stars.meta["steps"])
