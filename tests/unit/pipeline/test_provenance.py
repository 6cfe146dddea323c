"""What a run writes down of itself."""

import json
import os
import platform
import re

import numpy as np
import pytest
from astropy.table import Table

from crstudy.config.study import Study
from crstudy.core.checksums import sha256
from crstudy.pipeline.provenance import locked, make_record, summarise_jobs, versions
from project import ROOT

#: By name, where the nets of the study came from.
NETS = {"zb20-f606w": "sdist of deepCR 0.1.5", "mine": "user", "inpaint-2-32": "deepCR 0.3.1"}
LOCK = ROOT / "requirements.txt"


def ran(host, start, end):
    """Return a job of a day in May, from one hour to another."""
    day = "2026-05-04T{:02d}:00:00.000+00:00"
    return {"host": host, "start": day.format(start), "end": day.format(end), "cpu_s": 1.0}


@pytest.fixture
def make(tmp_path):
    """Return a function that makes the record of a study of real exposures."""
    (tmp_path / "table1.ecsv").write_text("a\n1\n", encoding="utf-8")
    for net in NETS:
        (tmp_path / "nets" / net).mkdir(parents=True)
        for path in (f"{net}.pth", f"nets/{net}/model.bin", f"nets/{net}/.snakemake_timestamp"):
            (tmp_path / path).write_text(path, encoding="utf-8")
    path = tmp_path / "mine.pth"
    mine = {"name": "mine", "path": str(path), "sha256": sha256(path)}
    (tmp_path / "groups.tsv").write_text("group\tdataset\n", encoding="utf-8")
    manifest = Table({"dataset": ["jaaa01aaq", "jaaa01abq"], "sha256": ["ab" * 32, "cd" * 32]})

    def of(lock=LOCK, **settings):
        values = {"dataset": "far", "source": "mirror", "methods": {"own": [mine]}} | settings
        return make_record(
            config=Study.model_validate(values).model_dump(mode="json"),
            jobs=[ran("node1", 3, 4)],
            profile={"device": "NVIDIA Something"},
            weights=[tmp_path / f"{net}.pth" for net in NETS],
            nets=[tmp_path / "nets" / net for net in NETS],
            tables=[tmp_path / "table1.ecsv"],
            manifest=manifest,
            lock=lock,
            files=[tmp_path / "groups.tsv"],
            snakemake_version="9.0",
        )

    return of


def test_run_begins_with_the_first_job_and_ends_with_the_last():
    """The job that began first need not be listed first, nor end first."""
    jobs = [ran("node2", 5, 6), ran("node1", 3, 9), ran("node2", 4, 5)]
    assert summarise_jobs(iter(jobs)) == {
        "start": "2026-05-04T03:00:00.000+00:00",
        "end": "2026-05-04T09:00:00.000+00:00",
        "hosts": ["node1", "node2"],
        "jobs": 3,
    }


def test_every_part_is_told(make, tmp_path):
    record = json.loads(json.dumps(make()))
    assert record["dataset"] == "far"
    assert record["detector_device"] == "NVIDIA Something"
    assert record["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert record["machine"]["memory_gb"] > 0
    assert record["software"]["python"] == platform.python_version()
    assert record["software"]["numpy"] == np.__version__
    assert record["weights"] == {
        name: {
            "origin": origin,
            "sha256": sha256(tmp_path / f"{name}.pth"),
            "converted": {"model.bin": sha256(tmp_path / f"nets/{name}/model.bin")},
        }
        for name, origin in NETS.items()
    }
    assert record["inputs"]["exposures"] == {"jaaa01aaq": "ab" * 32, "jaaa01abq": "cd" * 32}
    assert record["inputs"]["files"]["requirements.txt"] == sha256(LOCK)
    assert record["tables"] == {"table1.ecsv": sha256(tmp_path / "table1.ecsv")}
    assert record["configuration"]["seed"] == Study().seed


def test_every_key_is_explained(make):
    page = (ROOT / "docs/reproducibility.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(\w+)` \|", page.split("## Provenance")[1], re.MULTILINE)
    assert list(make()) == explained


def test_folders_of_the_machine_are_left_out(make, tmp_path):
    record = make(mirror="/home/somebody/data/mast", archive={"downloads": "~/hst"})
    assert record["configuration"]["mirror"] == "mast"
    assert record["configuration"]["archive"]["downloads"] == "hst"
    assert record["configuration"]["archive"]["s3_url"] == Study().archive.s3_url
    assert record["configuration"]["simulation"]["psf"] == Study().simulation.psf
    assert record["inputs"]["files"].keys() == {"groups.tsv", "requirements.txt"}
    text = json.dumps(record)
    assert "somebody" not in text
    assert str(tmp_path) not in text


def test_all_locked_packages_that_are_there_and_no_others(make, tmp_path):
    assert {"snakemake", "galsim", "backports-tarfile"} <= set(locked(LOCK))
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "# scipy==0\n-i https://a.b\nno-such-package==1.0\nnumpy==2\n", encoding="utf-8"
    )
    assert locked(lock) == ["no-such-package", "numpy"]
    assert versions(locked(lock))["no-such-package"] == "not installed here"
    assert make(lock=lock)["software"] == {"snakemake": "9.0"} | versions(["numpy"])
