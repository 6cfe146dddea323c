"""List the rules of the study and their inputs."""

from crstudy.core.atomic import write_table
from crstudy.core.job import job
from crstudy.pipeline.rule_graph import list_workflow

with job(snakemake) as log:
    table = list_workflow(snakemake.input.snakefile, snakemake.input.config)
    write_table(table, snakemake.output[0])
    log.info("%d rules", len(set(table["rule"])))
