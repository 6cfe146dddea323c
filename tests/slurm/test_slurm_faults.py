"""Faults on the cluster: jobs out of memory, a dead node, a killed head process, a full disk."""

import os
import signal
import subprocess

import pytest
import yaml

from project import environment
from submitted import (
    EXPOSURES,
    REFERENCE,
    TINY_CONFIG,
    command,
    contents,
    edit_profile,
    run,
    start,
    tiny_project,
    wait_for,
)

MAPS = "results/tiny/detect/zb20-f606w/g001"
#: Of the reference and the maps.
COUNTS = "results/tiny/counts/g001.ecsv"


@pytest.fixture
def project(begun, tmp_path):
    """Return a study whose jobs run on nodes of their own, beside the study that goes well."""
    project = tiny_project(tmp_path / "project")
    edit_profile(project, default_resources={"slurm_partition": "spare"})
    return project


def running_on(cluster, node):
    """Return the jobs that run on a node."""
    return cluster.command("squeue", "-h", "-o", "%i", "-t", "RUNNING", "-w", node).split()


def field_rules(project):
    """Return the rules that share an allocation of a field."""
    groups = yaml.safe_load((project / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))[
        "groups"
    ]
    return [one.removesuffix("=field") for one in groups if one.endswith("=field")]


def test_job_out_of_memory_gets_more(cluster, project, local):
    little = {rule: {"mem_mb": "450 * attempt"} for rule in field_rules(project)}
    edit_profile(project, set_resources=little)
    result = run(cluster, project, REFERENCE)
    assert result.returncode == 0, result.stdout[-5000:]
    (killed,) = cluster.jobs("FAILED", "OUT_OF_MEMORY", project=project)
    assert "450M" in cluster.command("scontrol", "show", "job", killed)
    assert contents(project / REFERENCE) == contents(local / REFERENCE)


def test_node_dies(cluster, project, local):
    head = start(cluster, project, *EXPOSURES)
    try:
        wait_for(lambda: cluster.jobs("RUNNING", project=project))
        wait_for(lambda: list(project.glob("results/tiny/exposures/*.fits")))
        (node,) = (one for one in cluster.spare if running_on(cluster, one))
        (lost,) = running_on(cluster, node)
        cluster.kill_node(node)
        printed, _ = head.communicate(timeout=600)
    finally:
        head.kill()
        cluster.start_node(node)
        cluster.wait_for_nodes()
    assert head.returncode == 0, printed[-5000:]
    # SLURM puts it back into its queue, with its number.
    told = cluster.command("scontrol", "show", "job", lost)
    assert "Restarts=1" in told
    assert "JobState=COMPLETED" in told
    for name in EXPOSURES:
        assert (project / name).read_bytes() == (local / name).read_bytes()


def test_head_is_killed_and_started_again(cluster, project, local):
    head = start(cluster, project, REFERENCE, MAPS)
    wait_for(lambda: len(list(project.glob("results/tiny/exposures/*.fits"))) >= 2)
    # Suspended before the head dies: they are so short that they would end meanwhile.
    orphans = cluster.jobs("RUNNING", project=project)
    assert orphans
    for job in orphans:
        cluster.command("scontrol", "suspend", job)
    head.kill()
    head.communicate()
    unlock = [*command("--unlock", *TINY_CONFIG)]
    env = environment(cluster.environment())
    assert subprocess.run(unlock, cwd=project, env=env, check=False).returncode == 0

    # They would write the same files as new jobs: no second run beside them.
    early = run(cluster, project, REFERENCE, MAPS)
    assert early.returncode != 0
    assert f"still runs {len(orphans)} job(s) of an earlier run here" in early.stdout
    assert cluster.jobs("SUSPENDED", project=project) == orphans

    for job in orphans:
        cluster.command("scontrol", "resume", job)
    wait_for(lambda: not cluster.jobs(project=project))
    made = {
        path: path.stat().st_mtime_ns for path in project.glob("results/tiny/reference/*/*.fits")
    }
    assert len(made) == 3
    again = run(cluster, project, REFERENCE, MAPS, COUNTS)
    assert again.returncode == 0, again.stdout[-5000:]
    # What the orphans have finished is not made again.
    assert {path: path.stat().st_mtime_ns for path in made} == made
    for folder in (REFERENCE, MAPS):
        assert contents(project / folder) == contents(local / folder)
    assert (project / COUNTS).read_bytes() == (local / COUNTS).read_bytes()


def test_interrupt_cancels_the_jobs(cluster, project):
    head = start(cluster, project, REFERENCE)
    wait_for(lambda: cluster.jobs("RUNNING", project=project))
    head.send_signal(signal.SIGINT)
    head.communicate(timeout=180)
    assert head.returncode != 0
    wait_for(lambda: not cluster.jobs(project=project))


def test_full_scratch_disk_is_named(cluster, project, tmp_path):
    edit_profile(project, retries=0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(scratch)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        os.environ["TMPDIR"] = str(scratch)
        result = run(cluster, project, REFERENCE)
    finally:
        del os.environ["TMPDIR"]
        subprocess.run(["umount", "-l", str(scratch)], check=True)
    assert result.returncode != 0
    log = "results/tiny/logs/drizzle_group/g001.log"
    said = (project / log).read_text(encoding="utf-8")
    assert f"{scratch}: is full" in said
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("ERROR "))
    assert f"{scratch}: is full" in line
    assert f"(log: {log})" in line
    assert "Traceback" not in said
    assert not list(project.glob("results/tiny/drizzle/*"))
