"""One cluster and one study on it for all tests of this folder."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import Cluster, NoCluster, require_slurm, running_cluster
from project import snakemake
from studies import all_tables
from submitted import OTHERS, TINY_CONFIG, start, tiny_project, watched_memory


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a cluster, or skip and say what is missing."""
    try:
        require_slurm()
    except NoCluster as reason:
        pytest.skip(str(reason))
    # The sockets of munge must have short names.
    folder = Path(tmp_path_factory.mktemp("slurm"))
    with running_cluster(folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def begun(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path, subprocess.Popen[str], dict[str, float]]]:
    """Start a study on the cluster, which runs beside the tests that do not read it.

    Yields its folder, the file that it prints to, its head and the memory of its jobs.
    """
    project = tiny_project(tmp_path_factory.mktemp("submitted"))
    printed = project.with_suffix(".log")
    with watched_memory() as peaks_mb, printed.open("w", encoding="utf-8") as file:
        head = start(cluster, project, *all_tables(project, *TINY_CONFIG), *OTHERS, printed=file)
        yield project, printed, head, peaks_mb
        head.kill()
        head.wait()


@pytest.fixture(scope="session", autouse=True)
def early(request: pytest.FixtureRequest) -> None:
    """Start the study before the first test, whatever that is."""
    with contextlib.suppress(pytest.skip.Exception):
        request.getfixturevalue("begun")


@pytest.fixture(scope="session")
def local(begun: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the same study without the cluster."""
    project = tiny_project(tmp_path_factory.mktemp("local"))
    result = snakemake(project, *all_tables(project, *TINY_CONFIG), *TINY_CONFIG)
    assert result.returncode == 0, result.stdout[-5000:]
    return project


@pytest.fixture(scope="session")
def finished(
    begun: tuple[Path, Path, subprocess.Popen[str], dict[str, float]],
) -> SimpleNamespace:
    """Wait for the study; return its project, its log and the memory of its jobs, MB."""
    project, printed, head, peaks_mb = begun
    head.wait(timeout=1500)
    assert head.returncode == 0, printed.read_text(encoding="utf-8")[-5000:]
    log = "".join(
        path.read_text(encoding="utf-8") for path in (project / ".snakemake/log").iterdir()
    )
    return SimpleNamespace(project=project, log=log, used_mb=peaks_mb)
