"""The selection through Snakemake: alone, as the first step of a study, and pinned."""

import shutil

import pytest
from astropy.table import Table

from archive_rows import make_archive
from crstudy.config.groups import read_groups
from mast_faults import ServiceError
from mast_rows import OBSERVATIONS
from mast_server import MastServer
from project import copy_project, dry_run, snakemake

ALONE = ("select_groups", "--configfile", "config/paper.yaml")
STUDY = ("--configfile", "config/paper.yaml")
HASTY = ("--config", "archive={attempts: 2, backoff_s: 0.1}")


def unpinned(folder):
    """Copy the project, without the paper's group table should there be one."""
    copy_project(folder)
    (folder / "config/groups/paper.tsv").unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return unpinned(tmp_path_factory.mktemp("paper"))


@pytest.fixture(scope="module")
def drawn(project, tmp_path_factory):
    """Return the log of the job that drew the groups of the paper's study."""
    with MastServer() as server:
        server.observations, server.products = make_archive(64)
        server.faults[OBSERVATIONS].append(ServiceError("try again"))
        env = server.configure(tmp_path_factory.mktemp("config"))
        result = snakemake(project, *ALONE, env=env)
    assert result.returncode == 0, result.stdout
    return (project / "results/paper/logs/select_groups.log").read_text(encoding="utf-8")


def test_without_a_table_the_groups_are_drawn_first(tmp_path):
    jobs = dry_run(unpinned(tmp_path / "project"), *STUDY)
    assert jobs["select_groups"] == 1
    # Not yet known.
    assert "fetch_exposure" not in jobs
    assert jobs["make_table1"] == 1


def test_the_selection_alone_writes_table_and_report(project, drawn):
    groups = read_groups(project / "results/paper/groups.tsv")
    assert list(groups) == [f"g{n:03d}" for n in range(1, 21)]
    assert {len(datasets) for datasets in groups.values()} == {6}
    steps = Table.read(project / "results/paper/tables/selection.ecsv")
    assert steps.meta["seed"] == 20230323
    assert {"of", "step", "kept", "dropped", "why"} == set(steps.colnames)
    assert steps["kept"][steps["step"] == "drawn"][0] == 20
    report = (project / "results/paper/selection.md").read_text(encoding="utf-8")
    assert "config/groups/paper.tsv" in report
    assert "to pin these groups: copy results/paper/groups.tsv to config/groups/paper.tsv" in drawn
    assert "try 1 failed (try again)" in drawn
    assert not (project / "results/paper/tables/manifest.ecsv").exists()


def test_drawn_groups_are_fetched_without_another_query(project, drawn):
    jobs = dry_run(project, *STUDY)
    assert jobs["fetch_exposure"] == 120
    assert "select_groups" not in jobs


def test_a_pinned_table_is_read_and_nothing_is_queried(project, drawn, tmp_path):
    pinned = copy_project(tmp_path / "pinned")
    shutil.copy(project / "results/paper/groups.tsv", pinned / "config/groups/paper.tsv")
    jobs = dry_run(pinned, *STUDY)
    assert jobs["fetch_exposure"] == 120
    assert jobs["drizzle_group"] == 20
    assert "select_groups" not in jobs


def test_too_small_an_archive_leaves_nothing_but_one_line(tmp_path):
    folder = unpinned(tmp_path / "project")
    with MastServer() as server:
        server.observations, server.products = make_archive(8)
        result = snakemake(folder, *ALONE, *HASTY, env=server.configure(tmp_path / "env"))
    assert result.returncode != 0
    log = (folder / "results/paper/logs/select_groups.log").read_text(encoding="utf-8")
    [line] = [line for line in log.splitlines() if "ERROR" in line]
    assert "has 5 of the 20 groups" in line
    assert "observations, fixed target: 21 kept, 1 dropped follows a moving target" in log
    assert "Traceback" not in log
    assert not list((folder / "results/paper").glob("*.*"))
