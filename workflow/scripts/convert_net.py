"""Convert a net for the CPU."""

from crstudy.joblog import job
from crstudy.openvino_net import convert_net

with job(snakemake.log[0]):
    convert_net(snakemake.wildcards.net, snakemake.input.weights, snakemake.output[0])
