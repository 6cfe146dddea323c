"""The default study on the cluster: the tables of a local run, and what its jobs asked for."""

import re

import pytest

from project import copy_project, snakemake
from submitted import run, tables, watched_memory

#: What jobs ask for may exceed what they use by this factor.
GENEROSITY = 2
#: Four fields: their exposures and reference; the detector; at once, what is measured, what L.A.
#: Cosmic and the audit of the labels score, and the objects found; between these the parameters
#: and thresholds of methods; the speed of the detector, and the tables of the study.
N_JOBS = 4 + 4 + 3 + 2 + 1 + 1


@pytest.fixture(scope="module")
def finished(cluster, tmp_path_factory):
    """Run the default study on the cluster; return the project, what it printed, the memory."""
    project = copy_project(tmp_path_factory.mktemp("submitted"))
    with watched_memory() as peaks_mb:
        result = run(cluster, project)
    assert result.returncode == 0, result.stdout[-5000:]
    return project, result.stdout, peaks_mb


def places(printed):
    """Return number and place, by names of rules, of each SLURM job."""
    found = re.findall(r"jobid (\d+) \(log: .*/slurm_logs/([\w.]+)/", printed)
    assert len(found) == N_JOBS
    return found


def asked_mb(cluster, job):
    """Return the memory that a job asked for."""
    told = cluster.command("scontrol", "show", "job", job)
    found = re.search(r"MinMemoryNode=(\d+)([MG])", told)
    return int(found[1]) * (1024 if found[2] == "G" else 1)


def test_tables_are_those_of_a_local_run(finished, tmp_path):
    project = copy_project(tmp_path / "local")
    result = snakemake(project, "--quiet", "rules")
    assert result.returncode == 0, result.stdout[-5000:]
    here, there = tables(project, "sim-mini"), tables(finished[0], "sim-mini")
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_a_field_takes_the_same_few_jobs(cluster, finished):
    submitted = re.findall(r"submitted with SLURM jobid (\d+)", finished[1])
    assert len(submitted) == N_JOBS
    assert set(submitted) <= set(cluster.jobs("COMPLETED"))


def test_detector_alone_is_on_the_gpu_partition(cluster, finished):
    for job, where in places(finished[1]):
        told = cluster.command("scontrol", "show", "job", job)
        on_gpu = "group_detect" in where or "profile_inference" in where
        assert ("Partition=gpu" in told) == on_gpu
        assert ("gres:gpu=1" in told or "gres/gpu=1" in told or "gpu:1" in told) == on_gpu


def test_requests_fit_what_the_jobs_use(cluster, finished):
    used_mb = finished[2]
    ratios = {
        f"{where} {job}": asked_mb(cluster, job) / used_mb[job]
        for job, where in places(finished[1])
    }
    assert {name: ratio for name, ratio in ratios.items() if not 1 <= ratio <= GENEROSITY} == {}


def test_second_run_does_nothing(cluster, finished):
    result = run(cluster, finished[0])
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout
