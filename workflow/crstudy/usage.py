"""What a job uses: processor time, memory, bytes read and written (Linux).

Snakemake's benchmark files hold the exact wall time of a job, but their cpu_time, max_rss, io_in
and io_out are samples, taken every 0.5 s for 15 s, then every 30 s, and none at the end
(``snakemake/benchmark.py``): a job of 24 s seems to stop computing after 15. The kernel counts.
"""

import json
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from logging import Logger
from pathlib import Path

import psutil

from crstudy.files import complete_file


@dataclass(frozen=True)
class Usage:
    """What a process and its finished children used.

    Attributes
    ----------
    cpu_s : float
        Processor time of all threads, user and system, s.
    startup_cpu_s : float
        The part of it that passed before the job began: the interpreter's start and imports, s.
    max_rss_mb : float
        Most resident memory of any one of the processes, MB (1e6 bytes).
    read_mb, written_mb : float
        Bytes read and written since the job began, from and to files and pipes, cached or not,
        but not through memory maps, MB.
    """

    cpu_s: float
    startup_cpu_s: float
    max_rss_mb: float
    read_mb: float
    written_mb: float


def usage_path(log_path: str | Path) -> Path:
    """Return the file, beside a job's log, that says what the job used."""
    return Path(log_path).with_suffix(".usage.json")


@contextmanager
def recorded_usage(log_path: str | Path, logger: Logger) -> Iterator[None]:
    """Record what a job uses, if it succeeds.

    Parameters
    ----------
    log_path : path-like
        Log file of the job; the record of `usage_path` lies beside it.
    logger : logging.Logger
        Takes one line about it.
    """
    path = usage_path(log_path)
    path.unlink(missing_ok=True)
    startup_s, before = _cpu_s(), psutil.Process().io_counters()
    yield
    after = psutil.Process().io_counters()
    usage = Usage(
        cpu_s=_cpu_s(),
        startup_cpu_s=startup_s,
        max_rss_mb=max_rss_bytes() / 1e6,
        read_mb=(after.read_chars - before.read_chars) / 1e6,
        written_mb=(after.write_chars - before.write_chars) / 1e6,
    )
    rounded = {name: round(value, 3) for name, value in asdict(usage).items()}
    with complete_file(path) as part:
        part.write_text(json.dumps(rounded) + "\n")
    logger.info(
        "used %.1f s CPU, of these %.1f s to start, and %.0f MB",
        usage.cpu_s,
        usage.startup_cpu_s,
        usage.max_rss_mb,
    )


def read_usage(path: str | Path) -> Usage:
    """Read a record of `recorded_usage`."""
    return Usage(**json.loads(Path(path).read_text()))


def _cpu_s() -> float:
    """Return the processor time of this process and its finished children."""
    return sum(os.times()[:4])


def max_rss_bytes() -> int:
    """Return the most resident memory of this process or a finished child."""
    # Its own ru_maxrss would not do: that also counts the process that Snakemake forked.
    peak = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * max(int(peak[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
