# Checks, before the first job, that results can be written and that SLURM accepts the jobs; warns
# of groups with few exposures.

from snakemake.logging import logger

from crstudy.config.groups import few_exposures
from crstudy.core.atomic import check_writable
from crstudy.pipeline.slurm import check_cluster, check_no_jobs_left, largest_requests


def submissions():
    """Return the jobs and the groups of jobs that this run will submit."""
    dag = workflow.dag
    units = {dag.get_job_group(job) or job for job in dag.needrun_jobs()}
    return [one for one in units if not one.is_local]


def check_before_start():
    """Raise an error of one line if results cannot be written or SLURM would refuse jobs."""
    try:
        check_writable(RESULTS)
        if workflow.executor_plugin.name == "slurm":
            check_no_jobs_left(Path.cwd())
            check_cluster(largest_requests(one.resources for one in submissions()))
    except StudyError as error:
        raise WorkflowError(str(error)) from None
    drawn = {"the groups to draw": STUDY.selection.exposures_per_group}
    sizes = {name: len(some) for name, some in PINNED.items()} if PINNED else drawn
    if not CSST and (words := few_exposures(sizes)):
        logger.warning(words)
