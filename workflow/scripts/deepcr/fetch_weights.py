"""Fetch the weights of a net and check them."""

from pathlib import Path

from crstudy.core.job import job
from crstudy.deepcr.weights import fetch_weights

with job(snakemake.log[0]):
    fetch_weights(snakemake.wildcards.net, snakemake.output[0], Path(snakemake.params.sdist))
