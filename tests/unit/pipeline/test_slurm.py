"""What is asked of SLURM before the first job; tests/slurm asks a real one."""

import os
import re
import subprocess
from functools import partial

import pytest
import yaml

from advice import follow, nothing
from crstudy.core.errors import StudyError
from crstudy.pipeline import slurm as cluster
from crstudy.pipeline.slurm import Request, check_cluster, check_no_jobs_left, largest_requests
from project import ROOT, rules

REQUEST = Request("cpu", "", 0, 4000, 100)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Return a function that sets what one of SLURM's commands prints."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def say(name, out="", err="", code=0, wait_s=0):
        script = folder / name
        (tmp_path / name).write_text(out, encoding="utf-8")
        (tmp_path / f"{name}.err").write_text(err, encoding="utf-8")
        script.write_text(
            f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/calls\n'
            f"sleep {wait_s}\ncat {tmp_path}/{name}\ncat {tmp_path}/{name}.err >&2\nexit {code}\n",
            encoding="utf-8",
        )
        script.chmod(0o755)

    say("sbatch")
    say("squeue")
    say("sinfo", "cpu* 2:00:00\n")
    return say


def test_rules_share_allocations():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
    shared = {one.split("=")[0] for one in profile["groups"]}
    files = [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    local = re.findall(
        r"^localrules:\n((?:    \w+,\n)+)",
        "".join(one.read_text(encoding="utf-8") for one in files),
        re.MULTILINE,
    )
    on_nodes = set(rules()) - set(re.findall(r"\w+", "".join(local)))
    assert shared <= on_nodes
    # On the GPU beside nothing else.
    assert on_nodes - shared == {"profile_inference"}


def test_largest_requests_of_each_kind():
    jobs = [
        {"slurm_partition": "cpu", "mem_mb": 500, "runtime": 30},
        {"slurm_partition": "cpu", "mem_mb": 900, "runtime": 10},
        {"slurm_partition": "gpu", "gpu": 1, "mem_mb": "<TBD>", "runtime": 20},
    ]
    assert largest_requests(jobs) == [Request("cpu", "", 0, 900, 30), Request("gpu", "", 1, 0, 20)]


def test_sbatch_is_asked_without_submitting(slurm, tmp_path):
    check_cluster([Request("gpu", "astro", 2, 4000, 100)])
    asked = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()[0]
    for word in ("--test-only", "--partition=gpu", "--account=astro", "--gpus=2", "--mem=4000"):
        assert word in asked


def test_refusal_is_one_line(slurm):
    slurm(
        "sbatch",
        err="sbatch: error: invalid partition specified: cpu\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
        code=1,
    )
    with pytest.raises(StudyError) as raised:
        check_cluster([REQUEST])
    assert str(raised.value) == (
        "profiles/slurm/config.yaml: SLURM refuses a job of 4000 MB for 100 min (partition 'cpu', "
        "no account): invalid partition specified: cpu; Batch job submission failed: Invalid "
        "partition name specified. Fix: name a partition that sinfo lists."
    )


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [
        ("1:40:00", 100),
        ("99:30", 99.5),
        ("1-00:01:00", 1441),
        ("2-00:00:00", 2880),
        ("infinite", 1e6),
    ],
)
def test_time_limit_of_the_partition(slurm, limit, minutes):
    slurm("sinfo", f"cpu* {limit}\n")
    check_cluster([Request("cpu", "", 0, 1, int(minutes))])
    if limit != "infinite":
        with pytest.raises(StudyError, match=f"the time limit is {limit}"):
            check_cluster([Request("cpu", "", 0, 1, int(minutes) + 1)])


def test_jobs_of_an_earlier_run(slurm, tmp_path):
    slurm("squeue", f"12 {tmp_path}\n13 /elsewhere\n14 {tmp_path}\n")
    check_no_jobs_left(tmp_path / "other")
    slurm("scancel")

    def cancel():
        subprocess.run(["scancel", "12", "14"], check=True)
        slurm("squeue", "13 /elsewhere\n")

    what, check = "pipeline/slurm: wait until they end", partial(check_no_jobs_left, tmp_path)
    follow(what, check, cancel, match=r"still runs 2 job\(s\).*scancel 12 14;")


def test_commands_are_absent(slurm, tmp_path, monkeypatch):
    on_a_login_node = partial(monkeypatch.setenv, "PATH", os.environ["PATH"])
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    what = "pipeline/slurm: run on a login node of the cluster, or without --profile"
    problem = "its command sbatch is not on the PATH"
    follow(what, partial(check_cluster, [REQUEST]), on_a_login_node, match=problem)


def test_slurm_does_not_answer(slurm, monkeypatch):
    slurm("sbatch", wait_s=9)
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.5)
    what = "pipeline/slurm: check with sinfo that the cluster is up, then run again"
    check = partial(check_cluster, [REQUEST])
    follow(what, check, partial(slurm, "sbatch"), match=r"no answer in 0\.5 s")


#: Advice, what SLURM says, and the word of a request that it accepts.
ADVICE = [
    ("pipeline/slurm: name a partition that sinfo lists", "invalid partition", "--partition=big"),
    ("pipeline/slurm: name a partition with larger nodes", "is not available", "--partition=big"),
    ("pipeline/slurm: name an account of yours: ", "Invalid account", "--account=astro"),
    ("pipeline/slurm: correct the profile", "Invalid feature", "--account=astro"),
]


@pytest.mark.parametrize(("what", "said", "word"), ADVICE)
def test_advice_about_a_request(slurm, tmp_path, what, said, word):
    """By a stand-in; tests/slurm asks a real one."""
    slurm("sbatch", err=said, code=1)
    script = tmp_path / "bin/sbatch"
    lines = script.read_text(encoding="utf-8").split("\n", 1)
    accept = f'case "$*" in *{word}*) exit 0;; esac'
    script.write_text("\n".join([lines[0], accept, lines[1]]), encoding="utf-8")
    better = Request("big", "astro", 0, 4000, 100)
    follow(what, partial(check_cluster, [REQUEST]), nothing, partial(check_cluster, [better]))


def test_advice_about_a_cluster_that_fails(slurm):
    slurm("sbatch", err="Unable to contact slurm controller (connect failure)", code=1)
    what = "pipeline/slurm: the cluster is not working: contact its administrators"
    follow(what, partial(check_cluster, [REQUEST]), partial(slurm, "sbatch"))
