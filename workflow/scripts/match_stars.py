"""Match the stars of a simulated group with the sources that were simulated."""

from astropy.io import fits
from astropy.table import Table

from crstudy.files import complete_file
from crstudy.joblog import job
from crstudy.sample import match_sample, times_inside
from crstudy.skywcs import read_wcs

with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    settings, inputs = snakemake.params.settings, Table.read(snakemake.input.catalogue)
    chips = [
        (wcs, fits.getdata(path, ("SCI", ver)).shape)
        for path in snakemake.input.exposures
        for ver, wcs in read_wcs(path).items()
    ]
    times = times_inside(inputs, chips, settings["edge_fraction"])
    matches = match_sample(Table.read(snakemake.input.stars), inputs, times, settings)
    matches.write(part, format="ascii.ecsv")
    log.info("%d rows", len(matches))
