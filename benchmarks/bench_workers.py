"""Measurement: each method in a process of its own, one after the other, in turns."""

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench_chip import CHIP
from bench_methods import METHODS, Method

#: Between turns, for the threads of the last method to fall asleep.
PAUSE_S = 0.5

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What a process does.

    Attributes
    ----------
    name : str
        Name of the row in tables.
    method : str
        Key of `bench_methods.METHODS`.
    folder : pathlib.Path
        Folder of `bench_chip.make_material`.
    threads : int
        Threads of the method.
    tile_px : int, optional
        Side of the tiles; None: the method's own choice, for stock deepCR the whole frame.
    image : str
        File in the folder.
    """

    name: str
    method: str
    folder: Path
    threads: int
    tile_px: int | None = None
    image: str = CHIP


@dataclass(frozen=True)
class Run:
    """Cost of one image, s: wall time, CPU time of all threads, and GPU time where there is one."""

    wall_s: float
    cpu_s: float
    device_s: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What a job has cost.

    Attributes
    ----------
    job : Job
        The job.
    first : Run
        The first run, which warms up.
    runs : list of Run
        Those after it.
    peak_rss_gb : float
        Most resident memory of the process, GB (1e9 bytes).
    mask : ndarray of bool, shape (ny, nx)
        What was found.
    details : dict
        What the method has chosen.
    """

    job: Job
    first: Run
    runs: list[Run]
    peak_rss_gb: float
    mask: NDArray[np.bool_]
    details: dict[str, Any] = field(default_factory=dict)


def measure_in_turn(jobs: Sequence[Job], rounds: int) -> list[Measurement]:
    """Measure jobs A, B, C, ... in the order A B C, A B C, ...

    All processes live until the end; only one works at a time.

    Parameters
    ----------
    jobs : sequence of Job
        Each gets a process.
    rounds : int
        Runs of each job after the first.

    Returns
    -------
    list of Measurement
        In the order of the jobs.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(_process()) for _ in jobs]
        turns = list(zip(jobs, processes, strict=True))
        firsts = [process.submit(_Worker.start, job).result() for job, process in turns]
        runs: list[list[Run]] = [[] for _ in jobs]
        for _ in range(rounds):
            for process, own in zip(processes, runs, strict=True):
                time.sleep(PAUSE_S)
                own.append(process.submit(_Worker.run).result())
        ends = [process.submit(_Worker.end).result() for process in processes]
    return [
        Measurement(job, first, own, *end)
        for job, first, own, end in zip(jobs, firsts, runs, ends, strict=True)
    ]


def in_own_process(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a process that ends afterwards."""
    with _process() as process:
        return process.submit(function, *args, **kwargs).result()


def _process() -> ProcessPoolExecutor:
    """Return a fresh interpreter: a forked process would begin with its parent's memory."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


class _Worker:
    """The one job of a process; lives there, and the parent calls it by name."""

    job: Job
    image: NDArray[np.float32]
    method: Method
    mask: NDArray

    @classmethod
    def start(cls, job: Job) -> Run:
        """Load image and method, and run once."""
        cls.job, cls.image = job, np.load(job.folder / job.image)
        cls.method = METHODS[job.method](job.folder, job.threads, job.tile_px)
        return cls.run()

    @classmethod
    def run(cls) -> Run:
        """Find the cosmic rays of the image."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        cls.mask = cls.method.find(cls.image)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        return Run(wall_s, cpu_s, cls.method.device_s and cls.method.device_s())

    @classmethod
    def end(cls) -> tuple[float, NDArray[np.bool_], dict[str, Any]]:
        """Return the peak memory, the last mask and what the method has chosen."""
        return peak_rss_gb(), cls.mask.astype(bool), cls.method.details()


def peak_rss_gb() -> float:
    """Return the most resident memory of this process since its program began (Linux).

    Returns
    -------
    float
        GB (1e9 bytes).
    """
    # ru_maxrss also counts the process that this one was forked from.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)[1]) / 1e9
