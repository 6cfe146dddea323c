"""What the reference of a group costs, beside a bare call of AstroDrizzle with its settings.

Both run in turn, each in a process of its own, imports included: `drizzle_group` as its rule calls
it, and AstroDrizzle on copies that were made before. Snakemake's own start counts for neither.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from astropy.io import fits

from bench_chip import FIELD_CLASS, ROOT, SEED, simulate_group
from bench_record import describe_machine, slug, today, write_json
from bench_workers import in_own_process
from crstudy.config.study import Study
from crstudy.data.exposure import read_images
from crstudy.pipeline.provenance import commit
from crstudy.reference.astrodrizzle import RUNFILE, SETTINGS, drizzle_group

RESULTS = ROOT / "benchmarks" / "results"
N_EXPOSURES, SHAPE_PX = 6, (2048, 2048)
CHOICES = Study().reference.model_dump(mode="json")
PACKAGES = ("drizzlepac", "astropy", "numpy")
BARE = """\
import json, sys
from drizzlepac.astrodrizzle import AstroDrizzle
AstroDrizzle(**json.loads(sys.argv[1]))
"""
STUDY = """\
import json, sys
from pathlib import Path
from crstudy.reference.astrodrizzle import drizzle_group
paths, choices = json.loads(sys.argv[1])
drizzle_group("bench", [Path(p) for p in paths], Path("out"), Path("log"), **choices)
"""
#: What the study adds to AstroDrizzle, by function of `crstudy.reference.astrodrizzle`.
ADDED = {
    "_stage": "checks and copies",
    "_write_no_reference": "coverage of the median",
    "_collect": "products",
}


@dataclass(frozen=True)
class Run:
    """Cost of a process and its children: wall and CPU time, s; memory, GB."""

    wall_s: float
    cpu_s: float
    peak_rss_gb: float


def main() -> None:
    """Measure, write the JSON of this machine and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default 3)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        record = bench(Path(scratch), rounds)
    path = RESULTS / f"{slug(record['machine'])}-drizzle.json"
    write_json(path, record)
    for name in ("bare", "study"):
        one = record[name]
        print(f"{name}: {one['wall_s']['median']} s, CPU {one['cpu_s']['median']} s", end="")
        print(f", {one['peak_rss_gb']} GB")
    print("bare call, share of its wall time:", record["bare"]["shares"])
    print("the study adds, share of the bare CPU time:", record["study"]["added_shares"])
    print("study over bare:", record["study_over_bare"])
    print("differing pixels:", record["differing_px"])
    print(f"{path.relative_to(ROOT)} written")


def bench(
    folder: Path, rounds: int, n_exposures: int = N_EXPOSURES, shape: tuple[int, int] = SHAPE_PX
) -> dict[str, Any]:
    """Run the benchmark.

    Parameters
    ----------
    folder : pathlib.Path
        Scratch folder.
    rounds : int
        Runs of each, at least 1.
    n_exposures : int
        Exposures of the group, at least 3.
    shape : (int, int)
        Rows and columns of their one chip, px.

    Returns
    -------
    dict
        What the JSON holds.
    """
    print("simulating the group", flush=True)
    paths = in_own_process(simulate_group, folder, n_exposures, shape)
    bare, study, steps = [], [], []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        run, found = run_bare(paths, folder / f"bare-{number}")
        bare.append(run)
        steps.append(found)
        study.append(run_study(paths, folder / f"study-{number}"))
    differing = count_differing(folder / "bare-0", folder / "study-0" / "out")
    added = in_own_process(time_added, paths, folder / "added")
    wall_s, cpu_s = (median(getattr(run, cost) for run in bare) for cost in ("wall_s", "cpu_s"))
    return {
        "machine": describe_machine([]),
        "versions": {package: version(package) for package in PACKAGES},
        "date": today(),
        "commit": commit(ROOT),
        "group": f"{n_exposures} simulated ACS/WFC F606W exposures, one chip of "
        f"{shape[0]} x {shape[1]} px, {FIELD_CLASS}, seed {SEED}",
        "rounds": rounds,
        "order": "bare study bare study ...",
        "bare": summary(bare) | {"shares": shares(median_steps(steps), wall_s)},
        "study": summary(study) | {"added_shares": shares(added, cpu_s)},
        "study_over_bare": ratios(study, bare),
        "differing_px": differing,
    }


