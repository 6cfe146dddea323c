"""Convert a net for the CPU."""

from crstudy.core.job import job
from crstudy.deepcr.openvino_backend import convert_net

with job(snakemake.log[0]):
    convert_net(snakemake.wildcards.net, snakemake.input.weights, snakemake.output[0])
