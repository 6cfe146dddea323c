"""Show the mask of an exposure over it: found, missed and false."""

import numpy as np
from astropy.io import fits

from crstudy.core.job import job
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.exposure import read_images, write_hdus
from crstudy.data.score_maps import read_scores
from crstudy.metrics.frame import classify, map_frame

with job(snakemake):
    params, source = snakemake.params, snakemake.input
    (files,) = exposure_files(source.exposures[:1], source.reference, source.good)
    ver, data = next(iter(read_comparison(files, params.truth_sigma).items()))
    probability = read_scores(source.probability, files.name)[ver]
    flagged = probability > params.threshold
    image = read_images(files.exposure, "SCI")[ver]
    table = map_frame(image, classify(data.label, flagged, data.valid & np.isfinite(probability)))
    table.meta |= {"DATASET": params.dataset, "OBSERVED": files.observed_with}
    table.meta |= {"EXPOSURE": files.name, "CHIP": ver, "THRESH": params.threshold}
    hdu = fits.BinTableHDU(table)
    hdu.header.update(table.meta)
    write_hdus(snakemake.output[0], fits.HDUList([fits.PrimaryHDU(), hdu]))
