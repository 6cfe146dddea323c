"""A study on the cluster: the tables of a local run, and what its jobs asked for."""

import re

from studies import all_tables
from submitted import OTHERS, TINY_CONFIG, contents, run

#: What jobs ask for may exceed what they use by this factor.
GENEROSITY = 2
#: Two fields: their exposures and reference; the detector; at once, what is measured, what L.A.
#: Cosmic and the audit of the labels score, and the objects found; between these the parameters
#: and thresholds of methods; the fluxes after every method's mask; the speed of the detector. The
#: tables of the study are one job if the report joins them, which is not made here.
N_JOBS = 2 + 2 + 3 + 2 + 2 + 1 + 6


def places(text):
    """Return number and place, by names of rules, of each SLURM job."""
    found = re.findall(r"jobid (\d+) \(log: .*/slurm_logs/([\w.]+)/", text)
    assert len(found) == N_JOBS
    return found


def asked_mb(cluster, job):
    """Return the memory that a job asked for."""
    told = cluster.command("scontrol", "show", "job", job)
    found = re.search(r"MinMemoryNode=(\d+)([MG])", told)
    return int(found[1]) * (1024 if found[2] == "G" else 1)


def test_tables_are_those_of_a_local_run(finished, local):
    here, there = (contents(one / "results/tiny/tables") for one in (local, finished.project))
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_a_field_takes_the_same_few_jobs(cluster, finished):
    submitted = re.findall(r"submitted with SLURM jobid (\d+)", finished.log)
    assert len(submitted) == N_JOBS
    assert set(submitted) <= set(cluster.jobs("COMPLETED"))


def test_detector_alone_is_on_the_gpu_partition(cluster, finished):
    for job, where in places(finished.log):
        told = cluster.command("scontrol", "show", "job", job)
        on_gpu = any(
            name in where for name in ("group_detect", "group_repair", "profile_inference")
        )
        assert ("Partition=gpu" in told) == on_gpu
        assert ("gres:gpu=1" in told or "gres/gpu=1" in told or "gpu:1" in told) == on_gpu


def test_requests_fit_what_the_jobs_use(cluster, finished):
    used_mb = finished.used_mb
    ratios = {
        f"{where} {job}": asked_mb(cluster, job) / used_mb[job]
        for job, where in places(finished.log)
    }
    assert {name: ratio for name, ratio in ratios.items() if not 1 <= ratio <= GENEROSITY} == {}


def test_second_run_does_nothing(cluster, finished):
    targets = all_tables(finished.project, *TINY_CONFIG)
    result = run(cluster, finished.project, *targets, *OTHERS)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout
