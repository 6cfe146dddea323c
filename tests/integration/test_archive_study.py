"""The real eight exposures through the real client of MAST, against a server on this machine."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from astropy.table import Table

from mast_faults import Status
from mast_server import MastServer
from project import ROOT, SDIST, copy_project, dry_run, plan, planned, snakemake

pytestmark = pytest.mark.skipif(
    not SDIST.is_file(), reason=f"needs {SDIST.name}, which the set-up fetches once"
)
CONFIG = ("--configfile", "config/uvis-15460.yaml", "--quiet", "rules")
BY_MAST = ("--config", "source=mast", "archive={backoff_s: 0.1}")
#: Nobody listens there.
DEAD = "http://127.0.0.1:9"
#: Made from exposures of the server and of the mirror.
TABLES = [f"results/uvis-15460/tables/{name}.ecsv" for name in ("manifest", "table1")]


@pytest.fixture(scope="module")
def server(shared):
    with MastServer() as server:
        for path in (shared / "mast-mirror").rglob("*_flc.fits"):
            server.files[path.name.split("_")[0]] = path
        yield server


@pytest.fixture(scope="module")
def fetched(tmp_path_factory, server):
    """Fetch the exposures from the server, one of them after two faults; return what is printed."""
    project = copy_project(tmp_path_factory.mktemp("mast") / "project")
    environment = server.configure(project.parent / "config")
    server.faults["idsj02azq"] = [Status(code=503), Status(code=502)]
    result = snakemake(project, "fetch", "--cores", "8", *BY_MAST, *CONFIG, env=environment)
    assert result.returncode == 0, result.stdout[-5000:]
    assert server.faults["idsj02azq"] == []
    return project, result.stdout


@pytest.fixture(scope="module")
def by_mast(fetched):
    """Make tables of the study with exposures from the server."""
    result = snakemake(fetched[0], *TABLES, *BY_MAST, *CONFIG)
    assert result.returncode == 0, result.stdout[-5000:]
    return fetched[0]


@pytest.fixture(scope="module")
def by_mirror(tmp_path_factory, shared):
    """Run the study with exposures from the mirror folder."""
    project = copy_project(tmp_path_factory.mktemp("mirror") / "project")
    mirror = {"CRSTUDY_MIRROR": str(shared / "mast-mirror")}
    result = snakemake(project, *CONFIG, env=mirror)
    assert result.returncode == 0, result.stdout[-5000:]
    return project


def test_fetch_only_downloads(fetched):
    project, _ = fetched
    logs = project / "results/uvis-15460/logs/fetch_exposure"
    used = [json.loads(path.read_text(encoding="utf-8")) for path in logs.glob("*.usage.json")]
    at_once = [sum(one["start"] <= other["start"] < one["end"] for one in used) for other in used]
    # Of eight downloads that could begin, four do.
    assert len(at_once) == 8
    assert 1 < max(at_once) <= 4
    assert len(list((project / "downloads").rglob("*_flc.fits"))) == 8
    made = {path.name for path in (project / "results/uvis-15460").iterdir()}
    assert made == {"fetched", "tables", "logs", "benchmarks", "run"}


def test_tables_are_those_of_the_mirror(by_mast, by_mirror):
    manifest, table1 = TABLES
    assert (by_mast / table1).read_bytes() == (by_mirror / table1).read_bytes()
    # The manifest says where the files came from.
    one, other = (Table.read(study / manifest) for study in (by_mast, by_mirror))
    assert set(one["source"]) == {f"mast:HST/product/{n}_flc.fits" for n in one["dataset"]}
    assert set(other["source"]) == {"mirror"}
    one.remove_columns(["source", "retrieved"])
    other.remove_columns(["source", "retrieved"])
    assert (one == other).all()


def test_provenance_has_the_checksums_of_the_manifest(by_mirror, shared):
    text = (by_mirror / "results/uvis-15460/run/provenance.json").read_text(encoding="utf-8")
    inputs = json.loads(text)["inputs"]
    pinned = Table.read(ROOT / "resources/manifest/uvis-15460.ecsv")
    assert inputs["exposures"] == dict(zip(pinned["dataset"], pinned["sha256"], strict=True))
    assert "config/groups/uvis-15460.tsv" in inputs["files"]
    assert str(shared) not in text


def test_pinned_manifest_is_not_touched(by_mast):
    pinned = "resources/manifest/uvis-15460.ecsv"
    assert (by_mast / pinned).read_bytes() == (ROOT / pinned).read_bytes()


def test_finished_study_asks_for_nothing(by_mast, server):
    server.log.clear()
    result = plan(by_mast, "-n", *TABLES, *BY_MAST, *CONFIG[:2])
    assert result.returncode == 0, result.stdout
    assert planned(result.stdout) == {}
    assert server.log == []


def test_downloads_survive_a_purge_and_need_no_network(by_mast, server, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(by_mast, project, ignore=shutil.ignore_patterns("results", ".snakemake"))
    server.log.clear()
    offline = {"http_proxy": DEAD, "https_proxy": DEAD, "no_proxy": ""}
    target = "results/uvis-15460/alignment/visit02.ecsv"
    settings = ("--config", "source=mast", "archive={attempts: 1}")
    result = snakemake(project, "fetch", target, *settings, *CONFIG, env=offline)
    assert result.returncode == 0, result.stdout
    assert server.log == []
    assert (project / target).is_file()


def test_changed_pixels_in_the_archive_stop_that_exposure(by_mirror, shared, tmp_path):
    """The manifest is that of the repository; one exposure's pixels differ from it."""
    project = copy_project(tmp_path / "project")
    pinned = project / "resources/manifest/uvis-15460.ecsv"
    table = Table.read(pinned)
    table["datasum_sci1"][2] += 1
    table["sha256"][2], table["date"][2] = "0" * 64, "2020-02-20"
    table.write(pinned, format="ascii.ecsv", overwrite=True)
    mirror = {"CRSTUDY_MIRROR": str(shared / "mast-mirror")}
    result = snakemake(project, "fetch", *CONFIG, env=mirror)
    assert result.returncode != 0
    (line,) = (x for x in result.stdout.splitlines() if x.startswith("ERROR "))
    assert "pixels of sci1 differ" in line
    assert "make accept DATASET=uvis-15460 EXPOSURES=idsj02azq" in line
    records = project / "results/uvis-15460/fetched"
    assert len(list(records.iterdir())) == 7
    # Accepted with that command, all pixels are pinned, and the exposures that passed stay so.
    words = [sys.executable, "-m", "crstudy.archive.manifest", pinned, "idsj02azq"]
    subprocess.run(words, cwd=project, check=True)
    result = snakemake(project, "fetch", *CONFIG, env=mirror)
    assert result.returncode == 0, result.stdout
    again = Table.read(pinned)
    ours = Table.read(ROOT / "resources/manifest/uvis-15460.ecsv")
    assert (again["datasum_sci1"] == ours["datasum_sci1"]).all()
    assert (again["sha256"] == ours["sha256"]).all()


