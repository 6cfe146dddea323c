"""How the default study grows with its groups, and what Snakemake adds to its jobs.

Runs the study with 1, 2, 4 and 8 groups, each from nothing, and plans one of more than 20,000 jobs.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench_chip import ROOT, SDIST
from bench_record import describe_machine, slug, today, write_json
from crstudy.pipeline.provenance import commit

RESULTS = ROOT / "benchmarks" / "results"
GROUPS = (1, 2, 4, 8)
#: Groups of six simulated exposures for more than 20,000 jobs.
MANY_GROUPS = 1200


def main() -> None:
    """Measure, write the JSON of this machine and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    parser.add_argument("--groups", type=int, nargs="+", default=GROUPS, help="sizes to run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        record = bench(Path(scratch), arguments.cores, arguments.groups)
    path = RESULTS / f"{slug(record['machine'])}-growth.json"
    write_json(path, record)
    print(json.dumps(record, indent=1))
    print(f"{path.relative_to(ROOT)} written")


def bench(folder: Path, cores: int, groups: Sequence[int]) -> dict[str, Any]:
    """Run the benchmark; return what the JSON holds."""
    runs = [run_study(checkout(folder / str(n)), cores, n) for n in groups]
    return {
        "machine": describe_machine([]),
        "date": today(),
        "commit": commit(ROOT),
        "cores": cores,
        "runs": runs,
        "fits": {cost: fit(groups, [run[cost] for run in runs]) for cost in ("wall_s", "cpu_s")},
        "plan": plan(checkout(folder / "many"), MANY_GROUPS),
    }


def checkout(folder: Path) -> Path:
    """Unpack the commit that is measured, and the weights that the set-up has fetched."""
    folder.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    ).stdout
    subprocess.run(["tar", "--extract"], cwd=folder, input=archive, check=True)
    shutil.copytree(SDIST.parent, folder / SDIST.parent.relative_to(ROOT), dirs_exist_ok=True)
    return folder


def run_study(project: Path, cores: int, groups: int) -> dict[str, Any]:
    """Run the study with so many groups.

    Returns
    -------
    dict
        Jobs; wall time and CPU time of all processes, of the jobs' own scripts,
        and of Snakemake for each job, s; time to plan a run and to find that nothing is to be
        done, s; bytes and files that stay.
    """
    print(f"{groups} groups", flush=True)
    plan_s = timed(project, groups, "--dry-run")[0]
    wall_s, cpu_s = timed(project, groups, "--cores", str(cores))
    nothing_s = timed(project, groups, "--cores", str(cores))[0]
    results = project / "results" / "sim-mini"
    own_s = [
        json.loads(p.read_text(encoding="utf-8"))["cpu_s"] for p in results.rglob("*.usage.json")
    ]
    files = [path for path in results.rglob("*") if path.is_file()]
    return {
        "groups": groups,
        "jobs": len(own_s),
        "wall_s": round(wall_s, 1),
        "cpu_s": round(cpu_s, 1),
        "jobs_cpu_s": round(sum(own_s), 1),
        "snakemake_cpu_s_per_job": round((cpu_s - sum(own_s)) / len(own_s), 3),
        "plan_s": round(plan_s, 1),
        "nothing_to_do_s": round(nothing_s, 1),
        "files": len(files),
        "gb": round(sum(path.stat().st_size for path in files) / 1e9, 3),
    }


def timed(project: Path, groups: int, *arguments: str) -> tuple[float, float]:
    """Run Snakemake; return its wall time and the CPU time of all its processes, s."""
    words = [sys.executable, "-m", "snakemake", *arguments, "--quiet", "all"]
    words += ["--config", f"simulation={{n_groups: {groups}}}"]
    with (project / "printed").open("w", encoding="utf-8") as printed:
        start_s, before = time.perf_counter(), os.times()
        done = subprocess.run(words, cwd=project, stdout=printed, stderr=subprocess.STDOUT)
        wall_s, after = time.perf_counter() - start_s, os.times()
    if done.returncode:
        sys.exit((project / "printed").read_text(encoding="utf-8"))
    cpu_s = after.children_user - before.children_user
    return wall_s, cpu_s + after.children_system - before.children_system


def fit(groups: Sequence[int], costs: Sequence[float]) -> dict[str, float]:
    """Fit a line; return its parameters and how far a cost lies off it, at most, as a fraction."""
    slope, offset = np.polyfit(groups, costs, 1)
    line = offset + slope * np.array(groups)
    off = np.abs(np.array(costs) / line - 1)
    return {
        "per_group_s": round(float(slope), 2),
        "study_s": round(float(offset), 2),
        "largest_deviation": round(float(off.max()), 3),
    }


def plan(project: Path, groups: int) -> dict[str, Any]:
    """Plan a large study, once; return its jobs, the time and the peak memory."""
    print(f"plan of {groups} groups", flush=True)
    words = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules"]
    words += ["--config", f"simulation={{n_groups: {groups}}}"]
    with (project / "printed").open("w", encoding="utf-8") as printed:
        start_s = time.perf_counter()
        process = subprocess.Popen(words, cwd=project, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    text = (project / "printed").read_text(encoding="utf-8")
    if process.returncode:
        sys.exit(text)
    return {
        "groups": groups,
        "jobs": int(re.search(r"^total\s+(\d+)", text, re.MULTILINE)[1]),
        "wall_s": round(wall_s, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_rss_gb": round(1024 * usage.ru_maxrss / 1e9, 2),
    }


if __name__ == "__main__":
    main()
