"""Provenance of results: versions, weights, checksums, machines, commit and time."""

import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from astropy.table import Table

from crstudy.core.checksums import sha256
from crstudy.core.hardware import describe_machine
from crstudy.deepcr.weights import find_weights

#: Packages that affect the numbers, by their names on PyPI.
PACKAGES = (
    "numpy",
    "scipy",
    "astropy",
    "drizzlepac",
    "deepCR",
    "torch",
    "sep",
    "galsim",
    "snakemake",
)
UNKNOWN = "unknown"
ABSENT = "not installed here"


def make_record(
    *,
    config: Mapping[str, Any],
    jobs: Sequence[Mapping[str, Any]],
    profile: Mapping[str, Any],
    weights: Iterable[str | Path],
    nets: Iterable[str | Path],
    tables: Iterable[str | Path],
    manifest: Table | None,
    lock: str | Path,
    files: Iterable[str | Path],
    snakemake_version: str,
) -> dict[str, Any]:
    """Collect software, inputs, time and place of a study.

    Parameters
    ----------
    config : mapping
        The merged configuration.
    jobs : sequence of mapping
        Resources used by each job, with the fields of `crstudy.core.job.Usage`.
    profile : mapping
        Of `crstudy.performance.profile.profile_inference`.
    weights : iterable of path-like
        Weights files ``<net>.pth`` of all nets, those of the user too.
    nets : iterable of path-like
        Folders ``<net>`` of the same nets converted, in the same order.
    tables : iterable of path-like
        The tables of the study.
    manifest : Table or None
        Of `crstudy.archive.manifest`, for real exposures.
    lock : path-like
        Pinned packages, a requirements file.
    files : iterable of path-like
        Inputs of the study besides exposures, weights and configuration.
    snakemake_version : str
        Of the Snakemake that runs the jobs: their environments may lack it.

    Returns
    -------
    dict
        ``dataset``
            Its name.
        ``code``
            ``commit`` of the project, and ``uncommitted_changes``, whether files differed from
            it; unknown and null outside a git checkout.
        ``run``
            ``start`` and ``end`` (UTC), ``hosts`` and number of ``jobs``: see `summarise_jobs`.
        ``machine``
            The one that wrote this record: see `crstudy.core.hardware.describe_machine`.
        ``detector_device``
            The processor or GPU that the nets ran on.
        ``software``
            Versions of Snakemake, of Python and of the locked packages that the environment of
            this job has.
        ``weights``
            By net ``origin``, ``sha256`` of the weights and of each file of the ``converted`` net.
        ``inputs``
            ``exposures``: sha256 by dataset, as fetched; empty for simulated ones, which
            ``files``, configuration and seed make. ``files``: sha256 by path, the lock included.
        ``tables``
            Their sha256 by name.
        ``configuration``
            The merged configuration; of an absolute path only the last part.

    Notes
    -----
    Commit, versions and machine are those of the time of writing. Jobs that an interrupted run
    had done before may have run elsewhere, or under an earlier commit: one that changed nothing
    that they use, for then Snakemake would have run them again. It does not do so for a package
    of another version.
    """
    return {
        "dataset": config["dataset"],
        "code": _git_state("."),
        "run": summarise_jobs(jobs),
        "machine": describe_machine(),
        "detector_device": profile["device"],
        "software": {
            name: number for name, number in versions(locked(lock)).items() if number != ABSENT
        }
        | {"snakemake": snakemake_version},
        "weights": {
            name: {
                "origin": origin,
                "sha256": digest,
                "converted": dict(checksums(sorted(Path(net).glob("[!.]*")))),
            }
            for (name, origin, digest), net in zip(
                describe_weights(weights, config["methods"]["own"]), nets, strict=True
            )
        },
        "inputs": {
            "exposures": {}
            if manifest is None
            else {str(row["dataset"]): str(row["sha256"]) for row in manifest},
            "files": {_without_folders(str(path)): sha256(path) for path in [*files, lock]},
        },
        "tables": dict(checksums(tables)),
        "configuration": _without_folders(config),
    }


def summarise_jobs(jobs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return when and where the jobs of a study ran.

    Parameters
    ----------
    jobs : iterable of mapping
        At least one, with ``host``, ``start`` and ``end`` of `crstudy.core.job.Usage`.

    Returns
    -------
    dict
        ``start``, ``end``: the earliest start and the latest end of the jobs whose products are
        there; a run may have been interrupted, or later changes may have made some of them again,
        so they do not give a duration. ``hosts``: their machines, sorted. ``jobs``: their number.
    """
    jobs = list(jobs)
    return {
        "start": min(job["start"] for job in jobs),
        "end": max(job["end"] for job in jobs),
        "hosts": sorted({job["host"] for job in jobs}),
        "jobs": len(jobs),
    }


def _without_folders(value: Any) -> Any:
    """Return a setting with absolute paths cut to their last part: no folders of a machine."""
    if isinstance(value, Mapping):
        return {name: _without_folders(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_folders(one) for one in value]
    return Path(value).name if isinstance(value, str) and value.startswith(("/", "~")) else value


def locked(lock: str | Path) -> list[str]:
    """Return the names of the packages that a requirements file pins, one a line."""
    lines = Path(lock).read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if "==" in line and line[0] != "#"]


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of packages, of which some may be absent."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ABSENT
    return found


def _git_state(folder: str | Path) -> dict[str, str | bool | None]:
    """Return commit and uncommitted_changes; unknown and None unless a checkout has this top."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    head = _git(folder, "rev-parse", "HEAD")
    # An unpacked archive may lie within another checkout.
    if not top or not head or Path(top).resolve() != Path(folder).resolve():
        return {"commit": UNKNOWN, "uncommitted_changes": None}
    return {"commit": head, "uncommitted_changes": _git(folder, "status", "--porcelain") != ""}


def commit(folder: str | Path) -> str:
    """Describe the git commit of a checkout, and whether files differ from it.

    Parameters
    ----------
    folder : path-like
        Top folder of the project.

    Returns
    -------
    str
        ``unknown`` where the folder is not the top of a git checkout.
    """
    state = _git_state(folder)
    changed = ", with changes that are not committed" if state["uncommitted_changes"] else ""
    return f"{state['commit']}{changed}"


def _git(folder: str | Path, *arguments: str) -> str | None:
    """Return the output of git; None if it fails or is absent."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def describe_weights(
    paths: Iterable[str | Path], own: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, str]]:
    """Return name of the net, origin and sha256 of weights files.

    Parameters
    ----------
    paths : iterable of path-like
        Files ``<net>.pth``.
    own : sequence of mapping
        Nets of the user, as in `crstudy.deepcr.weights.find_weights`.
    """
    names = {Path(path).stem: path for path in paths}
    return [(name, find_weights(name, own).origin, sha256(path)) for name, path in names.items()]


def checksums(paths: Iterable[str | Path]) -> list[tuple[str, str]]:
    """Return name and sha256 of files."""
    return [(Path(path).name, sha256(path)) for path in paths]