def test_manifest_that_was_accepted_is_pinned_anew(by_mirror, shared):
    """On a finished study this takes the one job that lists what was fetched."""
    pinned = by_mirror / "resources/manifest/uvis-15460.ecsv"
    before = Table.read(pinned)
    words = [sys.executable, "-m", "crstudy.archive.manifest", "resources/manifest/uvis-15460.ecsv"]
    subprocess.run(words, cwd=by_mirror, check=True)
    assert not pinned.exists()
    mirror = {"CRSTUDY_MIRROR": str(shared / "mast-mirror")}
    result = plan(by_mirror, "-n", *CONFIG[:2], env=mirror)
    assert planned(result.stdout).keys() == {
        *("make_manifest", "make_cost", "write_provenance", "all")
    }
    result = snakemake(by_mirror, *CONFIG, env=mirror)
    assert result.returncode == 0, result.stdout
    assert (Table.read(pinned)["sha256"] == before["sha256"]).all()


def test_fetched_file_that_has_changed_is_one_line(by_mast, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(by_mast, project)
    for path in (project / "downloads").rglob("*_flc.fits"):
        path.write_bytes(path.read_bytes()[:-1] + b"1")
    changed = ("--config", "source=mast", "alignment={max_residual_px: 0.2}")
    target = "results/uvis-15460/alignment/visit02.ecsv"
    result = snakemake(project, target, *changed, *CONFIG)
    assert result.returncode != 0
    (line,) = (x for x in result.stdout.splitlines() if x.startswith("ERROR "))
    assert "has changed since it was fetched. Fix: delete results/uvis-15460/fetched/" in line
    (project / re.search(r"delete (\S+) and run again", line)[1]).unlink()
    assert dry_run(project, target, *changed, *CONFIG[:2])["fetch_exposure"] == 1


def test_malicious_name_in_a_group_table_is_refused(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "config/groups/uvis-15460.tsv").write_text(
        "group\tdataset\nbad\t../../x\n", encoding="utf-8"
    )
    result = plan(project, "fetch", "--config", "source=mast", *CONFIG)
    assert result.returncode != 0
    assert "dataset '../../x' is not a valid name" in result.stdout
    assert not (project / "downloads").exists()
    assert not (tmp_path / "x").exists()
