"""Can deepCR be trusted to reject cosmic rays from single exposures? See README.md."""

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from crstudy.core.errors import StudyError

min_version("9.0")

if not Path.cwd().samefile(workflow.basedir):
    problem = f"is not the project's folder {workflow.basedir}"
    raise WorkflowError(
        str(StudyError(Path.cwd(), problem, "cd there, then run again"))
    )


configfile: "config/config.yaml"


include: "workflow/rules/study.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/preflight.smk"
include: f"workflow/studies/{STUDY.source if CSST or TRAINING else 'paper'}.smk"


# Few downloads at a time, unless `--resources mast=` says otherwise: the archive is shared.
workflow.global_resources.setdefault("mast", 4)
# Jobs on a machine's GPU take turns.
workflow.global_resources.setdefault("gpu", 1)


# Small jobs, and those that need the network, which nodes of a cluster may lack.
localrules:
    all,
    write_config,
    fetch_weights,
    convert_net,


onstart:
    # With a limit on job starts (100/1s by default), Snakemake 9.27.1 evaluates the ready jobs
    # once more per second for every job that has ended (snakemake pull request 3744).
    workflow.scheduler.job_rate_limiter = None
    check_before_start()
    hold_interrupts()
    announce()


onsuccess:
    conclude()


onerror:
    explain()


rule all:
    default_target: True
    input:
        TARGETS,
