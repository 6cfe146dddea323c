"""The container file sets up what `make demo` does; it cannot be built without network."""

import re
import subprocess

import pytest

from crstudy.pipeline.conda_envs import PYTHON
from project import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def run(*words):
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_python_is_that_of_the_conda_environments():
    assert re.search(r"^FROM python:([\d.]+)-", DOCKERFILE, re.MULTILINE)[1] == PYTHON


def test_base_is_one_image_and_the_user_is_not_root():
    assert re.search(r"^FROM \S+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.index("\nUSER study\n") < DOCKERFILE.index("\nRUN make ")


def test_set_up_installs_the_lock_the_library_and_the_weights():
    target = re.search(r"^RUN make (\S+)$", DOCKERFILE, re.MULTILINE)[1]
    commands = run("make", "--dry-run", "--always-make", target)
    for part in (
        "install .*--require-hashes .*-r requirements.txt",
        "install .* -e [.]",
        "-m crstudy.deepcr.weights",
    ):
        assert re.search(part, commands)


def test_the_default_command_is_the_demo():
    words = re.search(r'^CMD \["make", "(\w+)"\]$', DOCKERFILE, re.MULTILINE)
    assert words[1] == "demo"
    assert "snakemake --cores all" in run("make", "--dry-run", "demo")


def test_no_file_of_the_project_is_left_out():
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    ignored = ("--cached", "--ignored", "--exclude-from=.dockerignore")
    assert run("git", "ls-files", *ignored) == ""
    assert re.search(r"^COPY --chown=study \. \.$", DOCKERFILE, re.MULTILINE)
