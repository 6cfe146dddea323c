"""A job: its log, what it used, and one line for what a user can put right."""

import errno
import logging
import os
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from crstudy.core.atomic import complete_file
from crstudy.core.errors import StudyError
from crstudy.core.job import job, read_usage, usage_path

#: A job: half a second of processor time of its own and as much of a child, which holds 150 MB.
JOB = """
import subprocess, sys, time
from types import SimpleNamespace
from crstudy.core.job import job

def compute(seconds):
    while time.process_time() < seconds:
        pass

compute(0.5)
with job(SimpleNamespace(log=sys.argv[1:2])) as log:
    compute(1.0)
    child = "import time; held = b'1' * 150_000_000\\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", child], check=True)
    with open(sys.argv[2], "wb") as file:
        file.write(bytes(20_000_000))
    with open(sys.argv[2], "rb") as file:
        file.read()
"""


@pytest.fixture(autouse=True)
def handlers():
    """Jobs of this process leave no handler, on a closed stream, to later tests."""
    before = logging.root.handlers[:]
    yield
    for handler in set(logging.root.handlers) - set(before):
        logging.root.removeHandler(handler)
        with suppress(OSError):  # on a full disk
            handler.close()
    logging.captureWarnings(False)
    logging.raiseExceptions = True


def of(log):
    """Return what Snakemake tells a script, as far as tests need it."""
    return SimpleNamespace(log=[log])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return the folder of the log of a job, started by a process that holds 600 MB."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "job.py").write_text(JOB, encoding="utf-8")
    words = [sys.executable, "job.py", "g001.log", "product"]
    parent = f"import subprocess; held = b'1' * 600_000_000; subprocess.run({words}, check=True)"
    subprocess.run([sys.executable, "-c", parent], cwd=folder, check=True)
    return folder


def test_job_and_its_children_are_counted(recorded):
    usage = read_usage(recorded / "g001.usage.json")
    # The clock of the kernel ticks every 10 ms.
    assert 0.48 <= usage.startup_cpu_s <= usage.cpu_s - 0.9
    assert usage.cpu_s >= 1.45
    assert 20 <= usage.written_mb < 21
    assert 20 <= usage.read_mb < 40


def test_memory_is_that_of_the_largest_process_and_not_of_the_one_before(recorded):
    assert 150 < read_usage(recorded / "g001.usage.json").max_rss_mb < 400


def test_place_and_time_are_kept(recorded):
    usage = read_usage(recorded / "g001.usage.json")
    assert usage.host == platform.node()
    start, end = (datetime.fromisoformat(time) for time in (usage.start, usage.end))
    assert start.utcoffset() == timedelta(0)
    # Half a second of its own and as much of the child's, which takes as long at least.
    assert timedelta(seconds=0.9) < end - start
    assert abs(datetime.now(UTC) - end) < timedelta(hours=1)


def test_one_line_of_the_log_tells_it(recorded):
    [line] = (recorded / "g001.log").read_text(encoding="utf-8").splitlines()
    assert " INFO used " in line
    assert "to start, and 1" in line


def test_failed_job_leaves_no_record(tmp_path):
    log = tmp_path / "x.log"
    with job(of(log)):
        pass
    assert usage_path(log).is_file()
    with pytest.raises(SystemExit), job(of(log)):
        raise StudyError("here", "wrong", "mend it")
    assert {path.name for path in log.parent.iterdir()} == {"x.log"}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full. Fix: make room"),
        (errno.EDQUOT, "is full. Fix: make room"),
        (errno.EACCES, "x.fits: cannot be read or written (Permission denied). Fix: change its"),
        (errno.EROFS, "x.fits: cannot be read or written (Read-only file system). Fix: move"),
    ],
)
def test_full_or_closed_disk_is_one_line(tmp_path, number, words):
    with pytest.raises(SystemExit), job(of(tmp_path / "log")):
        raise OSError(number, os.strerror(number), "x.fits")
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert words in line


@pytest.mark.parametrize("error", [OSError("wrote 12 of 4000 bytes"), RuntimeError("cannot save")])
def test_errors_on_a_full_disk_are_one_line_whatever_they_say(tmp_path, monkeypatch, error):
    """As of astropy and OpenVINO, which do not tell; a file that is given up makes room."""

    def usage(folder):
        return SimpleNamespace(free=1e9 * (not list(tmp_path.glob(".part.*"))))

    monkeypatch.setattr("shutil.disk_usage", usage)
    with (
        pytest.raises(SystemExit),
        job(of(tmp_path / "log")),
        complete_file(tmp_path / "x") as part,
    ):
        part.write_text("half", encoding="utf-8")
        raise error
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert line.endswith(f"ERROR the disk of {tmp_path}: is full. Fix: make room, then run again.")


def test_log_on_a_full_disk_prints_no_traceback(monkeypatch, capsys):
    room = {"/dev": 0, "/scratch": 1e9}
    monkeypatch.setattr("shutil.disk_usage", lambda f: SimpleNamespace(free=room[str(f)]))
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/scratch")
    monkeypatch.setattr("crstudy.core.job.usage_path", lambda log: Path("/nowhere"))
    with pytest.raises(SystemExit) as stop, job(of("/dev/full")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "the disk of /dev: is full. Fix: make room" in str(stop.value.__context__)
    assert capsys.readouterr().err == ""


def test_terminal_shows_warnings_alone(tmp_path, capsys):
    """Errors stand in the log, from which they are told when the run ends."""
    with pytest.raises(SystemExit), job(of(tmp_path / "log")) as logger:
        logger.info("one")
        logger.warning("two")
        raise KeyError("three")
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == ["two"]
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "INFO one" in log
    assert "ERROR unexpected KeyError: 'three'\nTraceback" in log
