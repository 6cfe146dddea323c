"""A whole small study with the real AstroDrizzle and the real deepCR, run by Snakemake."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.table import Table

from project import SDIST, TINY, command, copy_project, environment, snakemake
from test_workflow import planned

GOLDEN = Path(__file__).parent / "golden" / "table1.ecsv"
ARGUMENTS = ("--configfile", "config/tiny.yaml", "--quiet", "rules")

pytestmark = pytest.mark.skipif(
    not SDIST.is_file(), reason=f"needs {SDIST.name}, which the set-up fetches once"
)


def tiny_project(folder):
    project = copy_project(folder)
    values = {"dataset": "tiny", "simulation": TINY, "metrics": {"bootstrap_samples": 500}}
    (project / "config" / "tiny.yaml").write_text(yaml.safe_dump(values))
    return project


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a finished study."""
    project = tiny_project(tmp_path_factory.mktemp("study"))
    result = snakemake(project, *ARGUMENTS)
    assert result.returncode == 0, result.stdout[-5000:]
    return project


def dry_run(project, *arguments):
    result = snakemake(project, "-n", *arguments, "--configfile", "config/tiny.yaml")
    assert result.returncode == 0, result.stdout
    return {rule: n for rule, n in planned(result.stdout).items() if rule != "all"}


def test_products_are_there_and_intermediates_gone(study):
    results = study / "results" / "tiny"
    for name in ("table1.md", "table1.tex", "published_vs_measured.md", "photometry.parquet"):
        assert (results / "tables" / name).stat().st_size > 0
    for name in ("run/config.yaml", "report.html"):
        assert (results / name).stat().st_size > 0
    for name in (*(f"fig{n}" for n in range(1, 9)), "table1", "accuracy", "inference"):
        for kind in ("pdf", "png"):
            assert (results / f"figures/{name}.{kind}").stat().st_size > 5000
    assert len(list((results / "inpaint").glob("*/*_inpaint.fits"))) == 8
    assert not (results / "drizzle").exists() or not list((results / "drizzle").iterdir())
    assert not list(study.rglob(".part*"))
    leftovers = {p.name for p in study.iterdir()} - {".snakemake", "results"}
    assert leftovers == {
        "Snakefile", "workflow", "config", "resources", "envs", "profiles", "pyproject.toml"
    }  # fmt: skip


def test_merged_configuration_is_kept(study):
    kept = yaml.safe_load((study / "results/tiny/run/config.yaml").read_text())
    assert kept["simulation"]["n_groups"] == 2
    assert kept["reference"]["driz_cr_snr"] == [5.0, 1.5]


def test_table_agrees_with_the_golden_one(study):
    """Counts may move by a few pixels between processors and library builds, scores hardly."""
    table = Table.read(study / "results/tiny/tables/table1.ecsv")
    golden = Table.read(GOLDEN)
    for column in ("model", "comparison", "region"):
        assert list(table[column]) == list(golden[column])
    for column in ("tp", "fp", "fn"):
        assert np.allclose(table[column], golden[column], rtol=0.02, atol=3)
    big = golden["region"] == "full"
    for column in ("recall", "precision", "f1"):
        assert np.allclose(table[column][big], golden[column][big], atol=0.005)


def test_detector_beats_chance_and_reference_is_nearly_complete_on_sky(study):
    table = Table.read(study / "results/tiny/tables/table1.ecsv")
    full = {row["comparison"]: row for row in table if row["region"] == "full"}
    assert full["reference_vs_truth"]["recall"] > 0.9
    assert full["truth"]["recall"] > 0.8
    assert full["truth"]["precision"] > 0.8


def test_cost_lists_every_job(study):
    results = study / "results/tiny"
    cost = Table.read(results / "profiling/cost.ecsv")
    rules = set(Table.read(results / "tables/workflow.ecsv")["rule"])
    assert set(cost["rule"]) == rules - {"make_cost"} | {"total"}
    # That of make_cost is the one more.
    assert cost["jobs"][-1] == len(list((results / "benchmarks").rglob("*.tsv"))) - 1
    assert cost["mpx"][-1] == pytest.approx(8 * 2 * 256 * 288 / 1e6, abs=1e-4)
    for name in ("wall_s", "startup_cpu_s", "max_rss_mb"):
        assert (cost[name] > 0).all()
    assert (cost["cpu_s"] >= cost["startup_cpu_s"]).all()
    jobs = dict(zip(cost["rule"], cost["predicted_jobs"], strict=True))
    assert jobs["simulate_exposure"] == 120
    assert jobs["count_pixels"] == 20
    assert jobs["fetch_weights"] == 2


