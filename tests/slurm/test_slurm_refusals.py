"""What SLURM refuses, or cannot answer, is one line before any job."""

import os
import signal
import subprocess
import time

import pytest

from project import environment
from submitted import REFERENCE, TINY_CONFIG, command, edit_profile, run, tiny_project


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory):
    """Return a study to be refused, on a cluster where no other one runs."""
    return tiny_project(tmp_path_factory.mktemp("refused") / "project")


def refusal(cluster, project, *arguments):
    """Return the line that a run ends with."""
    before = cluster.jobs("all")
    began = time.monotonic()
    result = run(cluster, project, REFERENCE, *arguments, timeout_s=300)
    assert result.returncode != 0
    assert time.monotonic() - began < 150
    assert cluster.jobs("all") == before
    assert "Traceback" not in result.stdout
    (line,) = (line for line in result.stdout.splitlines() if " Fix: " in line)
    return line


def test_unknown_partition(cluster, project):
    edit_profile(project, default_resources={"slurm_partition": "fast"})
    line = refusal(cluster, project)
    edit_profile(project, default_resources={"slurm_partition": "cpu"})
    assert "partition 'fast'" in line
    assert "invalid partition" in line
    assert line.endswith("Fix: name a partition that sinfo lists.")


def test_request_larger_than_any_node(cluster, project):
    line = refusal(cluster, project, "--set-resources", "drizzle_group:mem_mb=99000")
    assert "a job of 99000 MB" in line
    assert "name a partition with larger nodes" in line


def test_more_time_than_the_partition_allows(cluster, project):
    line = refusal(cluster, project, "--set-resources", "drizzle_group:runtime=6000")
    assert "the time limit is 2:00:00" in line
    assert "name a partition with larger nodes or limits" in line


def test_munge_is_down(cluster, project):
    munge = cluster.folder / "munge"
    os.kill(int((munge / "munged.pid").read_text(encoding="utf-8")), signal.SIGTERM)
    time.sleep(1)
    try:
        with pytest.raises(subprocess.CalledProcessError):
            cluster.command("squeue")
        result = run(cluster, project, REFERENCE, timeout_s=300)
    finally:
        cluster.start_munge()
        # What cannot sign a message for SlurmdTimeout is down, and up again only later.
        cluster.wait_for_nodes()
    assert result.returncode != 0
    (line,) = (line for line in result.stdout.splitlines() if " Fix: " in line)
    assert "Did you start munged?" in line
    assert line.endswith("the cluster is not working: contact its administrators.")


def test_commands_are_absent(cluster, project, tmp_path):
    for name in ("bash", "sh", "which", "env", "uname", "git"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    env = environment({"PATH": str(tmp_path)})
    result = subprocess.run(
        command(REFERENCE, *TINY_CONFIG), cwd=project, env=env, text=True, capture_output=True
    )
    assert result.returncode != 0
    printed = result.stdout + result.stderr
    assert "Traceback" not in printed
    assert "SLURM: its command squeue is not on the PATH. Fix: run on a login node" in printed


def test_results_are_read_only(cluster, project):
    results = project / "results"
    results.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(results)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("no read-only folder can be mounted here")
    try:
        line = refusal(cluster, project)
    finally:
        subprocess.run(["umount", "-l", str(results)], check=True)
    assert "results/tiny: cannot be written (Read-only file system)" in line


def test_cluster_wants_an_account(cluster, project):
    with cluster.rejecting("job_desc.account == nil", "no account given: set --account"):
        line = refusal(cluster, project)
    assert "no account" in line
    assert "name an account of yours: slurm_account under default-resources" in line
