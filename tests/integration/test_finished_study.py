"""What a whole small study leaves: the real AstroDrizzle and the real deepCR, run by Snakemake."""

import hashlib
import json
import platform
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import other_nets
from crstudy.config.study import load_config
from crstudy.core.job import read_usage
from crstudy.data.score_maps import read_scores
from crstudy.deepcr.detector import Detector
from crstudy.metrics.names import PIXEL_KEYS, all_strata
from crstudy.pipeline.check import check
from crstudy.pipeline.outputs import BOOKKEEPING, PAGE, SETTINGS_RULE, expand_braces
from project import ROOT
from studies import job_records

GOLDEN = Path(__file__).parent / "golden" / "table1.ecsv"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_products_are_there_and_intermediates_gone(tiny_study):
    results = tiny_study / "results" / "tiny"
    for name in ("table1.md", "table1.tex", "published_vs_measured.md", "photometry.parquet"):
        assert (results / "tables" / name).stat().st_size > 0
    for name in ("run/config.yaml", "report.html"):
        assert (results / name).stat().st_size > 0
    for name in (*(f"fig{n}" for n in range(1, 9)), "table1", "accuracy", "inference"):
        for kind in ("pdf", "png"):
            assert (results / f"figures/{name}.{kind}").stat().st_size > 5000
    assert len(list((results / "inpaint").glob("*/*_inpaint.fits"))) == 8
    assert not (results / "drizzle").exists() or not list((results / "drizzle").iterdir())
    assert not list(tiny_study.rglob(".part*"))
    leftovers = {p.name for p in tiny_study.iterdir()} - {".snakemake", "results"}
    assert leftovers == {
        "Snakefile", "workflow", "config", "resources", "envs", "profiles", "pyproject.toml",
        "requirements.txt",
    }  # fmt: skip


def test_bytes_are_those_that_jobs_wrote(tiny_study):
    (report, n) = check(tiny_study / "results/tiny")
    assert n == 0
    assert re.fullmatch(r"\d{3} files and folders checked, 0 changed files in them; .*", report[-1])
    assert "no record" not in report[-1]


def test_inpainted_frames_have_headers_and_flags(tiny_study):
    results, name = tiny_study / "results" / "tiny", "jsim00101"
    probability = read_scores(results / "detect/zb20-f606w/g001", name)
    inpainted = results / f"inpaint/g001/{name}_inpaint.fits"
    with (
        fits.open(results / f"exposures/{name}_flc.fits") as before,
        fits.open(inpainted, checksum=True) as after,
    ):
        assert after[0].header["EXPTIME"] == before[0].header["EXPTIME"]
        assert "net zb20-f606w, probability above 0.5" in after[0].header["HISTORY"]
        for ver, one in probability.items():
            assert WCS(after["INPAINT", ver].header).wcs.compare(WCS(before["SCI", ver].header).wcs)
            flags, old = after["DQ", ver].data, before["DQ", ver].data
            np.testing.assert_array_equal(flags, (old & ~8192) | np.where(one > 0.5, 8192, 0))
            changed = after["INPAINT", ver].data != before["SCI", ver].data
            np.testing.assert_array_equal(changed, one > 0.5)


def test_merged_configuration_is_kept(tiny_study):
    kept = yaml.safe_load((tiny_study / "results/tiny/run/config.yaml").read_text(encoding="utf-8"))
    assert kept["simulation"]["n_groups"] == 2
    assert kept["reference"]["driz_cr_snr"] == [5.0, 1.5]


def test_table_agrees_with_the_golden_one(tiny_study):
    """Counts may move by a few pixels between processors and library builds, scores hardly."""
    table = Table.read(tiny_study / "results/tiny/tables/table1.ecsv")
    golden = Table.read(GOLDEN)
    for column in PIXEL_KEYS:
        assert list(table[column]) == list(golden[column])
    for column in ("tp", "fp", "fn"):
        assert np.allclose(table[column], golden[column], rtol=0.02, atol=3)
    big = golden["region"] == "full"
    for column in ("recall", "precision", "f1"):
        assert np.allclose(table[column][big], golden[column][big], atol=0.005)


def test_detector_beats_chance_and_reference_is_nearly_complete_on_sky(tiny_study):
    table = Table.read(tiny_study / "results/tiny/tables/table1.ecsv")
    full = {row["comparison"]: row for row in all_strata(table) if row["region"] == "full"}
    assert full["reference_vs_truth"]["recall"] > 0.9
    assert full["truth"]["recall"] > 0.8
    assert full["truth"]["precision"] > 0.8


def test_cost_lists_every_job(tiny_study):
    results = tiny_study / "results/tiny"
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


