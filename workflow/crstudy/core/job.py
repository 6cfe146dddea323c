"""Log of a job, and what it used: processor time, memory, bytes read and written (Linux).

Snakemake's benchmark files hold the exact wall time of a job, but their cpu_time, max_rss, io_in
and io_out are samples, taken every 0.5 s for 15 s, then every 30 s, and none at the end
(``snakemake/benchmark.py``): a job of 24 s seems to stop computing after 15. The kernel counts.
"""

import errno
import json
import logging
import os
import platform
import re
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from crstudy.core.atomic import complete_file, told_if_full
from crstudy.core.checksums import changed, dataset_folder, forget, record
from crstudy.core.errors import StudyError, unreadable


@contextmanager
def job(script: Any) -> Iterator[logging.Logger]:
    """Log a job to a file, warnings also to standard error; record what it used if it succeeds.

    What it reads must be what earlier jobs wrote, and what it wrote is recorded, too:
    `crstudy.core.checksums`.

    Parameters
    ----------
    script : snakemake.script.Snakemake
        What Snakemake tells the script. Of it the log is replaced, as is the record beside it.

    Yields
    ------
    logging.Logger

    Raises
    ------
    SystemExit
        After an error, which is logged: a `StudyError` as one line.
    """
    log_path = script.log[0]
    results = dataset_folder(log_path)
    warnings = logging.StreamHandler()
    # Errors are printed once all jobs have ended, of all jobs together (crstudy.pipeline.progress).
    warnings.addFilter(lambda record: record.levelno == logging.WARNING)
    handlers = [logging.FileHandler(log_path, mode="w", encoding="utf-8"), warnings]
    line = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=line, handlers=handlers, force=True)
    logging.captureWarnings(True)
    # A log on a full disk would print a traceback of its own.
    logging.raiseExceptions = False
    logger = logging.getLogger("crstudy")
    logger.setLevel(logging.INFO)
    try:
        # Ctrl-C while modules were imported has waited until here (workflow/rules/preflight.smk).
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if results:
            forget(script.output, results)
            for error in changed(script.input, results):
                raise error
        with (
            told_if_full(Path(log_path).parent, tempfile.gettempdir()),
            _recorded_usage(log_path, logger),
        ):
            yield logger
            if results:
                record(script.output, results, script.rule)
    except StudyError as error:
        logger.error("%s", error)
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            logger.error("%s", unreadable(error.filename, error))
            sys.exit(1)
        logger.exception("unexpected %s: %s", type(error).__name__, error)
        sys.exit(1)
    except KeyboardInterrupt:
        logger.info("interrupted")
        sys.exit(1)


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
    host : str
        Name of the machine.
    start, end : str
        When the job's own work, after the imports, began and ended: UTC, ISO 8601, to 1 ms.
    """

    cpu_s: float
    startup_cpu_s: float
    max_rss_mb: float
    read_mb: float
    written_mb: float
    host: str
    start: str
    end: str


def usage_path(log_path: str | Path) -> Path:
    """Return the file, beside a job's log, that says what the job used."""
    return Path(log_path).with_suffix(".usage.json")


@contextmanager
def _recorded_usage(log_path: str | Path, logger: logging.Logger) -> Iterator[None]:
    """Record beside its log what a job uses, if it succeeds, and log a line about it."""
    path = usage_path(log_path)
    path.unlink(missing_ok=True)
    start, startup_s, before = _now(), _cpu_s(), psutil.Process().io_counters()
    yield
    after = psutil.Process().io_counters()
    usage = Usage(
        cpu_s=round(_cpu_s(), 3),
        startup_cpu_s=round(startup_s, 3),
        max_rss_mb=round(max_rss_bytes() / 1e6, 3),
        read_mb=round((after.read_chars - before.read_chars) / 1e6, 3),
        written_mb=round((after.write_chars - before.write_chars) / 1e6, 3),
        host=platform.node(),
        start=start,
        end=_now(),
    )
    with complete_file(path) as part:
        part.write_text(json.dumps(asdict(usage)) + "\n", encoding="utf-8")
    logger.info(
        "used %.1f s CPU, of these %.1f s to start, and %.0f MB",
        usage.cpu_s,
        usage.startup_cpu_s,
        usage.max_rss_mb,
    )


def read_usage(path: str | Path) -> Usage:
    """Read a record of `job`."""
    return Usage(**json.loads(Path(path).read_text(encoding="utf-8")))


def _now() -> str:
    """Return the time, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _cpu_s() -> float:
    """Return the processor time of this process and its finished children."""
    return sum(os.times()[:4])


def max_rss_bytes() -> int:
    """Return the most resident memory of this process or a finished child."""
    # Its own ru_maxrss would not do: that also counts the process that Snakemake forked.
    peak = re.search(
        r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE
    )
    return 1024 * max(int(peak[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
