"""Mark the good pixels of a group's exposures."""

import numpy as np
from astropy.table import Table

from crstudy.core.atomic import complete_folder
from crstudy.core.job import job
from crstudy.data.exposure import read_exposure, write_images
from crstudy.data.good_pixels import good_pixels
from crstudy.reference.alignment_verdict import why_excluded

with job(snakemake) as log, complete_folder(snakemake.output[0]) as folder:
    alignment = snakemake.input.alignment
    excluded = why_excluded(Table.read(alignment)) if alignment else None
    if excluded:
        log.warning("%s", excluded)
    for path in snakemake.input.exposures:
        exposure = read_exposure(path)
        good = {
            ("GOOD", c.extver): (
                np.zeros(c.sci.shape, bool)
                if excluded
                else good_pixels(c.sci, c.dq, **snakemake.params.settings)
            )
            for c in exposure.chips
        }
        write_images(folder / f"{exposure.name}_good.fits", good)
        fraction = sum(g.mean() for g in good.values()) / len(good)
        log.info("%s: %.2f %% of the pixels are valid", exposure.name, 100 * fraction)
