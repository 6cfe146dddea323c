"""A copy of the project to run Snakemake in, and small simulated exposures."""

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Optional folder beside the checkout with real exposures and data for checks.
SHARED = ROOT.parent / "shared"
SDIST = ROOT / "resources" / "weights" / "deepCR-0.1.5.tar.gz"

PARTS = (
    *("Snakefile", "workflow", "config", "resources", "envs", "profiles", "pyproject.toml"),
    "requirements.txt",
)

#: A simulated study that runs in about a minute.
TINY = {
    "n_groups": 2,
    "exposures_per_group": 4,
    "n_chips": 2,
    "chip_height_px": 256,
    "chip_width_px": 288,
    "field_classes": ["globular_cluster", "extragalactic"],
}


def script(rule: str) -> Path:
    """Return the script of a rule."""
    name = re.search(r"/scripts/(\w+/\w+\.py)", rules()[rule])[1]
    return ROOT / "workflow/scripts" / name


@cache
def rules() -> dict[str, str]:
    """Return the text of each rule, with that of the rule from which it inherits, if any.

    A rule from which others inherit makes nothing itself and is left out.
    """
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").rglob("*.smk")
    )
    head = r"^(?:rule|checkpoint|use rule (\w+) as) (\w+)(?: with)?:"
    _, *parts = re.split(head, text, flags=re.MULTILINE)
    bases, names, bodies = parts[::3], parts[1::3], parts[2::3]
    texts = dict(zip(names, bodies, strict=True))
    return {
        name: texts[name] + texts.get(base, "")
        for base, name in zip(bases, names, strict=True)
        if name not in bases
    }


def copy_project(folder: Path) -> Path:
    """Copy what Snakemake needs into `folder`, where a test may change it."""
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    return folder


def snakemake(
    folder: Path, *arguments: str, env: dict[str, str] | None = None, offline: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy of the project and return what it printed."""
    return subprocess.run(
        [*(without_network() if offline else ()), *command(*arguments)],
        cwd=folder,
        env=environment(env),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=1800,
        check=False,
    )


def command(*arguments: str) -> list[str]:
    """Return the command line of Snakemake."""
    return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]


def plan(
    folder: Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Do as `snakemake` what runs no job, as a dry run, in half the time: see snakemake_server."""
    words = command(*arguments)
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as printed:
        call = {"folder": str(folder), "arguments": words[3:], "env": environment(env)}
        server = _server()
        with suppress(BrokenPipeError):
            server.stdin.write(json.dumps(call | {"printed": printed.name}) + "\n")
            server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, f"snakemake_server.py has ended, with exit status {server.wait()}"
        output, status = printed.read(), int(answer)
        assert status != -signal.SIGALRM, f"{words} took too long; it printed:\n{output}"
        return subprocess.CompletedProcess(words, status, output)


@cache
def _server() -> subprocess.Popen[str]:
    """Start a process with Snakemake in it, which ends with this one."""
    program = Path(__file__).with_name("snakemake_server.py")
    # Without the folder of the program among those of modules.
    words = [sys.executable, "-P", str(program)]
    pipe = subprocess.PIPE
    server = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment())
    atexit.register(server.communicate)
    return server


def planned(output: str) -> dict[str, int]:
    """Return the number of jobs by rule that a dry run announces."""
    table = output.split("Job stats:")[1].split("total")[0] if "Job stats:" in output else ""
    return {name: int(n) for name, n in re.findall(r"^(\w+)\s+(\d+)\s*$", table, re.MULTILINE)}


def dry_run(project: Path, *arguments: str) -> dict[str, int]:
    """Return the number of jobs by rule that a run would have."""
    result = plan(project, "-n", *arguments)
    assert result.returncode == 0, result.stdout
    return planned(result.stdout)


def without_network() -> list[str]:
    """Return the words that run a command without any network; none where that is forbidden."""
    words = ["unshare", "--map-root-user", "--net"]
    try:
        done = subprocess.run([*words, "true"], stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return []
    return [] if done.returncode else words


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a run: no mirror but the one a test names."""
    clean = {k: v for k, v in os.environ.items() if k not in ("CRSTUDY_MIRROR", "PYTHONPATH")}
    return clean | {"OMP_NUM_THREADS": "1"} | (extra or {})
