"""Mark the pixels of a group's exposures that count."""

from crstudy.exposure import read_exposure, write_images
from crstudy.files import complete_folder
from crstudy.goodpixels import good_pixels
from crstudy.joblog import job

with job(snakemake.log[0]) as log, complete_folder(snakemake.output[0]) as folder:
    for path in snakemake.input.exposures:
        exposure = read_exposure(path)
        good = {
            ("GOOD", c.extver): good_pixels(c.sci, c.dq, **snakemake.params.settings)
            for c in exposure.chips
        }
        write_images(folder / f"{exposure.name}_good.fits", good)
        share = sum(g.mean() for g in good.values()) / len(good)
        log.info("%s: %.2f %% of the pixels count", exposure.name, 100 * share)