def test_snakemakes_own_report_holds_every_figure(study):
    result = snakemake(study, "--report", "report.html", *ARGUMENTS)
    assert result.returncode == 0, result.stdout[-3000:]
    page = (study / "report.html").read_text()
    for name in (*(f"Figure {n}" for n in range(1, 9)), "Table 1", "Accuracy", "Speed"):
        assert f'"{name}"' in page
    (study / "report.html").unlink()


def test_second_run_does_nothing(study):
    assert dry_run(study) == {}


@pytest.mark.parametrize(
    ("product", "rules"),
    [
        ("mask/g002", {"mask_pixels", "count_pixels", "find_stars", "climb_density"}),
        ("stars/g001.ecsv", {"find_stars", "measure_stars", "make_photometry"}),
        ("photometry/g001.parquet", {"measure_stars", "make_photometry", "write_report"}),
    ],
)
def test_product_that_a_failed_rerun_removed_is_made_again(study, product, rules):
    kept = study / "results/tiny" / product
    hidden = kept.rename(kept.with_name("hidden"))
    try:
        assert rules <= dry_run(study).keys()
    finally:
        hidden.rename(kept)
    assert dry_run(study) == {}


def test_figure_alone_keeps_the_configuration_beside_it_true(study):
    jobs = dry_run(
        study, "results/tiny/figures/table1.pdf", "--config", "detector={threshold: 0.3}"
    )
    assert set(jobs) == {"write_config", "count_pixels", "make_table1", "draw_table1"}


def touch_with_change(path, text):
    path.write_text(path.read_text() + text)
    future = time.time() + 5
    os.utime(path, (future, future))


def test_style_change_redraws_one_figure(study):
    style = study / "workflow/report/styles/fig6.mplstyle"
    before = style.read_bytes()
    touch_with_change(style, "\nfigure.facecolor: white\n")
    assert dry_run(study, "results/tiny/figures/fig6.pdf") == {"draw_fig6": 1}
    assert dry_run(study, "results/tiny/figures/fig7.pdf") == {}
    assert dry_run(study) == {"draw_fig6": 1, "write_report": 1, "make_cost": 1}
    style.write_bytes(before)


def test_library_change_reruns_its_users_only(study):
    module = study / "workflow/crstudy/regions.py"
    before = module.read_bytes()
    touch_with_change(module, "\n# changed\n")
    jobs = dry_run(study, "results/tiny/figures/table1.pdf")
    assert jobs == {"count_pixels": 2, "make_table1": 1, "draw_table1": 1}
    module.write_bytes(before)


def test_threshold_is_applied_downstream_of_the_probabilities(study):
    jobs = dry_run(study, "--config", "detector={threshold: 0.3}")
    assert {"inpaint_exposures", "count_pixels", "measure_stars", "climb_density"} <= set(jobs)
    assert not {"simulate_exposure", "drizzle_group", "detect_cosmic_rays"} & set(jobs)


def test_killed_run_ends_with_the_same_tables(study, tmp_path):
    """Same seed in another folder, killed in the middle: identical tables."""
    project = tiny_project(tmp_path)
    run = subprocess.Popen(
        command(*ARGUMENTS),
        cwd=project,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    results = project / "results" / "tiny"
    deadline = time.monotonic() + 600
    while not (results / "reference").is_dir() and time.monotonic() < deadline:
        assert run.poll() is None, "ended before it could be killed"
        time.sleep(0.2)
    assert (results / "reference").is_dir()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (results / "tables" / "table1.ecsv").exists()
    assert snakemake(project, "--unlock", *ARGUMENTS).returncode == 0
    again = snakemake(project, *ARGUMENTS)
    assert again.returncode == 0, again.stdout[-5000:]
    for first in (study / "results/tiny/tables").iterdir():
        assert (results / "tables" / first.name).read_bytes() == first.read_bytes()
    assert not list(project.rglob(".part*"))
