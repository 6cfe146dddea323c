"""Convert a net for the CPU."""

from crstudy.core.job import job
from crstudy.deepcr.openvino_backend import convert_net

with job(snakemake):
    name, own = snakemake.wildcards.net, snakemake.params.own
    convert_net(name, snakemake.input.weights, snakemake.output[0], own)
