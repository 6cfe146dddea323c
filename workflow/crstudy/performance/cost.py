"""Cost of a study by rule, predicted cost of the paper's study, and cost of each method."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from astropy.table import Table

from crstudy.core.errors import StudyError
from crstudy.core.job import read_usage, usage_path
from crstudy.data.exposure import read_shapes

#: What one job used: `wall_s` and the fields of `crstudy.core.job.Usage`.
Job = dict[str, Any]

TOTAL = "total"
UNITS = {
    "wall_s": "s",
    "cpu_s": "s",
    "startup_cpu_s": "s",
    "max_rss_mb": "Mbyte",
    "read_mb": "Mbyte",
    "written_mb": "Mbyte",
    "mpx": "Mpix",
    "wall_s_per_mpx": "s / Mpix",
    "cpu_s_per_mpx": "s / Mpix",
    "written_bytes_per_px": "byte / pix",
    "predicted_cpu_h": "h",
    "predicted_written_gb": "Gbyte",
}
#: Columns that add up over jobs and over stages.
SUMS = ("wall_s", "cpu_s", "startup_cpu_s", "read_mb", "written_mb")
PREDICTED_SUMS = ("predicted_jobs", "predicted_cpu_h", "predicted_written_gb")
ABOUT = {
    "jobs": "the last run of every job of the study; rule make_cost itself is not among them",
    "wall_s": "sum over jobs, from Snakemake's benchmark files",
    "cpu_s": "all threads and child processes, user and system, as the kernel counts them (the "
    "sampled cpu_time of the benchmark files is too low for jobs above 15 s); no time on a GPU",
    "startup_cpu_s": "part of cpu_s before a job's own work: start of the interpreter and imports, "
    "but not what is loaded later",
    "max_rss_mb": "largest process of all jobs, 1e6 bytes",
    "read_mb": "through read calls, from disk or cache; start-up and memory maps not included",
    "written_mb": "through write calls, temporary files included; memory maps not included",
    "mpx": "pixels of all chips of all exposures of the study, 1e6",
}


@dataclass(frozen=True)
class Size:
    """Groups, exposures and megapixels (1e6 px, all chips of all exposures) of a study."""

    groups: int
    exposures: int
    mpx: float


#: The paper's study: 20 groups of six ACS/WFC exposures.
PAPER = Size(20, 120, 120 * 2 * 2048 * 4096 / 1e6)


def measure_size(groups: Mapping[str, Sequence[str]], paths: Iterable[str | Path]) -> Size:
    """Return the size of a study.

    Parameters
    ----------
    groups : mapping of str to sequence of str
        Datasets by group.
    paths : iterable of path-like
        Its exposure files.
    """
    pixels = sum(math.prod(shape) for path in paths for shape in read_shapes(path))
    return Size(len(groups), sum(map(len, groups.values())), pixels / 1e6)


def read_jobs(benchmarks: Iterable[str | Path], results: str | Path) -> dict[str, list[Job]]:
    """Read what the jobs of a study used.

    Parameters
    ----------
    benchmarks : iterable of path-like
        Files ``benchmarks/<rule>.tsv`` or ``benchmarks/<rule>/<job>.tsv`` of the results.
    results : path-like
        Folder of the results, with the records of `crstudy.core.job` in ``logs``.

    Returns
    -------
    dict of str to list of Job
        By rule, in the order of the benchmarks.

    Raises
    ------
    StudyError
        A job has no record, or a damaged one.
    """
    folder = Path(results)
    names = [Path(path).relative_to(folder / "benchmarks").with_suffix("") for path in benchmarks]
    records = [usage_path(folder / "logs" / f"{name}.log") for name in names]
    missing = [str(record) for record in records if not record.is_file()]
    if missing:
        problem = f"no such record, one of {len(missing)} that are missing"
        raise StudyError(missing[0], problem, "delete the benchmarks of these jobs and run again")
    jobs: dict[str, list[Job]] = {}
    for name, record in zip(names, records, strict=True):
        benchmark = folder / "benchmarks" / f"{name}.tsv"
        try:
            job = {"wall_s": _wall_s(benchmark)} | asdict(read_usage(record))
        except (KeyError, TypeError, ValueError) as error:
            problem = f"this record, or {benchmark}, is damaged"
            raise StudyError(record, problem, f"delete {benchmark} and run again") from error
        jobs.setdefault(name.parts[0], []).append(job)
    return jobs


def _wall_s(benchmark: Path) -> float:
    with benchmark.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file, delimiter="\t")
    return float(row["s"])


def make_cost_table(
    jobs: Mapping[str, Sequence[Job]], per: Mapping[str, str], size: Size, dataset: str
) -> Table:
    """Tabulate the cost of a study by stage, and predict that of the paper's study.

    Parameters
    ----------
    jobs : mapping of str to sequence of Job
        Of `read_jobs`.
    per : mapping of str to str
        Whether a rule has jobs for each ``exposure``, each ``group``, each ``net`` or for the
        ``study``.
    size : Size
        Size of the study.
    dataset : str
        Its name, for the metadata.

    Returns
    -------
    Table
        A row per rule, and the last one for all.
    """
    rows = [
        {"rule": rule, "per": per[rule]} | _stage(some, per[rule], size)
        for rule, some in jobs.items()
    ]
    every = [job for some in jobs.values() for job in some]
    total = _measured(every, size) | {k: sum(r[k] for r in rows) for k in PREDICTED_SUMS}
    table = Table([*rows, {"rule": TOTAL, "per": "study"} | total])
    for name in table.colnames[2:]:
        if "jobs" not in name:
            table[name].unit = UNITS[name]
    table.round(4)
    for name, words in ABOUT.items():
        table[name].description = words
    table.meta = {
        "dataset": dataset,
        "predicted": f"{PAPER.groups} groups, {PAPER.exposures} exposures, {PAPER.mpx:.0f} Mpx",
        "model": "jobs per exposure or group grow with their number; start-up stays that of a "
        "job; all other processor time and bytes grow with the megapixels, for the one job of a "
        "study, too: an upper bound, and far too high if the frames are small, since a job also "
        "loads its nets or draws its axes whatever their size",
    }
    return table


def _stage(jobs: Sequence[Job], per: str, size: Size) -> dict[str, Any]:
    """Return the columns of a rule: measured, and predicted."""
    row = _measured(jobs, size)
    times = {"exposure": PAPER.exposures / size.exposures, "group": PAPER.groups / size.groups}
    more_jobs = times.get(per, 1.0)
    more_pixels = 1.0 if per == "net" else PAPER.mpx / size.mpx
    startup_s = row["startup_cpu_s"] * more_jobs
    work_s = (row["cpu_s"] - row["startup_cpu_s"]) * more_pixels
    return row | {
        "predicted_jobs": round(row["jobs"] * more_jobs),
        "predicted_cpu_h": (startup_s + work_s) / 3600,
        "predicted_written_gb": row["written_mb"] * more_pixels / 1000,
    }


def _measured(jobs: Sequence[Job], size: Size) -> dict[str, Any]:
    """Return the measured columns of a set of jobs."""
    sums = {name: sum(job[name] for job in jobs) for name in SUMS}
    return {
        "jobs": len(jobs),
        **sums,
        "max_rss_mb": max(job["max_rss_mb"] for job in jobs),
        "mpx": size.mpx,
        "wall_s_per_mpx": sums["wall_s"] / size.mpx,
        "cpu_s_per_mpx": sums["cpu_s"] / size.mpx,
        "written_bytes_per_px": sums["written_mb"] / size.mpx,
    }


def speed_table(jobs: Mapping[str, Sequence[Job]], mpx: Mapping[str, float]) -> Table:
    """Tabulate the cost of the methods in this run.

    Parameters
    ----------
    jobs : mapping of str to sequence of Job
        Jobs by method; of `read_jobs`.
    mpx : mapping of str to float
        Pixels that these jobs scored, 1e6.

    Returns
    -------
    Table
        A row per method: jobs, mpx, cpu_s, of these startup_cpu_s, cpu_s_per_mpx without the
        start, and the largest process. That of a scan is for all its thresholds, and for both maps
        where the parameters tuned for stars are others.
    """
    rows = []
    for method, some in jobs.items():
        cpu_s, startup_s = (sum(job[k] for job in some) for k in ("cpu_s", "startup_cpu_s"))
        row = {"method": method, "jobs": len(some), "mpx": mpx[method], "cpu_s": cpu_s}
        row |= {"startup_cpu_s": startup_s, "cpu_s_per_mpx": (cpu_s - startup_s) / mpx[method]}
        rows.append(row | {"max_rss_mb": max(job["max_rss_mb"] for job in some)})
    table = Table(rows)
    units = {"mpx": "Mpix", "cpu_s": "s", "startup_cpu_s": "s", "max_rss_mb": "Mbyte"}
    for name, unit in (units | {"cpu_s_per_mpx": "s / Mpix"}).items():
        table[name].unit = unit
    table[
        "cpu_s_per_mpx"
    ].description = (
        "of a scan: for all its thresholds, and for both maps where those tuned for stars differ"
    )
    return table
