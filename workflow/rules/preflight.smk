# Checks, before the first job, that results can be written and that SLURM accepts the jobs; warns
# of groups with few exposures. Says what a run will do, and at its end what came of it. Locks only
# its own results.

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from logging import FileHandler
from pathlib import Path
from threading import Barrier

from snakemake.logging import logger
from snakemake.persistence.file import FilePersistence

from crstudy.config.groups import few_exposures
from crstudy.core.atomic import check_writable
from crstudy.pipeline.progress import (
    UNKNOWN_S,
    duration,
    expected_costs,
    failures,
    jobs_at_a_time,
)
from crstudy.pipeline.slurm import check_cluster, check_no_jobs_left, largest_requests

# What locales of other alphabets lack must not stop the log: folders may have any name.
for handler in logger.handlers:
    if isinstance(handler, FileHandler):
        handler.stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def unlock(persistence):
    """Remove the locks of a run or, for ``--unlock``, those of this dataset, and no others.

    Snakemake 9.27.1 would remove all, also those of another study that still runs in the folder.
    """
    locks = [Path(lock) for lock in persistence._lockfile.values()]
    for lock in locks or list(Path(persistence._lockdir).glob("*.lock")):
        with suppress(FileNotFoundError):
            text = lock.read_text(encoding="utf-8", errors="replace")
            if locks or f"\n{RESULTS}/" in f"\n{text}":
                lock.unlink()
    persistence._lockfile.clear()


FilePersistence._delete_locks = unlock


def submissions():
    """Return the jobs and the groups of jobs that this run will submit."""
    dag = workflow.dag
    units = {dag.get_job_group(job) or job for job in dag.needrun_jobs()}
    return [one for one in units if not one.is_local]


def check_before_start():
    """Raise an error of one line if results cannot be written or SLURM would refuse jobs."""
    files = {
        file for job in workflow.dag.needrun_jobs() for file in (*job.output, *job.log)
    }
    try:
        for folder in sorted({RESULTS, *(str(Path(file).parent) for file in files)}):
            check_writable(folder)
        if workflow.executor_plugin.name == "slurm":
            check_no_jobs_left(Path.cwd())
            check_cluster(largest_requests(one.resources for one in submissions()))
    except StudyError as error:
        raise WorkflowError(str(error)) from None
    drawn = {"the groups to draw": STUDY.selection.exposures_per_group}
    sizes = {name: len(some) for name, some in PINNED.items()} if PINNED else drawn
    if not CSST and (words := few_exposures(sizes)):
        logger.warning(words)


def hold_interrupts():
    """Hold Ctrl-C back where it would print a traceback.

    Jobs start without it: `crstudy.core.job.job` lets it through when they have imported all. The
    threads that wait for them start now: Snakemake does not wait for one that is just starting.
    """
    scheduler = workflow.scheduler
    for executor in {scheduler._executor, scheduler._local_executor} - {None}:
        if hasattr(executor, "pool"):
            executor.pool = ThreadPoolExecutor(
                executor.workers,
                initializer=signal.pthread_sigmask,
                initargs=(signal.SIG_BLOCK, {signal.SIGINT}),
            )
            all_there = Barrier(executor.workers)
            list(executor.pool.map(lambda _: all_there.wait(), range(executor.workers)))


def announce():
    """Say how many jobs a run has and how long it may take."""
    costs, dag = expected_costs(RESULTS), workflow.dag
    jobs = [job for job in dag.needrun_jobs() if job.rule.name != "all"]
    expected_s = {dag.jobid(job): costs.get(job.rule.name, UNKNOWN_S) for job in jobs}
    fields = {job.wildcards.get("group") for job in jobs} - {None}
    # `workflow.cores` refuses to be asked where SLURM gives the cores.
    limits = workflow.resource_settings
    cores = jobs_at_a_time(limits.cores, limits.nodes, len(fields))
    about = f"about {duration(sum(expected_s.values()) / cores)}; "
    count = f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
    words = (
        f"{count}, {about}results in {RESULTS}, what each job says in {RESULTS}/logs"
    )
    logger.info(words, extra={"expected_s": expected_s, "cores": cores})


def conclude():
    """Say where the report is, with the headline, if the run wrote it."""
    made = {file for job in workflow.dag.jobs for file in job.output}
    if f"{RESULTS}/report.html" in made:
        from crstudy.report.headlines import headline

        logger.info(headline(Path(RESULTS), Path("resources/published.yaml")))


def explain():
    """Say why jobs failed."""
    failed = workflow.scheduler.failed
    units = [unit.jobs if unit.is_group() else [unit] for unit in failed]
    for line in failures([log for job in jobs for log in job.log] for jobs in units):
        logger.error(line)
