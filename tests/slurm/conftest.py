"""One cluster for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster, NoCluster, require_slurm, running_cluster


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
