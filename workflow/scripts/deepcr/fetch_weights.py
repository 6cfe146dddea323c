"""Fetch the weights of a net and check them."""

from pathlib import Path

from crstudy.core.job import job
from crstudy.deepcr.weights import fetch_weights

with job(snakemake):
    name, params = snakemake.wildcards.net, snakemake.params
    fetch_weights(name, snakemake.output[0], Path(params.sdist), params.own)
