"""List the rules of the study and what each needs."""

from crstudy.core.atomic import complete_file
from crstudy.core.job import job
from crstudy.pipeline.rule_graph import list_workflow

with job(snakemake.log[0]) as log, complete_file(snakemake.output[0]) as part:
    table = list_workflow(snakemake.input.snakefile, snakemake.input.config)
    table.write(part, format="ascii.ecsv")
    log.info("%d rules", len(set(table["rule"])))
