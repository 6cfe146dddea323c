"""A whole small study with the real AstroDrizzle and the real deepCR, run by Snakemake."""

import hashlib
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from crstudy.core.usage import read_usage
from project import (
    SDIST,
    TINY,
    command,
    copy_project,
    environment,
    planned,
    snakemake,
    without_network,
)

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


def records(results):
    """Return the records of all jobs but the last, in the order of their start."""
    paths = set(results.rglob("*.usage.json")) - {results / "logs/write_provenance.usage.json"}
    return sorted((json.loads(path.read_text()) for path in paths), key=lambda one: one["start"])


def several_at_once(results):
    """Tell whether a job began before another had ended."""
    return any(one["end"] > other["start"] for one, other in pairwise(records(results)))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
        "Snakefile", "workflow", "config", "resources", "envs", "profiles", "pyproject.toml",
        "requirements.txt",
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
    assert set(cost["rule"]) == rules - {"make_cost", "write_provenance"} | {"total"}
    # Those two are the ones more.
    assert cost["jobs"][-1] == len(list((results / "benchmarks").rglob("*.tsv"))) - 2
    assert cost["mpx"][-1] == pytest.approx(8 * 2 * 256 * 288 / 1e6, abs=1e-4)
    for name in ("wall_s", "startup_cpu_s", "max_rss_mb"):
        assert (cost[name] > 0).all()
    assert (cost["cpu_s"] >= cost["startup_cpu_s"]).all()
    jobs = dict(zip(cost["rule"], cost["predicted_jobs"], strict=True))
    assert jobs["simulate_exposure"] == 120
    assert jobs["count_pixels"] == 20
    assert jobs["fetch_weights"] == 2


def test_provenance_is_that_of_the_files_there(study):
    results = study / "results/tiny"
    text = (results / "run/provenance.json").read_text()
    record = json.loads(text)
    assert record["configuration"] == yaml.safe_load((results / "run/config.yaml").read_text())
    digests = {path.name: sha256(path) for path in (results / "tables").iterdir()}
    assert record["tables"] == digests
    for name, known in record["weights"].items():
        assert known["sha256"] == sha256(results / f"weights/{name}.pth")
    assert len(record["weights"]) == len(list((results / "weights").iterdir()))
    files = record["inputs"]["files"]
    assert {"requirements.txt", record["configuration"]["simulation"]["psf"]} < files.keys()
    assert files == {name: sha256(study / name) for name in files}
    for folder in (study, Path.home(), Path(sys.prefix)):
        assert str(folder) not in text


def test_provenance_covers_all_jobs_up_to_itself(study):
    results = study / "results/tiny"
    run = json.loads((results / "run/provenance.json").read_text())["run"]
    own = read_usage(results / "logs/write_provenance.usage.json")
    others = records(results)
    assert run["jobs"] == len(others) == len(list((results / "benchmarks").rglob("*.tsv"))) - 1
    assert run["start"] == others[0]["start"]
    assert run["end"] == max(one["end"] for one in others) <= own.start
    assert run["hosts"] == [platform.node()]


def test_report_and_provenance_agree(study):
    results = study / "results/tiny"
    record = json.loads((results / "run/provenance.json").read_text())
    page = (results / "report.html").read_text().split('id="provenance"')[1]
    assert 'href="run/provenance.json"' in page
    told = [record["code"]["commit"], *(one["sha256"] for one in record["weights"].values())]
    told += [f"{name} {record['software'][name]}" for name in ("python", "numpy", "deepCR")]
    assert all(word in page for word in told)
    listed = dict(re.findall(r">([\w.]+)</th><td class=\"words\"><code>([0-9a-f]{64})", page))
    assert {"table1.ecsv", "gallery.fits"} < listed.keys()
    assert listed.items() <= record["tables"].items()


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
    last = {"write_report": 1, "make_cost": 1, "write_provenance": 1}
    assert dry_run(study) == {"draw_fig6": 1} | last
    style.write_bytes(before)


def test_library_change_reruns_its_users_only(study):
    module = study / "workflow/crstudy/data/star_regions.py"
    before = module.read_bytes()
    touch_with_change(module, "\n# changed\n")
    jobs = dry_run(study, "results/tiny/figures/table1.pdf")
    assert jobs == {"count_pixels": 2, "make_table1": 1, "draw_table1": 1}
    module.write_bytes(before)


def test_method_change_reruns_that_method_only(study):
    module = study / "workflow/crstudy/methods/lacosmic.py"
    before = module.read_bytes()
    touch_with_change(module, "\n# changed\n")
    jobs = dry_run(study, "results/tiny/tables/recall.ecsv")
    module.write_bytes(before)
    assert jobs == {"tune_method": 1, "score_exposures": 2, "count_scores": 2, "make_roc": 1}


def test_changed_exposure_reruns_its_own_group_only(study):
    exposure = study / "results/tiny/exposures/jsim00102_flc.fits"
    before, modified = exposure.read_bytes(), exposure.stat().st_mtime
    with fits.open(exposure) as file:
        file["SCI", 1].data[10, 10] += 1
        file.writeto(exposure, overwrite=True)
    os.utime(exposure, (time.time() + 5,) * 2)
    jobs = dry_run(study)
    exposure.write_bytes(before)
    os.utime(exposure, (modified, modified))
    of_a_group = {"drizzle_group", "label_cosmic_rays", "mask_pixels", "detect_cosmic_rays"}
    of_a_group |= {"inpaint_exposures", "find_stars", "match_stars", "count_pixels"}
    of_a_group |= {"measure_stars", "vary_photometry", "climb_density"}
    # Of two groups of four exposures each.
    assert {jobs.get(rule) for rule in of_a_group} == {1}
    assert not {"simulate_catalogue", "simulate_exposure"} & jobs.keys()
    assert dry_run(study) == {}


def test_threshold_is_applied_downstream_of_the_probabilities(study):
    jobs = dry_run(study, "--config", "detector={threshold: 0.3}")
    assert {"inpaint_exposures", "count_pixels", "measure_stars", "climb_density"} <= set(jobs)
    assert not {"simulate_exposure", "drizzle_group", "detect_cosmic_rays"} & set(jobs)


def test_network_can_be_cut_off():
    words = without_network()
    if not words:
        pytest.skip("no process may leave the network here: the run below has one")
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
        ask = [sys.executable, "-c", connect, str(server.getsockname()[1])]
        assert subprocess.run(ask, check=False).returncode == 0
        cut_off = subprocess.run([*words, *ask], check=False, capture_output=True, text=True)
    assert "unreachable" in cut_off.stderr


def test_killed_run_on_one_core_without_network_ends_with_the_same_tables(study, tmp_path):
    """Same seed in another folder, one core instead of two, killed in the middle."""
    project = tiny_project(tmp_path)
    words = [*without_network(), *command(*ARGUMENTS, "--cores", "1")]
    run = subprocess.Popen(
        words,
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
    again = subprocess.run(
        words, cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr[-5000:]
    for first in (study / "results/tiny/tables").iterdir():
        assert (results / "tables" / first.name).read_bytes() == first.read_bytes()
    assert several_at_once(study / "results/tiny")
    assert not several_at_once(results)
    assert not list(project.rglob(".part*"))
