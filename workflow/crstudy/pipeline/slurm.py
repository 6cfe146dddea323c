"""Check, before the first job is submitted, that a SLURM cluster would accept the jobs."""

import math
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crstudy.core.errors import StudyError

#: Timeout of SLURM's commands, s: they retry for a while to reach its daemons.
PATIENCE_S = 120
PROFILE = "profiles/slurm/config.yaml"


@dataclass(frozen=True)
class Request:
    """Largest request of the jobs for one partition: memory, MB, and time, minutes."""

    partition: str
    account: str
    gpus: int
    memory_mb: int
    minutes: int


def largest_requests(jobs: Iterable[Mapping[str, Any]]) -> list[Request]:
    """Find the largest requests by partition, account and number of GPUs.

    Parameters
    ----------
    jobs : iterable of mapping
        Snakemake's resources of each job; unknown values are not numbers.
    """
    most: dict[tuple[str, str, int], list[int]] = {}
    for job in jobs:
        kind = (
            str(job.get("slurm_partition", "")),
            str(job.get("slurm_account", "")),
            int(job.get("gpu", 0)),
        )
        asked = [job.get(name) for name in ("mem_mb", "runtime")]
        known = [value if isinstance(value, int) else 0 for value in asked]
        most[kind] = [max(pair) for pair in zip(most.get(kind, [0, 0]), known, strict=True)]
    return [Request(*kind, *sizes) for kind, sizes in sorted(most.items())]


def check_no_jobs_left(folder: Path) -> None:
    """Make sure that no job of an earlier run still writes to the same folder.

    Parameters
    ----------
    folder : pathlib.Path
        Folder in which Snakemake runs.

    Raises
    ------
    StudyError
        Jobs of a killed Snakemake are pending or running; or as `check_cluster`.
    """
    words = ["squeue", "--me", "--noheader", "--format=%i %Z"]
    done = _call([*words, "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED,COMPLETING"])
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    left = [job for job, where in rows if Path(where) == folder.resolve()]
    if left:
        raise StudyError(
            "SLURM",
            f"still runs {len(left)} job(s) of an earlier run here",
            f"wait until they end, so that their work is kept, or scancel {' '.join(left)}; "
            "then start again",
        )


def check_cluster(requests: Iterable[Request]) -> None:
    """Check whether SLURM would accept jobs, without submitting any.

    Parameters
    ----------
    requests : iterable of Request
        Requests of the jobs.

    Raises
    ------
    StudyError
        SLURM is not installed, does not answer, or would refuse a job.
    """
    for request in requests:
        answer = _ask(request) or _beyond_time_limit(request)
        if answer:
            wish = f"{request.memory_mb} MB for {request.minutes} min"
            wish += f" and {request.gpus} GPU" if request.gpus else ""
            place = f"partition {request.partition!r}" if request.partition else "no partition"
            account = f"account {request.account!r}" if request.account else "no account"
            raise StudyError(
                PROFILE,
                f"SLURM refuses a job of {wish} ({place}, {account}): {answer}",
                _fix(answer),
            )


def _ask(request: Request) -> str:
    """Return why SLURM would refuse a job, in one line; nothing if it would not."""
    words = ["sbatch", "--test-only", "--wrap", "true", "--ntasks=1"]
    words += [f"--mem={request.memory_mb}"] if request.memory_mb else []
    words += [f"--time={request.minutes}"] if request.minutes else []
    words += [f"--partition={request.partition}"] if request.partition else []
    words += [f"--account={request.account}"] if request.account else []
    words += [f"--gpus={request.gpus}"] if request.gpus else []
    done = _call(words)
    if done.returncode == 0:
        return ""
    lines = [
        line.removeprefix("sbatch: ").removeprefix("error: ") for line in done.stderr.split("\n")
    ]
    # The last line is a summary; the ones before it give the reason.
    return "; ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _beyond_time_limit(request: Request) -> str:
    """Return whether the partition's limit is shorter: SLURM would keep the job pending."""
    words = ["sinfo", "--noheader", "--format=%P %l"]
    words += [f"--partition={request.partition}"] if request.partition else []
    for name, limit in (line.split() for line in _call(words).stdout.splitlines()):
        # A star marks the default partition.
        if (request.partition or name.endswith("*")) and _minutes(limit) < request.minutes:
            return f"the time limit is {limit}"
    return ""


def _minutes(limit: str) -> float:
    """Parse a time of sinfo: days-hours:minutes:seconds, or infinite."""
    if limit == "infinite":
        return math.inf
    days, _, clock = limit.rpartition("-")
    parts = [0, 0, *map(int, clock.split(":"))][-3:]
    return 1440 * int(days or 0) + 60 * parts[0] + parts[1] + parts[2] / 60


def _call(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of SLURM's commands."""
    try:
        return subprocess.run(
            words,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
            env=_environment(),
            check=False,
        )
    except FileNotFoundError:
        fix = "run on a login node of the cluster, or without --profile profiles/slurm"
        raise StudyError("SLURM", f"its command {words[0]} is not on the PATH", fix) from None
    except subprocess.TimeoutExpired:
        fix = "check with sinfo that the cluster is up, then run again"
        raise StudyError("SLURM", f"no answer in {PATIENCE_S} s", fix) from None


def _environment() -> dict[str, str]:
    """Return the environment without the options that SBATCH_* variables would add."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SBATCH_")}


def _fix(answer: str) -> str:
    """Return how to fix what SLURM refuses."""
    said = answer.lower()
    if "partition" in said and "invalid" in said:
        return "name a partition that sinfo lists"
    if "account" in said:
        return "name an account of yours: slurm_account under default-resources"
    if "munge" in said or "authentication" in said or "connect" in said:
        return "the cluster is not working: contact its administrators"
    if "not available" in said or "satisfied" in said or "limit" in said:
        return (
            "name a partition with larger nodes or limits, or wait if its nodes are down "
            "(sinfo -o '%P %m %l %G %T')"
        )
    return "correct the profile"
