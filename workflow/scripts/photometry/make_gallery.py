"""Draw stars with discrepant fluxes at random, and cut out their images."""

from pathlib import Path

from astropy.io import fits
from astropy.table import Table

from crstudy.core.job import job
from crstudy.data.chips import ExposureFiles, read_products
from crstudy.data.exposure import observed_with
from crstudy.photometry.gallery import ROWS, add_cutouts, choose, write_gallery
from crstudy.photometry.summary import OUTSIDE

with job(snakemake):
    params, source = snakemake.params, snakemake.input
    names = [Path(path).name for path in source.reference]
    folders = zip(source.reference, source.good, source.inpaint, strict=True)
    products = dict(zip(names, folders, strict=True))
    exposures = {Path(path).name.removesuffix("_flc.fits"): Path(path) for path in source.exposures}

    def read(group, exposure):
        """Read the images of an exposure."""
        reference, good, inpaint = map(Path, products[group])
        return read_products(ExposureFiles(exposures[exposure], reference, good), inpaint=inpaint)

    photometry = Table.read(source.photometry)
    chosen = choose(photometry, *OUTSIDE, params.flux_sigma, ROWS, params.seed)
    table = add_cutouts(chosen, read)
    table.meta["DATASET"] = photometry.meta["dataset"]
    table.meta["OBSERVED"] = observed_with(fits.getheader(source.exposures[0]))
    write_gallery(snakemake.output[0], table)
