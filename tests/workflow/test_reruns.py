"""Reruns of a finished study: exactly what a change touches, and nothing without a change."""

import os
import shutil
import time
from contextlib import contextmanager
from io import BytesIO

import pytest
from astropy.io import fits

from advice import advised
from project import dry_run, plan, snakemake
from studies import TINY_CONFIG, copy_of_study

#: Rules of which every change of a result makes a rerun.
LAST = {"write_report", "make_cost", "write_provenance"}


@pytest.fixture(scope="module")
def study(tiny_study, tmp_path_factory):
    """Return a finished study that tests may change, and put right again."""
    return copy_of_study(tiny_study, tmp_path_factory.mktemp("reruns"))


def rerun(project, *arguments):
    """Return the jobs that a run would have, by rule."""
    jobs = dry_run(project, *arguments, *TINY_CONFIG)
    return {rule: n for rule, n in jobs.items() if rule != "all"}


@contextmanager
def changed(path, content):
    """Change a file for a while."""
    kept = path.rename(path.with_name("kept"))
    path.write_bytes(content)
    future = time.time() + 5
    os.utime(path, (future, future))
    try:
        yield
    finally:
        kept.replace(path)


def with_comment(module):
    return changed(module, module.read_bytes() + b"\n# changed\n")


def test_second_run_does_nothing_and_locks_of_another_study_stay(study):
    lock, own = (study / f".snakemake/locks/{number}.output.lock" for number in range(2))
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("results/other/x\n", encoding="utf-8")
    same = (*TINY_CONFIG, "--quiet", "host")
    result = plan(study, *same)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout
    own.write_text("results/tiny/x\n", encoding="utf-8")
    assert plan(study, *same, "--unlock").returncode == 0
    assert not own.exists()
    assert lock.exists()


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
        assert rules <= rerun(study).keys()
    finally:
        hidden.rename(kept)


def test_what_messages_say_to_delete_is_made_again(tiny_study, tmp_path):
    """Together with what a job has not made, because its input or a record is damaged."""
    study = copy_of_study(tiny_study, tmp_path)
    results = study / "results/tiny"
    deleted = {
        "reference/g001": "label_cosmic_rays",
        "detect/zb20-f606w/g002": "detect_cosmic_rays",
        "weights/zb20-f606w.pth": "fetch_weights",
        "nets/zb20-f606w": "convert_net",
        "benchmarks/simulate_exposure/jsim00101.tsv": "simulate_exposure",
    }
    not_made = ("counts/g001.ecsv", "counts/g002.ecsv", "profiling/cost.ecsv")
    for name in (*deleted, *not_made):
        path = results / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    jobs = rerun(study, *(f"results/tiny/{name}" for name in not_made))
    assert set(deleted.values()) <= jobs.keys()
    assert jobs["simulate_exposure"] == 1


def test_exposures_that_are_gone_are_made_again_as_the_message_says(tiny_study, tmp_path):
    study = copy_of_study(tiny_study, tmp_path)
    path = study / "results/tiny/exposures/jsim00101_flc.fits"
    path.unlink()
    (study / "results/tiny/profiling/cost.ecsv").unlink()
    result = snakemake(study, "results/tiny/profiling/cost.ecsv", *TINY_CONFIG)
    (line,) = (one for one in result.stdout.splitlines() if one.startswith("ERROR "))
    assert path.name in line
    advised("data/exposure: run the study without naming results, which makes it again", line)
    assert "simulate_exposure" in rerun(study)


def test_figure_alone_keeps_the_configuration_beside_it_true(study):
    jobs = rerun(study, "results/tiny/figures/table1.pdf", "--config", "detector={threshold: 0.3}")
    assert set(jobs) == {"write_config", "count_pixels", "make_table1", "draw_table1"}


@pytest.mark.parametrize("file", ["report/styles/fig6.mplstyle", "crstudy/figures/paper/fig6.py"])
def test_change_of_a_style_or_module_redraws_one_figure(study, file):
    with with_comment(study / "workflow" / file):
        assert rerun(study).keys() == {"draw_fig6"} | LAST


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("photometry/density_fit.py", {"make_density", "draw_fig6", "compare_published"}),
        ("performance/roofline.py", {"profile_inference", "draw_inference"}),
        ("pipeline/rule_graph.py", {"list_workflow", "draw_fig2"}),
        ("reference/driz_cr.py", {"audit_labels", "make_audit", "draw_audit"}),
        # In a package of a package.
        ("metrics/objects/true_stars.py", {"count_objects", "make_objects", "draw_objects"}),
        # Writes the LaTeX of Table 1.
        (
            "metrics/table1.py",
            {"make_table1", "draw_table1", "draw_strata", "compare_published"},
        ),
    ],
)
def test_library_change_reruns_its_users_only(study, module, rules):
    """And what is made from their results, to the report and the cost at the end."""
    with with_comment(study / "workflow/crstudy" / module):
        assert rerun(study).keys() == rules | LAST


def test_help_text_of_the_configuration_reruns_nothing(study):
    module = study / "workflow/crstudy/config/sections.py"
    text = module.read_bytes()
    assert b"Detection threshold of stars" in text
    with changed(module, text.replace(b"Detection threshold of stars", b"Threshold of stars")):
        assert rerun(study) == {}


def test_method_change_reruns_that_method_only(study):
    with with_comment(study / "workflow/crstudy/methods/lacosmic.py"):
        jobs = rerun(study, "results/tiny/tables/recall.ecsv")
    assert jobs == {"tune_method": 1, "score_exposures": 2, "count_scores": 2, "make_roc": 1}


def test_changed_exposure_reruns_its_own_group_only(study):
    exposure = study / "results/tiny/exposures/jsim00102_flc.fits"
    content = BytesIO()
    with fits.open(exposure) as file:
        file["SCI", 1].data[10, 10] += 1
        file.writeto(content)
    with changed(exposure, content.getvalue()):
        jobs = rerun(study)
    of_a_group = {"drizzle_group", "label_cosmic_rays", "mask_pixels", "detect_cosmic_rays"}
    of_a_group |= {"inpaint_exposures", "find_stars", "match_stars", "count_pixels"}
    of_a_group |= {"measure_stars", "vary_photometry", "climb_density"}
    # Of two groups of four exposures each.
    assert {jobs.get(rule) for rule in of_a_group} == {1}
    assert not {"simulate_catalogue", "simulate_exposure"} & jobs.keys()


def test_threshold_is_applied_downstream_of_the_probabilities(study):
    jobs = rerun(study, "--config", "detector={threshold: 0.3}")
    assert {"inpaint_exposures", "count_pixels", "measure_stars", "climb_density"} <= set(jobs)
    assert not {"simulate_exposure", "drizzle_group", "detect_cosmic_rays"} & set(jobs)


def test_snakemakes_own_report_holds_every_figure(study):
    result = snakemake(study, "--report", "report.html", *TINY_CONFIG)
    assert result.returncode == 0, result.stdout[-3000:]
    page = (study / "report.html").read_text(encoding="utf-8")
    for name in (*(f"Figure {n}" for n in range(1, 9)), "Table 1", "Accuracy", "Speed"):
        assert f'"{name}"' in page
