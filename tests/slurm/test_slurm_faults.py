"""What a weekend brings: jobs killed for memory, dead nodes, dead heads, full disks."""

import os
import signal
import subprocess

import pytest

from project import environment, snakemake
from submitted import CHAIN, command, edit_profile, run, start, tables, tiny_project, wait_for

TINY_CONFIG = ("--configfile", "config/tiny.yaml")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return the tables of a local run."""
    project = tiny_project(tmp_path_factory.mktemp("local"))
    result = snakemake(project, CHAIN, *TINY_CONFIG)
    assert result.returncode == 0, result.stdout[-5000:]
    return tables(project, "tiny")


def running_on(cluster, node):
    """Return the jobs that run on a node."""
    return cluster.command("squeue", "-h", "-o", "%i", "-t", "RUNNING", "-w", node).split()


def field_rules(project):
    """Return the rules that share an allocation of a field."""
    import yaml

    groups = yaml.safe_load((project / "profiles/slurm/config.yaml").read_text())["groups"]
    return [one.removesuffix("=field") for one in groups if one.endswith("=field")]


def test_job_out_of_memory_gets_more(cluster, tmp_path, expected):
    project = tiny_project(tmp_path / "project")
    little = {rule: {"mem_mb": "450 * attempt"} for rule in field_rules(project)}
    edit_profile(project, set_resources=little)
    before = set(cluster.jobs("FAILED", "OUT_OF_MEMORY"))
    result = run(cluster, project, CHAIN, *TINY_CONFIG)
    assert result.returncode == 0, result.stdout[-5000:]
    killed = set(cluster.jobs("FAILED", "OUT_OF_MEMORY")) - before
    assert len(killed) == 2
    assert all("450M" in cluster.command("scontrol", "show", "job", one) for one in killed)
    assert tables(project, "tiny") == expected


def test_node_dies(cluster, tmp_path, expected):
    project = tiny_project(tmp_path / "project")
    head = start(cluster, project, CHAIN, *TINY_CONFIG)
    try:
        node = "node1"
        wait_for(lambda: running_on(cluster, node))
        wait_for(lambda: list(project.glob("results/tiny/exposures/*.fits")))
        lost = running_on(cluster, node)
        cluster.kill_node(node)
        printed, _ = head.communicate(timeout=600)
    finally:
        head.kill()
        cluster.start_node(node)
        cluster.wait_for_nodes()
    assert head.returncode == 0, printed[-5000:]
    # SLURM puts them back into its queue, with their numbers.
    told = [cluster.command("scontrol", "show", "job", job) for job in lost]
    assert all("Restarts=1" in one and "JobState=COMPLETED" in one for one in told)
    assert tables(project, "tiny") == expected


def test_head_is_killed_and_started_again(cluster, tmp_path, expected):
    project = tiny_project(tmp_path / "project")
    head = start(cluster, project, CHAIN, *TINY_CONFIG)
    wait_for(lambda: len(list(project.glob("results/tiny/exposures/*.fits"))) >= 2)
    head.kill()
    head.communicate()
    orphans = cluster.jobs()
    assert orphans
    for job in orphans:
        cluster.command("scontrol", "suspend", job)  # else they may end too soon for this test
    unlock = [*command("--unlock", *TINY_CONFIG)]
    env = environment(cluster.environment())
    assert subprocess.run(unlock, cwd=project, env=env, check=False).returncode == 0

    # They would write the same files as new jobs: no second run beside them.
    early = run(cluster, project, CHAIN, *TINY_CONFIG)
    assert early.returncode != 0
    assert f"still runs {len(orphans)} job(s) of an earlier run here" in early.stdout
    assert cluster.jobs("SUSPENDED") == orphans

    for job in orphans:
        cluster.command("scontrol", "resume", job)
    wait_for(lambda: not cluster.jobs())
    made = {
        path: path.stat().st_mtime_ns for path in project.glob("results/tiny/reference/*/*.fits")
    }
    assert len(made) == 2 * 3
    again = run(cluster, project, CHAIN, *TINY_CONFIG)
    assert again.returncode == 0, again.stdout[-5000:]
    # What the orphans have finished is not made again.
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert tables(project, "tiny") == expected


def test_interrupt_cancels_the_jobs(cluster, tmp_path):
    project = tiny_project(tmp_path / "project")
    head = start(cluster, project, CHAIN, *TINY_CONFIG)
    wait_for(lambda: cluster.jobs("RUNNING"))
    head.send_signal(signal.SIGINT)
    head.communicate(timeout=180)
    assert head.returncode != 0
    wait_for(lambda: not cluster.jobs())


def test_full_scratch_disk_is_named(cluster, tmp_path):
    project = tiny_project(tmp_path / "project")
    edit_profile(project, retries=0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(scratch)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        os.environ["TMPDIR"] = str(scratch)
        result = run(cluster, project, CHAIN, *TINY_CONFIG)
    finally:
        del os.environ["TMPDIR"]
        subprocess.run(["umount", "-l", str(scratch)], check=True)
    assert result.returncode != 0
    said = (project / "results/tiny/logs/drizzle_group/g001.log").read_text()
    assert f"{scratch}: is full" in said
    assert "Traceback" not in said
    assert not list(project.glob("results/tiny/drizzle/*"))
