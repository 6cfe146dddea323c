"""A small CSST study, run by Snakemake: from the configuration to tables, verdict and figure."""

import re
from html import unescape

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.data.chips import exposure_files, read_comparison
from crstudy.data.exposure import read_images
from crstudy.metrics.names import FULL
from project import SDIST, copy_project, dry_run, plan, snakemake

VALUES = {
    "dataset": "tiny-csst",
    "source": "csst",
    "csst": {
        "n_fields": 2,
        "field_classes": ["globular_cluster"],
        "exptimes_s": [150, 600],
        "tile_height_px": 384,
        "tile_width_px": 352,
    },
    "methods": {"names": ["zb20-f606w", "rhoads"], "tuning_groups": 1},
    "metrics": {"bootstrap_samples": 100},
}
ARGUMENTS = ("--configfile", "config/tiny-csst.yaml", "--quiet", "rules")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return the results of a study of two fields, on the second of which thresholds are chosen."""
    if not SDIST.is_file():
        pytest.skip(f"needs {SDIST.name}, which the set-up fetches once")
    project = copy_project(tmp_path_factory.mktemp("study"))
    (project / "config/tiny-csst.yaml").write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    result = snakemake(project, *ARGUMENTS)
    assert result.returncode == 0, result.stdout[-5000:]
    assert dry_run(project, *ARGUMENTS) == {}
    return project / "results/tiny-csst"


def rows_of(table):
    """Return the rows of all fields by method, remedy and exposure time."""
    rows = table[table["field_class"] == ALL]
    if "region" in table.colnames:
        rows = rows[rows["region"] == FULL]
    return {(row["method"], row["remedy"], row["exptime_s"]): row for row in rows}


def test_scores_are_those_of_the_maps_of_the_other_field(study):
    rows = rows_of(Table.read(study / "tables/csst.ecsv"))
    assert {key[:2] for key in rows} == {
        ("zb20-f606w", UNCHANGED),
        ("zb20-f606w", THRESHOLD),
        ("rhoads", UNCHANGED),
        ("rhoads", THRESHOLD),
    }
    for time in (150, 600):
        name = f"csst001-{time:04d}"
        folders = study / "reference/csst001", study / "mask/csst001"
        exposure, truth = study / f"exposures/{name}_flc.fits", study / f"truth/{name}_truth.fits"
        data = read_comparison(exposure_files([exposure], *folders, [truth])[0], 3.0)[1]
        assert (data.label == data.truth).all()
        found = study / f"detect/zb20-f606w/csst001/{name}_probability.fits"
        flagged = (read_images(found, "PROBABILITY")[1] > 0.5) & data.valid
        row = rows["zb20-f606w", UNCHANGED, time]
        assert row["positives"] == (data.label & data.valid).sum()
        assert row["tp"] == (flagged & data.label).sum()
        assert row["flagged"] == (flagged & ~data.rims).sum()
        assert row["flagged_with_rims"] == flagged.sum()
        assert row["recall"] > 0.7
        assert row["fields"] == 1
        assert np.isnan(row["recall_lo"])
        best = rows["zb20-f606w", THRESHOLD, time]
        score = read_images(found, "PROBABILITY")[1]
        assert best["flagged"] == ((score >= best["threshold"]) & data.counted).sum()


def test_photometry_counts_true_stars(study):
    rows = rows_of(Table.read(study / "tables/csst_photometry.ecsv"))
    stars = Table.read(study / "csst/csst001_photometry.parquet")
    for (method, remedy, time), row in rows.items():
        some = stars[
            (stars["method"] == method) & (stars["remedy"] == remedy) & (stars["exptime_s"] == time)
        ]
        assert row["stars"] == len(some) > 10
        off = np.abs(some["flux"] - some["flux_clean"]) > 3 * some["sigma"]
        assert row["anomalous"] == off.sum()
    longest = rows[ORIGINAL, UNCHANGED, 600.0]
    assert longest["hit"] > 0
    # Whatever is hit is wrong if nothing is done, and nothing else.
    assert longest["anomalous"] == longest["hit"] == longest["anomalous_hit"]


def test_tables_say_what_they_hold(study):
    names = ("photometry", "limits", "differences", "masks", "bias", "catalogue")
    for name in ("csst", *(f"csst_{name}" for name in names)):
        meta = Table.read(study / f"tables/{name}.ecsv").meta
        assert (meta["dataset"], meta["observed_with"]) == ("tiny-csst", "simulated MSC/CCD r")
        assert meta["missing"] == {}
        assert "bootstrap" in meta["interval"]
    text = (study / "tables/csst.md").read_text(encoding="utf-8")
    assert "2511.01524" in text
    assert "undecided against no correction" in text
    for kind in ("pdf", "png"):
        assert (study / f"figures/csst.{kind}").stat().st_size > 5000


def test_page_holds_the_verdict_and_the_figure(study):
    page = (study / "report.html").read_text(encoding="utf-8")
    for part in (study / "tables/csst.md").read_text(encoding="utf-8").strip().split("\n\n"):
        assert part in unescape(page)
    assert page.count("<img ") == 2
    assert "Rhoads" in page
    assert not re.search(r"\bnan\b|\bNone\b|{{|{%", page.split("</style>")[1])


def test_exposures_are_those_of_the_configuration(study):
    found = sorted(path.name for path in (study / "exposures").iterdir())
    assert found == [f"csst00{n}-{t:04d}_flc.fits" for n in (1, 2) for t in (150, 600)]
    header = fits.getheader(study / "exposures" / found[1], "SCI")
    assert (header["NAXIS2"], header["NAXIS1"]) == (384, 352)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


def test_whole_study_runs_none_of_the_papers_rules(project):
    jobs = dry_run(project, "--configfile", "config/csst.yaml")
    assert jobs["simulate_csst"] == jobs["count_csst"] == 56
    assert jobs["repair_csst"] == 52
    assert jobs["score_exposures"] == 56
    for rule in ("drizzle_group", "climb_density", "make_stability", "compare_published"):
        assert rule not in jobs


def test_method_that_needs_several_exposures_is_refused_in_one_line(project):
    words = ("--config", "methods={names: [zb20-f606w, median], tuning_groups: 3}")
    result = plan(project, "-n", "--configfile", "config/csst.yaml", *words)
    assert result.returncode != 0
    assert len([line for line in result.stdout.splitlines() if "median" in line]) == 1
    assert "Traceback" not in result.stdout
