"""Studies that run on the cluster of the tests."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

import psutil
import yaml

from cluster import Cluster
from project import TINY, copy_project, environment

PROFILE = "profiles/slurm"
TINY_CONFIG = ("--configfile", "config/tiny.yaml")
#: Of the first SLURM job of a field.
EXPOSURES = [f"results/tiny/exposures/jsim0010{number}_flc.fits" for number in (1, 2, 3)]
REFERENCE = "results/tiny/reference/g001"
#: Besides the tables: the speed of the detector and one figure. All of them would take minutes.
OTHERS = ("results/tiny/profiling/inference.json", "results/tiny/figures/objects.png")
SMALLER = {"exposures_per_group": 3, "n_chips": 1, "chip_height_px": 128, "chip_width_px": 128}


def tiny_project(folder: Path) -> Path:
    """Return a copy of the project with a small study."""
    project = copy_project(folder)
    small = {**TINY, **SMALLER}
    values = {"dataset": "tiny", "simulation": small, "metrics": {"bootstrap_samples": 100}}
    (project / "config/tiny.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return project


def edit_profile(project: Path, **values: object) -> None:
    """Change settings of the profile in a copy of the project."""
    path = project / PROFILE / "config.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        old = settings.get(key.replace("_", "-"))
        settings[key.replace("_", "-")] = {**old, **value} if isinstance(old, dict) else value
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")


def command(*arguments: str) -> list[str]:
    """Return the command line of a run on the cluster."""
    program = Path(__file__).with_name("impatient_snakemake.py")
    words = [sys.executable, "-P", str(program), *arguments, "--profile", PROFILE]
    return [*words, "--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "10"]


def start(
    cluster: Cluster, project: Path, *arguments: str, printed: int | IO = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start a run on the cluster."""
    return subprocess.Popen(
        command(*arguments, *TINY_CONFIG),
        cwd=project,
        env=environment(cluster.environment()),
        text=True,
        stdout=printed,
        stderr=subprocess.STDOUT,
        # Tests in the background of a shell have inherited that it is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def run(
    cluster: Cluster, project: Path, *arguments: str, timeout_s: float = 1500
) -> subprocess.CompletedProcess[str]:
    """Run a study on the cluster and return what Snakemake printed."""
    process = start(cluster, project, *arguments)
    printed, _ = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(process.args, process.returncode, printed)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@contextmanager
def watched_memory() -> Iterator[dict[str, float]]:
    """Note the most memory that each job of the cluster holds: resident, all processes.

    Yields
    ------
    dict of str to float
        By job, MB (2**20 bytes); grows until the block ends.
    """
    peaks_mb: dict[str, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            now: dict[str, float] = {}
            for process in psutil.process_iter(["cmdline"]):
                words = " ".join(process.info["cmdline"] or [])
                if words.startswith("slurmstepd: ["):
                    job = words.removeprefix("slurmstepd: [").split(".")[0]
                    now[job] = now.get(job, 0) + _resident_mb(process)
            for job, held in now.items():
                peaks_mb[job] = max(held, peaks_mb.get(job, 0))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks_mb
    finally:
        over.set()
        thread.join()


def _resident_mb(process: psutil.Process) -> float:
    """Return the resident memory of a process's offspring."""
    total = 0
    with suppress(psutil.Error):
        for child in process.children(recursive=True):
            total += child.memory_info().rss
    return total / 2**20


def wait_for(happened: Callable[[], object], timeout_s: float = 180) -> None:
    """Wait until a function returns something true."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.2)
