"""Finished studies that all tests of a session share, and copies of them to change."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from project import TINY, copy_project, plan, snakemake

TINY_CONFIG = ("--configfile", "config/tiny.yaml")


def tiny_project(folder: Path) -> Path:
    """Return a copy of the project with the configuration of a tiny study."""
    project = copy_project(folder)
    values = {"dataset": "tiny", "simulation": TINY, "metrics": {"bootstrap_samples": 500}}
    (project / "config/tiny.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return project


def run_tiny_study(folder: Path) -> None:
    """Run a tiny study to its end in a new folder, without a network where that can be cut off."""
    result = snakemake(tiny_project(folder), *TINY_CONFIG, "--quiet", "rules", offline=True)
    assert result.returncode == 0, result.stdout[-5000:]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first worker of pytest-xdist to ask makes for all of them.

    Nobody may change what is in it: see `copy_of_study`.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    finished = folder.with_suffix(".finished")
    with FileLock(folder.with_suffix(".lock")):
        if not finished.exists():
            # Who comes after a failure does not try again.
            assert not folder.exists(), f"{name} could not be made: see the first error"
            make(folder)
            finished.touch()
    return folder


def copy_of_study(project: Path, folder: Path) -> Path:
    """Copy a finished study; its results are hard links, to be replaced and not written into."""
    folder.mkdir(exist_ok=True)
    for part in project.iterdir():
        if part.name == "results":
            shutil.copytree(part, folder / part.name, copy_function=os.link)
        elif part.is_dir():
            shutil.copytree(part, folder / part.name)
        else:
            shutil.copy2(part, folder / part.name)
    return folder


def all_tables(project: Path, *arguments: str) -> list[str]:
    """Return the tables that the study of a configuration will have."""
    summary = plan(project, "--summary", *arguments)
    assert summary.returncode == 0, summary.stdout
    return re.findall(r"^results/[\w-]+/tables/\S+", summary.stdout, re.MULTILINE)


def job_records(results: Path) -> list[dict]:
    """Return the records of all jobs but the last, in the order of their start."""
    paths = set(results.rglob("*.usage.json")) - {results / "logs/write_provenance.usage.json"}
    return sorted(
        (json.loads(path.read_text(encoding="utf-8")) for path in paths),
        key=lambda one: one["start"],
    )
