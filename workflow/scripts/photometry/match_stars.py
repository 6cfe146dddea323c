"""Match the stars of a simulated group with the sources that were simulated."""

from astropy.io import fits
from astropy.table import Table

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.instrument.wcs import read_wcs
from crstudy.photometry.completeness import match_sample, times_inside

with job(snakemake) as log:
    settings, inputs = snakemake.params.settings, Table.read(snakemake.input.catalogue)
    chips = [
        (wcs, fits.getdata(path, ("SCI", ver)).shape)
        for path in snakemake.input.exposures
        for ver, wcs in read_wcs(path).items()
    ]
    times = times_inside(inputs, chips, settings["edge_fraction"])
    matches = match_sample(Table.read(snakemake.input.stars), inputs, times, settings)
    write_table(matches, snakemake.output[0])
    log.info("%d rows", len(matches))
