"""Copy a fetched exposure with the sky coordinates of its group's alignment."""

from astropy.table import Table

from crstudy.archive.manifest import fetched_files
from crstudy.core.job import job
from crstudy.instrument.wcs import write_cards
from crstudy.reference.alignment_verdict import read_cards

with job(snakemake) as log:
    exposure = snakemake.wildcards.exposure
    cards = read_cards(Table.read(snakemake.input.alignment[0]), exposure)
    source = fetched_files([snakemake.input.record])[exposure]
    write_cards(source, snakemake.output[0], cards)
    log.info("%s: %s", source, "sky coordinates changed" if cards else "copied unchanged")