def run_bare(paths: Sequence[Path], folder: Path) -> tuple[Run, dict[str, float]]:
    """Run AstroDrizzle on copies; return its cost and the wall time of its steps, s."""
    folder.mkdir()
    for path in paths:
        shutil.copyfile(path, folder / path.name)
    choices = {key: " ".join(map(str, v)) for key, v in CHOICES.items() if isinstance(v, list)}
    arguments = {"input": [path.name for path in paths], **SETTINGS, **CHOICES, **choices}
    run = measure(BARE, arguments, folder)
    table = (folder / RUNFILE).read_text(encoding="utf-8")
    steps = re.findall(r"^\[INFO\s*\]\s+(\w[\w ]*?)\s{2,}([\d.]+) sec", table, re.MULTILINE)
    seconds = {name: float(elapsed) for name, elapsed in steps}
    return run, {"imports and exit": run.wall_s - seconds.pop("Total")} | seconds


def run_study(paths: Sequence[Path], folder: Path) -> Run:
    """Run the study's way to the same, copies and products included."""
    folder.mkdir()
    return measure(STUDY, [[str(path) for path in paths], CHOICES], folder)


def measure(code: str, argument: Any, folder: Path) -> Run:
    """Run Python code in a folder, on one thread, and return what it cost."""
    with (folder / "printed").open("w", encoding="utf-8") as printed:
        start_s = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(argument)],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((folder / "printed").read_text(encoding="utf-8"))
    return Run(wall_s, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss / 1e9)


def count_differing(bare: Path, study: Path) -> int:
    """Count the pixels of medians and masks that a bare call makes otherwise."""
    n_differing = 0
    for product in sorted(study.glob("*.fits")):
        root = product.name.removesuffix("_drizzle.fits")
        blot = fits.getdata(bare / f"{root}_sci1_blt.fits")
        rays = fits.getdata(bare / f"{root}_sci1_crmask.fits") == 0
        n_differing += np.count_nonzero(read_images(product, "BLOT")[1] != blot)
        n_differing += np.count_nonzero((read_images(product, "CRMASK")[1] == 1) != rays)
    return int(n_differing)


def time_added(paths: Sequence[Path], folder: Path) -> dict[str, float]:
    """Return the CPU time of what the study adds to AstroDrizzle, s."""
    import crstudy.reference.astrodrizzle as module

    folder.mkdir()
    times = folder / "times"
    for name in ADDED:
        setattr(module, name, _timed(getattr(module, name), times))
    drizzle_group("bench", paths, folder / "out", folder / "log", **CHOICES)
    totals = dict.fromkeys(ADDED, 0.0)
    for line in times.read_text(encoding="utf-8").splitlines():
        name, seconds = line.split()
        totals[name] += float(seconds)
    return {ADDED[name]: seconds for name, seconds in totals.items()}


def _timed(function: Callable, times: Path) -> Callable:
    """Let a function append its name and CPU time to a file: some of them run in a fork."""

    def timed(*args: Any) -> Any:
        start_s = time.process_time()
        result = function(*args)
        with times.open("a", encoding="utf-8") as lines:
            lines.write(f"{function.__name__} {time.process_time() - start_s}\n")
        return result

    return timed


def median_steps(steps: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median time of each step, s."""
    return {name: median(one[name] for one in steps) for name in steps[0]}


def shares(times: dict[str, float], total_s: float) -> dict[str, float]:
    """Return times as fractions of another."""
    return {name: round(seconds / total_s, 3) for name, seconds in times.items()}


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Return times of runs, s, and the largest of their peaks of memory, GB."""
    values = {cost: [round(getattr(run, cost), 2) for run in runs] for cost in ("wall_s", "cpu_s")}
    times = {cost: {"median": median(found), "all": found} for cost, found in values.items()}
    return times | {"peak_rss_gb": round(max(run.peak_rss_gb for run in runs), 3)}


def ratios(study: Sequence[Run], bare: Sequence[Run]) -> dict[str, float]:
    """Return the median over the rounds of what one costs in units of the other."""
    pairs = list(zip(study, bare, strict=True))
    return {
        cost: round(
            median(getattr(ours, cost) / getattr(theirs, cost) for ours, theirs in pairs), 3
        )
        for cost in ("wall_s", "cpu_s")
    }


if __name__ == "__main__":
    main()
