"""Fetch an exposure from the mirror and check it."""

from crstudy.joblog import job
from crstudy.mirror import fetch_from_mirror

with job(snakemake.log[0]):
    fetch_from_mirror(snakemake.params.mirror, snakemake.wildcards.exposure, snakemake.output[0])
