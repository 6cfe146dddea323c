"""Copy a fetched exposure with the sky coordinates of its group's alignment."""

from astropy.table import Table

from crstudy.alignmenttable import read_cards
from crstudy.joblog import job
from crstudy.skywcs import write_cards

with job(snakemake.log[0]) as log:
    cards = read_cards(Table.read(snakemake.input.alignment[0]), snakemake.wildcards.exposure)
    source = Table.read(snakemake.input.record)["path"][0]
    write_cards(source, snakemake.output[0], cards)
    log.info("%s: %s", source, "sky coordinates changed" if cards else "copied as it is")