def test_provenance_is_that_of_the_files_there(tiny_study):
    results = tiny_study / "results/tiny"
    text = (results / "run/provenance.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert record["configuration"] == yaml.safe_load(
        (results / "run/config.yaml").read_text(encoding="utf-8")
    )
    digests = {path.name: sha256(path) for path in (results / "tables").iterdir()}
    assert record["tables"] == digests
    for name, known in record["weights"].items():
        assert known["sha256"] == sha256(results / f"weights/{name}.pth")
    assert len(record["weights"]) == len(list((results / "weights").iterdir()))
    files = record["inputs"]["files"]
    assert {"requirements.txt", record["configuration"]["simulation"]["psf"]} < files.keys()
    assert files == {name: sha256(tiny_study / name) for name in files}
    for folder in (tiny_study, Path.home(), Path(sys.prefix)):
        assert str(folder) not in text


def test_provenance_covers_all_jobs_up_to_itself(tiny_study):
    results = tiny_study / "results/tiny"
    run = json.loads((results / "run/provenance.json").read_text(encoding="utf-8"))["run"]
    own = read_usage(results / "logs/write_provenance.usage.json")
    others = job_records(results)
    assert run["jobs"] == len(others) == len(list((results / "benchmarks").rglob("*.tsv"))) - 1
    assert run["start"] == others[0]["start"]
    assert run["end"] == max(one["end"] for one in others) <= own.start
    assert run["hosts"] == [platform.node()]


def test_report_and_provenance_agree(tiny_study):
    results = tiny_study / "results/tiny"
    record = json.loads((results / "run/provenance.json").read_text(encoding="utf-8"))
    before, page = (results / "report.html").read_text(encoding="utf-8").split('id="provenance"')
    assert f"Commit <code>{record['code']['commit']}" in before
    assert 'href="run/provenance.json"' in page
    told = [one["sha256"] for one in record["weights"].values()]
    versions = {name: record["software"][name.lower()] for name in ("python", "numpy", "deepCR")}
    told += [f'{name}</th><td class="words"><code>{one}' for name, one in versions.items()]
    assert all(word in page for word in told)
    listed = dict(re.findall(r">([\w.]+)</th><td class=\"words\"><code>([0-9a-f]{64})", page))
    assert {"table1.ecsv", "gallery.fits"} < listed.keys()
    assert listed.items() <= record["tables"].items()


def test_page_of_outputs_explains_every_file(tiny_study):
    rows = [line.split(" | ") for line in (ROOT / PAGE).read_text(encoding="utf-8").splitlines()]
    explained = [
        path for row in rows if len(row) == 5 for path in expand_braces(row[0].strip("| `"))
    ]
    pattern = "|".join(re.sub(r"<\w+>", "[^/]+", path) for path in explained)
    results = tiny_study / "results/tiny"
    files = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    files = {name for name in files if not name.startswith(("logs/", "benchmarks/", "run/sha256/"))}
    assert len([name for name in files if name.startswith("figures/")]) > 20
    assert {name for name in files if not re.fullmatch(f"({pattern})(/.*)?", name)} == set()


def test_page_of_outputs_names_what_each_rule_needs(tiny_study):
    """Snakemake's own graph, written by the study: those that read all records are left out."""
    lines = [
        line
        for line in (ROOT / PAGE).read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    made_from = {re.search(r"`(\w+)`\]", row)[1]: row.rsplit(" | ", 1)[1] for row in lines}
    table = Table.read(tiny_study / "results/tiny/tables/workflow.ecsv").filled("")
    edges = {(row["rule"], row["needs"]) for row in table if row["rule"] not in BOOKKEEPING}
    edges = {(rule, needs) for rule, needs in edges if needs not in ("", SETTINGS_RULE)}
    assert ("count_pixels", "detect_cosmic_rays") in edges
    assert {edge for edge in edges if f"`{edge[1]}`" not in made_from[edge[0]]} == set()


class Threshold:
    """A net that is sure of pixels above a level, e-, and of no others."""

    tile_px, halo_px, batch, arithmetic = 64, 8, 1, "float32"

    def __init__(self, level_e):
        self.level_e = level_e

    def run(self, batches):
        """Map windows."""
        for windows in batches:
            yield (windows[:, 0] > self.level_e).astype(np.float32)


def test_other_nets_are_counted_as_the_study_counts(tiny_study, monkeypatch):
    """One group is held out; a net that flags nothing finds nothing, one that flags all, all."""
    results = tiny_study / "results/tiny"
    values = yaml.safe_load((results / "run/config.yaml").read_text(encoding="utf-8"))
    values["methods"]["tuning_groups"] = 1
    monkeypatch.setattr(other_nets, "results", lambda _: results)
    levels = {"all": -np.inf, "none": np.inf}
    nets = {name: Detector(name, "", "", 1.0, Threshold(level)) for name, level in levels.items()}
    table = other_nets.measure_sim(load_config(values), nets)
    for name, expected in (("all", 1), ("none", 0)):
        rows = table[(table["method"] == name) & (table["threshold_kind"] == "default")]
        rows = rows[rows["region"] == "full"]
        assert set(rows["recall"]) == set(rows["star_cores_flagged"]) == {expected}
