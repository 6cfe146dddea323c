"""Copy a fetched exposure with the sky coordinates of its group's alignment."""

from astropy.table import Table

from crstudy.alignmenttable import read_cards
from crstudy.joblog import job
from crstudy.manifest import read_records
from crstudy.skywcs import write_cards

with job(snakemake.log[0]) as log:
    exposure = snakemake.wildcards.exposure
    cards = read_cards(Table.read(snakemake.input.alignment[0]), exposure)
    source = read_records([snakemake.input.record])[1][exposure]
    write_cards(source, snakemake.output[0], cards)
    log.info("%s: %s", source, "sky coordinates changed" if cards else "copied as it is")
