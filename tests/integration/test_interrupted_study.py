"""A stopped and killed run on one core ends with the same results; studies need no network."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from advice import advised
from project import SDIST, command, environment, without_network
from studies import TINY_CONFIG, all_tables, job_records, tiny_project

pytestmark = pytest.mark.skipif(
    not SDIST.is_file(), reason=f"needs {SDIST.name}, which the set-up fetches once"
)

#: Of the kinds that there are: curves, images of pixels, and points of stars.
FIGURES = [f"results/tiny/figures/{name}.png" for name in ("roc", "fig2", "accuracy")]


def several_at_once(results):
    """Tell whether a job began before another had ended."""
    return any(one["end"] > other["start"] for one, other in pairwise(job_records(results)))


def test_network_can_be_cut_off():
    words = without_network()
    if not words:
        pytest.skip("no process may leave the network here: studies of the tests have one")
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
        ask = [sys.executable, "-c", connect, str(server.getsockname()[1])]
        assert subprocess.run(ask, check=False).returncode == 0
        cut_off = subprocess.run([*words, *ask], check=False, capture_output=True, text=True)
    assert "unreachable" in cut_off.stderr


def interrupt(words, project):
    """Press Ctrl-C when the first exposure is simulated; return what a run prints from then on."""
    with subprocess.Popen(
        words,
        cwd=project,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Tests in the background of a shell have inherited that it is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as run:
        next(line for line in run.stdout if "Simulate exposure" in line)
        os.killpg(run.pid, signal.SIGINT)
        printed = run.stdout.read()
    assert run.returncode != 0
    return printed


def test_killed_run_on_one_core_ends_with_the_same_results(tmp_path, request):
    """Same seed in another folder, one core instead of two, stopped and killed in the middle."""
    project = tiny_project(tmp_path)
    tables = all_tables(project, *TINY_CONFIG)
    words = command(*tables, *FIGURES, "--cores", "1", *TINY_CONFIG)
    assert interrupt(words, project) == "Stopped. Run again to continue.\n"
    run = subprocess.Popen(
        words,
        cwd=project,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    results = project / "results" / "tiny"
    deadline = time.monotonic() + 600
    while not (results / "reference").is_dir() and time.monotonic() < deadline:
        assert run.poll() is None, "ended before it could be killed"
        time.sleep(0.2)
    assert (results / "reference").is_dir()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (results / "tables" / "table1.ecsv").exists()
    run = partial(subprocess.run, cwd=project, env=environment(), capture_output=True, text=True)
    (line,) = (one for one in run(words).stderr.splitlines() if ". Fix: " in one)
    advice = advised("snakemake_logger_plugin_crstudy: wait for it; if none runs: ", line)
    run(re.search("none runs: (.*); then run again", advice)[1], shell=True, check=True)
    again = run(words)
    assert again.returncode == 0, again.stderr[-5000:]
    # Another worker may make it meanwhile.
    study = request.getfixturevalue("tiny_study")
    expected = {path.name for path in (study / "results/tiny/tables").iterdir()}
    assert {Path(table).name for table in tables} == expected
    for name in (*tables, *FIGURES):
        assert (project / name).read_bytes() == (study / name).read_bytes(), name
    assert several_at_once(study / "results/tiny")
    assert not several_at_once(results)
    assert not list(project.rglob(".part*"))
