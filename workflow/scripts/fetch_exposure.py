"""Fetch an exposure from the mirror and check it."""

import os

from crstudy.joblog import job
from crstudy.mirror import fetch_from_mirror

with job(snakemake.log[0]):
    # Neither input nor parameter: exposures once fetched stay, wherever the mirror is now.
    mirror = snakemake.config["mirror"] or os.environ.get("CRSTUDY_MIRROR", "")
    fetch_from_mirror(mirror, snakemake.wildcards.exposure, snakemake.output[0])
