"""What Snakemake prints: one line a job, with what it does and the time left.

Snakemake finds this package by its name; `profiles/default` chooses it (``logger``). The complete
messages remain in ``.snakemake/log``.
"""

import errno
import os
import re
import shlex
import sys
from logging import ERROR, INFO, LogRecord
from pathlib import Path

import snakemake
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from crstudy.core.atomic import disk_is_full
from crstudy.core.errors import StudyError
from crstudy.pipeline.progress import Countdown, duration

SNAKEMAKE = f"{Path(snakemake.__file__).parent}/"
#: Beginnings of Snakemake's own messages that a reader needs.
KEPT = ("Nothing to be done", "Trying to restart", "Will exit after finishing")
#: Beginnings of those before a run that a reader does not need.
NO_USE = ("Assuming unrestricted", "Config file ")
#: Lines that say where Snakemake met an error that a user can fix.
PLACES = ("WorkflowError in ", "StudyError in ", '  File "')
#: Snakemake's message of files that no rule makes.
LACKING = re.compile(r"Missing input files for rule (\w+):.*affected files:\s+(.+?)$", re.S | re.M)
INTERRUPTED = "Terminating processes on user request"
#: What `onerror` says better: exceptions that only tell that a job has failed.
NO_NEWS = ("At least one job did not complete", "Exiting because a job execution failed")

# Snakemake reads this module before it makes its cache, and jobs inherit the environment.
if not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111 (Path raises without any home)
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
        os.environ.setdefault(name, str(Path(".snakemake/home").absolute()))


class LogHandler(LogHandlerBase):
    """Prints the messages of Snakemake and of its plugins."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Start before the first message."""
        asked = self.common_settings
        self.in_full = asked.dryrun or asked.verbose or asked.debug_dag
        self.stream = sys.stdout if asked.stdout else sys.stderr
        self.stream.reconfigure(errors="backslashreplace")
        self.runs = self.interrupted = False
        self.jobs: dict[int, str] = {}
        self.total = self.targets = 0
        self.countdown = Countdown({}, 0)

    def emit(self, record: LogRecord) -> None:
        """Print a message, or nothing."""
        try:
            refused = getattr(record, "event", None) == LogEvent.ERROR
            text = self.format(record) if self.in_full and not refused else self.line(record)
            if text:
                print(text, file=self.stream, flush=True)
        except Exception:
            self.handleError(record)

    def line(self, record: LogRecord) -> str:
        """Return what to print of a message."""
        match getattr(record, "event", None):
            case None:
                return self._message(record)
            case LogEvent.WORKFLOW_STARTED:
                self.runs = True
            case LogEvent.RUN_INFO:
                self.targets = record.stats.get("all", 0)
                self.total = record.stats["total"] - self.targets
            case LogEvent.PROGRESS:
                self.total = record.total - self.targets
            case LogEvent.JOB_INFO:
                return self._job(record)
            case LogEvent.JOB_FINISHED:
                self.countdown.done.add(record.job_id)
            case LogEvent.JOB_ERROR if not (self.interrupted or record.indent):
                reason = f": {record.rule_msg}" if record.rule_msg else ""
                return f"Failed: {self.jobs.get(record.jobid, record.rule_name)}{reason}"
            case LogEvent.GROUP_ERROR if not self.interrupted:
                return f"Failed: SLURM job {record.groupid} ({', '.join(record.aux_logs)})"
            case LogEvent.ERROR if not self.interrupted:
                return self._error(record)
        return ""

    def _job(self, record: LogRecord) -> str:
        """Announce a job that starts, or is submitted."""
        if record.rule_name == "all":
            return ""
        self.jobs[record.jobid] = record.rule_msg or record.rule_name
        left_s = self.countdown.left_s()
        left = "" if left_s is None else f"{duration(left_s)} left"
        return f"{len(self.jobs):>5}/{self.total}  {left:>11}  {self.jobs[record.jobid]}"

    def _message(self, record: LogRecord) -> str:
        """Return a message that is not about a job."""
        text = str(record.msg or "")
        if hasattr(record, "expected_s"):
            self.countdown = Countdown(record.expected_s, record.cores)
        if text.startswith(INTERRUPTED):
            self.interrupted = True
            return "Stopped. Run again to continue."
        own = record.pathname.startswith(SNAKEMAKE)
        if own and record.levelno == INFO:
            heard = text.startswith(KEPT) if self.runs else not text.startswith(NO_USE)
            return text if heard else ""
        return "" if record.levelno == ERROR and text.startswith(NO_NEWS) else text

    def _error(self, record: LogRecord) -> str:
        """Return what an exception says, without where Snakemake raised it."""
        text = str(record.msg)
        if record.exception == "KeyboardInterrupt":
            return "Stopped. Run again to continue."
        if record.exception == "LockException":
            return _locked()
        if os.strerror(errno.ENOSPC) in text:
            return str(disk_is_full(Path.cwd()))
        if record.exception == "RuleException" or any(words in text for words in NO_NEWS):
            return ""
        if missing := re.search(r"No rule to produce (\S+)", text):
            return _no_result(missing[1])
        if lacking := LACKING.search(text):
            return _no_input(*lacking.groups())
        lines = text.splitlines()
        if ". Fix: " in text:
            lines = [one for one in lines if not one.startswith(PLACES)]
        return "\n".join(lines)


def _locked() -> str:
    """Say how to remove the locks of a killed run: by its own command, whose dataset counts."""
    command = shlex.join([*sys.orig_argv, "--unlock"])
    problem = "another run is making these results, or was killed"
    fix = f"wait for it; if none runs: {command}; then run again"
    return str(StudyError(".snakemake/locks", problem, fix))


def _no_input(rule: str, file: str) -> str:
    """Say what to do about a file that rules read and none makes."""
    fix = "if simulation.psf or cosmic_rays.library names it, correct that; else restore it"
    return str(StudyError(file, f"no such file, and rule {rule} needs it", fix))


def _no_result(target: str) -> str:
    """Say what to do about a target that no rule makes."""
    folder, dataset, *_ = (*Path(target).parts, "")
    config = Path(f"config/{dataset}.yaml")
    fix = "see docs/outputs.md for the names of results"
    if folder == "results" and config.is_file():
        fix = f"add --configfile {config} for those of {dataset}; docs/outputs.md has their names"
    return str(StudyError(target, "is no result of this configuration", fix))
