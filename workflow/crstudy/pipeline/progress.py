"""What a run says of itself: time left, from the costs of earlier runs, and why jobs failed.

``python -m crstudy.pipeline.progress results/sim-mini ...`` keeps the costs of finished studies in
``resources/job_costs.tsv``, for runs of datasets that have none of their own.
"""

import csv
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from crstudy.core.atomic import complete_file, disk_is_full, has_room
from crstudy.core.job import read_usage

KEPT = Path("resources/job_costs.tsv")
#: Datasets whose costs stand in for those of rules that another dataset has not run.
SIMILAR = ("csst", "sim-mini")
#: Expected time of a job without a record, s: most such jobs only read and write small files.
UNKNOWN_S = 1.0
#: So long, s, the cores count as fast as those of the earlier run.
WARM_UP_S = 60.0
SILENT = "ended without a message: was it killed, for its memory or time?"


def recorded_costs(results: str | Path) -> dict[str, float]:
    """Return the mean processor time of a job by rule, s, from the records of a dataset's jobs."""
    logs = Path(results) / "logs"
    costs: dict[str, list[float]] = {}
    for path in logs.rglob("*.usage.json"):
        rule = path.relative_to(logs).parts[0].removesuffix(".usage.json")
        # Another run may be replacing it; a damaged one is told by who needs it (read_jobs).
        with suppress(FileNotFoundError, TypeError, ValueError):
            costs.setdefault(rule, []).append(read_usage(path).cpu_s)
    return {rule: fmean(some) for rule, some in sorted(costs.items()) if some}


def expected_costs(results: str | Path, kept: str | Path = KEPT) -> dict[str, float]:
    """Return the expected time of a job by rule, s.

    Parameters
    ----------
    results : path-like
        Folder of a dataset's results: records of its own jobs come first.
    kept : path-like
        Table with columns dataset, rule and cpu_s.
    """
    with Path(kept).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    costs: dict[str, float] = {}
    for dataset in (*SIMILAR, Path(results).name):
        costs |= {row["rule"]: float(row["cpu_s"]) for row in rows if row["dataset"] == dataset}
    return costs | recorded_costs(results)


def keep_costs(datasets: Iterable[Path], kept: str | Path = KEPT) -> None:
    """Write the table of `expected_costs` from the results of these datasets."""
    with complete_file(kept) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(["dataset", "rule", "cpu_s"])
        for results in datasets:
            for rule, seconds in recorded_costs(results).items():
                table.writerow([results.name, rule, f"{seconds:.2f}"])


def jobs_at_a_time(cores: int | None, nodes: int | None, fields: int) -> int:
    """Return how many jobs may run at a time.

    Parameters
    ----------
    cores : int or None
        Those of this machine; None on a cluster, where the jobs of a field share allocations and
        run one after another.
    nodes : int or None
        Largest number of jobs of the cluster at a time.
    fields : int
        Fields to be done.

    Examples
    --------
    >>> jobs_at_a_time(2, None, 20), jobs_at_a_time(None, 100, 20), jobs_at_a_time(None, 8, 20)
    (2, 20, 8)
    """
    return cores or max(1, min(nodes or fields, fields))


@dataclass
class Countdown:
    """Time left of a run, from the expected times of its jobs and how fast those before went.

    Attributes
    ----------
    expected_s : mapping of int to float
        Expected time of each job, s, by its number.
    cores : int
        Jobs that run at a time; 0 if that is not known.
    start_s : float
        When the run began, s on the monotonic clock.
    """

    expected_s: Mapping[int, float]
    cores: int
    start_s: float = field(default_factory=time.monotonic)
    done: set[int] = field(default_factory=set)

    def left_s(self, now_s: float | None = None) -> float | None:
        """Return the time left, s; None if nothing can be said.

        Examples
        --------
        >>> run = Countdown({1: 30, 2: 30, 3: 60}, cores=2, start_s=0)
        >>> run.left_s(now_s=0)
        60.0
        >>> run.done |= {1, 2}
        >>> run.left_s(now_s=60)  # half as fast as expected: of 1.5 cores, say
        40.0
        """
        elapsed_s = (time.monotonic() if now_s is None else now_s) - self.start_s
        done_s = sum(self.expected_s.get(job, 0) for job in self.done)
        speed = (done_s + self.cores * WARM_UP_S) / (elapsed_s + WARM_UP_S)
        return (sum(self.expected_s.values()) - done_s) / speed if speed else None


def duration(seconds: float) -> str:
    """Write a time as a reader needs it, such as ``4 min``.

    Examples
    --------
    >>> [duration(s) for s in (0.2, 42, 100, 5000, 20_000)]
    ['1 s', '40 s', '2 min', '83 min', '5.6 h']
    """
    if seconds < 55:
        return f"{max(round(seconds, -1), 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def failures(units: Iterable[Sequence[str | Path]]) -> list[str]:
    """Return the errors of failed jobs with their logs; one of several exposures once.

    Parameters
    ----------
    units : iterable of sequence of path-like
        Logs of each failed job, or of the jobs that failed together in one SLURM job.
    """
    found: dict[str, list[tuple[str, Path]]] = {}
    for logs in ([Path(log) for log in unit] for unit in units if unit):
        errors = [(text, log) for log in logs for text in _errors(log)]
        for text, log in errors or [(_silent(logs[-1]), logs[-1])]:
            # Without the file or group that it names.
            found.setdefault(text.split(": ", 1)[-1], []).append((text, log))
    return [f"ERROR {some[0][0]} ({_name([log for _, log in some])})" for some in found.values()]


def _silent(log: Path) -> str:
    """Say why a job may have left no error in its log."""
    return SILENT if has_room(log.parent) else str(disk_is_full(log.parent))


def _errors(log: Path) -> list[str]:
    """Return the errors in a job's log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return [line.split(" ERROR ", 1)[1] for line in lines if " ERROR " in line]


def _name(logs: Sequence[Path]) -> str:
    """Name these logs."""
    others = [log.stem for log in logs[1:]]
    more = [*others[:4], *([f"{len(others) - 4} more"] if len(others) > 4 else [])]
    return f"log: {logs[0]}" + (f", also of {', '.join(more)}" if more else "")


if __name__ == "__main__":
    keep_costs(map(Path, sys.argv[1:]))
