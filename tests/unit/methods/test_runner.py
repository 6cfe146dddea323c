"""Methods that score, the tuning of their parameters and counts of scores, with a made-up one."""

import re
import runpy
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table

from crstudy.config.registry import METHODS, Method
from crstudy.core.errors import MethodFault, StudyError
from crstudy.data.chips import ComparisonData
from crstudy.data.view import View
from crstudy.methods.median import score as median_score
from crstudy.methods.runner import load_method, scan, score_chip, score_exposure
from crstudy.methods.tuning import choose, chosen_parameters, combinations, try_parameters
from crstudy.metrics.curves.roc import COUNTS
from crstudy.metrics.curves.score_histograms import count_chip, count_regions, pool_chips
from crstudy.metrics.names import FULL, STARS
from project import ROOT, script
from scripts import without_handlers

SHAPE = (40, 50)
NO_STARS: dict[str, dict] = {"reference": {}, "truth": {}}


def chip(field_class=None, hits=((3, 4), (20, 30))):
    """Return a view of noise with hits, and comparison data; one pixel is NaN, one not valid."""
    rng = np.random.default_rng(1)
    sci = rng.normal(100, 10, SHAPE).astype(np.float32)
    truth = np.zeros(SHAPE, bool)
    for where in hits:
        sci[where] += 500
        truth[where] = True
    sci[7, 7] = np.nan
    good = np.isfinite(sci)
    good[8, 8] = False
    view = View(sci, good, 4.0, np.ones((1, 1)), field_class)
    return view, ComparisonData(truth, truth, good, sci, sci)


def held_out(*field_classes):
    """Return chips for tuning; their stars are the upper rows, with one of the hits."""
    stars = np.zeros(SHAPE, bool)
    stars[:10] = True
    return [(*chip(kind), stars) for kind in field_classes]


def brightness(view, *, sign):
    """Score by brightness: a good method where the sign is +1, and a bad one where it is -1."""
    return (sign * view.sci).astype(np.float32)


METHOD = SimpleNamespace(
    score=brightness,
    THRESHOLDS=tuple(np.linspace(-700, 700, 141)),
    PARAMETERS={"sign": (-1.0, 1.0)},
)


def test_scan_keeps_the_highest_threshold():
    image = np.array([[0.0, 2.5, 9.0]])
    score = scan(lambda threshold: image > threshold, (4.0, 1.0, 2.0))
    np.testing.assert_array_equal(score, [[0, 2, 4]])
    assert score.dtype == np.float32


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (lambda view: np.zeros((3, 3)), "method made-up: score map of shape (3, 3), chip of shape"),
        (lambda view: np.full(SHAPE, np.nan), "method made-up: score not finite in 1999 pixels"),
    ],
)
def test_map_that_breaks_the_rules_is_refused_by_name(score, words):
    with pytest.raises(MethodFault) as refused:
        score_chip("made-up", SimpleNamespace(score=score), chip()[0], {})
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_failure_on_one_chip_leaves_the_exposure_without_maps():
    def failing(view):
        if view.field_class:
            raise StudyError("made-up", "no background", "drop this exposure")
        return np.zeros(SHAPE)

    method, good, bad = SimpleNamespace(score=failing), chip()[0], chip("extragalactic")[0]
    maps, missing = score_exposure("made-up", method, {1: good}, {})
    assert (list(maps), missing) == ([1], "")
    maps, missing = score_exposure("made-up", method, {1: good, 2: bad}, {})
    assert maps == {}
    assert missing.startswith("made-up: no background")
    method.score = lambda view: np.zeros((3, 3))
    with pytest.raises(MethodFault, match="score map of shape"):
        score_exposure("made-up", method, {1: good}, {})


def test_tuning_refuses_a_map_and_leaves_out_a_chip_that_one_trial_fails_on():
    def failing(view, *, sign):
        if view.field_class == "extragalactic" and sign < 0:
            raise StudyError("made-up", "no background", "drop this exposure")
        return brightness(view, sign=sign)

    method = SimpleNamespace(**vars(METHOD) | {"score": failing})
    tables = try_parameters("made-up", method, held_out("extragalactic", "resolved_galaxy"))
    assert {table["field_class"][0] for table in tables} == {"resolved_galaxy"}
    assert {table["trial"][0] for table in tables} == {0, 1}
    method.score = lambda view, *, sign: np.zeros((3, 3))
    with pytest.raises(MethodFault, match="score map of shape"):
        try_parameters("made-up", method, held_out("extragalactic"))


def test_tuning_finds_the_better_parameter_for_each_kind_of_field():
    def peculiar(view, *, sign):
        return brightness(view, sign=-sign if view.field_class == "extragalactic" else sign)

    method = SimpleNamespace(**vars(METHOD) | {"score": peculiar})
    kinds = ("extragalactic", "globular_cluster", "resolved_galaxy")
    tables = try_parameters("made-up", method, held_out(*kinds))
    table = choose(method, tables, 0.01)
    assert len(table) == 4 * 2 * 2
    assert chosen_parameters(table, "extragalactic") == {"sign": -1.0}
    assert chosen_parameters(table, "globular_cluster") == {"sign": 1.0}
    assert chosen_parameters(table, None) == {"sign": 1.0}


def test_without_held_out_groups_the_authors_parameters_stand():
    table = choose(METHOD, [], 0.01)
    assert chosen_parameters(table, "extragalactic") == {"sign": -1.0}
    assert np.isnan(table["recall"]).all()
    assert not table["positives"].any()


def test_tuning_leaves_out_a_chip_on_which_the_method_fails():
    def fails(view, *, sign):
        raise StudyError("made-up", "no background", "drop this exposure")

    method = SimpleNamespace(**vars(METHOD) | {"score": fails})
    assert try_parameters("made-up", method, held_out(None)) == []


def test_tuning_ignores_rims():
    view, data, stars = held_out(None)[0]
    rims = np.zeros(SHAPE, bool)
    rims[3, 5:9] = rims[30] = True
    chips = [(view, replace(data, rims=rims), stars)]
    for table in try_parameters("made-up", METHOD, chips):
        area = stars if table["tuned_for"][0] == STARS else np.ones(SHAPE, bool)
        assert table["negatives"].sum() == (area & data.valid & ~data.truth & ~rims).sum()
        assert table["positives"].sum() == (area & data.truth).sum()


def test_tuning_finds_the_better_parameter_for_each_region():
    def turned_on_stars(view, *, sign):
        signs = np.full(SHAPE, sign)
        signs[:10] *= -1
        return (signs * (view.sci - 100)).astype(np.float32)

    method = SimpleNamespace(**vars(METHOD) | {"score": turned_on_stars})
    chips = [(*chip(hits=((3, 4), (20, 30), (25, 9))), held_out(None)[0][2])]
    tables = try_parameters("made-up", method, chips)
    table = choose(method, tables, 0.01)
    assert chosen_parameters(table, None, FULL) == {"sign": 1.0}
    assert chosen_parameters(table, None, STARS) == {"sign": -1.0}
    # Recall at the rate within each region, counted by hand.
    score = turned_on_stars(chips[0][0], sign=-1.0)
    for region, area in ((FULL, chips[0][1].valid), (STARS, chips[0][1].valid & chips[0][2])):
        (row,) = table[(table["tuned_for"] == region) & table["chosen"]]
        assert row["positives"] == (chips[0][1].truth & area).sum()
        if region == STARS:
            assert row["recall"] == 1
            others = score[area & ~chips[0][1].truth]
            assert (score[3, 4] > np.sort(others)[-len(others) // 100 :]).all()


def test_counts_hold_every_counted_pixel_once():
    view, data = chip()
    region = np.zeros(SHAPE, bool)
    region[:10] = True
    regions = {comparison: {3.0: region} for comparison in NO_STARS}
    score = score_chip("made-up", METHOD, view, {"sign": 1.0})
    tables = list(count_chip("made-up", score, data, regions, METHOD.THRESHOLDS))
    pooled = pool_chips([*tables, *tables])
    for where, area in (("full", data.valid), ("3", data.valid & region)):
        for comparison in NO_STARS:
            rows = pooled[(pooled["region"] == where) & (pooled["comparison"] == comparison)]
            assert rows["positives"].sum() == 2 * (data.truth & area).sum()
            assert rows["negatives"].sum() == 2 * (~data.truth & area).sum()
            found = rows[rows["threshold"] >= 300]
            assert found["positives"].sum() == 2 * (data.truth & area).sum()
            assert found["negatives"].sum() == 0


def test_each_region_is_counted_in_the_map_tuned_for_it():
    view, data = chip()
    stars = held_out(None)[0][2]
    regions = {comparison: {3.0: stars} for comparison in NO_STARS}
    maps = [score_chip("made-up", METHOD, view, {"sign": sign}) for sign in (1.0, -1.0)]
    pooled = pool_chips(list(count_regions("made-up", *maps, data, regions, METHOD.THRESHOLDS)))
    pooled = pooled[pooled["comparison"] == "truth"]
    for region, score, area in (("full", maps[0], data.valid), ("3", maps[1], data.valid & stars)):
        rows = pooled[pooled["region"] == region]
        assert rows["positives"].sum() + rows["negatives"].sum() == area.sum()
        for row in rows:
            above = area & (score >= np.float32(row["threshold"]))
            rest = rows["threshold"] >= row["threshold"]
            assert rows["positives"][rest].sum() == (above & data.truth).sum()
            assert rows["negatives"][rest].sum() == (above & ~data.truth).sum()


def test_counts_of_a_method_that_failed_everywhere():
    table = pool_chips([])
    assert len(table) == 0
    assert set(COUNTS) < set(table.colnames)


def test_a_cosmic_ray_that_the_labels_miss_is_a_star_for_them_alone():
    rng = np.random.default_rng(3)
    free = rng.normal(100, 10, (80, 80)).astype(np.float32)
    free[20:26, 20:26] += 500
    truth, label = np.zeros((2, 80, 80), bool)
    truth[50:56, 50:56] = True
    sci = free + 500 * truth
    data = ComparisonData(label, truth, np.isfinite(sci), sci, free)
    regions = data.star_regions([3.0, 20.0], 32)
    for k in (3.0, 20.0):
        assert regions["reference"][k][22, 22] and regions["truth"][k][22, 22]
        assert regions["reference"][k][52, 52]
        assert not regions["truth"][k][48:58, 48:58].any()
    assert list(ComparisonData(label, None, data.valid, sci).star_regions([3.0], 32)) == [
        "reference"
    ]


def test_without_truth_only_the_reference_is_compared_with():
    view, data = chip()
    data = ComparisonData(data.label, None, data.valid, data.clean)
    score = score_chip("made-up", METHOD, view, {"sign": 1.0})
    tables = list(count_chip("made-up", score, data, NO_STARS, METHOD.THRESHOLDS))
    assert [table["comparison"][0] for table in tables] == ["reference"]


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.module])
def test_every_method_has_what_the_registry_promises(name):
    method = load_method(METHODS[name].module)
    thresholds = getattr(method, "THRESHOLDS", None)
    if thresholds is None:
        assert METHODS[name].unit == "probability"
    else:
        assert min(thresholds) > 0
        assert list(thresholds) == sorted(set(thresholds))
    assert len(combinations(method)) >= 1


def test_median_of_exposures_counts_noise():
    sci = np.full((4, 4), 200.0, np.float32)
    sci[1, 1] = np.nan
    blot = np.full((4, 4), 84.0, np.float32)
    blot[2, 2] = np.nan
    view = View(sci, np.isfinite(sci), 4.0, np.ones((1, 1)), None, blot)
    score = median_score(view)
    assert score[0, 0] == pytest.approx((200 - 84) / 10)
    assert score[2, 2] == 0
    blot[0, 1] = 94
    steep = median_score(View(sci, view.good, 4.0, view.psf, None, blot), scale=2.0)
    assert steep[0, 0] == pytest.approx((200 - 84 - 2 * 10) / 10)
    assert steep[3, 0] == score[3, 0]
    np.testing.assert_array_equal(np.isnan(score), np.isnan(sci))
    empty = View(sci, view.good, 4.0, view.psf, None, np.full_like(blot, np.nan))
    with pytest.raises(StudyError, match="no finite pixel"):
        median_score(empty)


def test_chosen_table_survives_the_disk(tmp_path):
    choose(METHOD, [], 0.01).write(tmp_path / "t.ecsv", format="ascii.ecsv")
    table = Table.read(tmp_path / "t.ecsv", format="ascii.ecsv")
    assert chosen_parameters(table, "extragalactic") == {"sign": -1.0}


def test_worked_example_of_the_documentation():
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    module, entry = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    method = ModuleType("brightness")
    exec(module, vars(method))
    entries = eval("{" + entry + "}", {"Method": Method})
    assert entries["brightness"].module == "brightness"
    view, data = chip()
    score = score_chip("brightness", method, view, combinations(method)[0])
    table = pool_chips(list(count_chip("brightness", score, data, NO_STARS, method.THRESHOLDS)))
    bright = table[table["threshold"] > 10]
    # Against the labels, and against the truth without and with rims.
    assert bright["positives"].sum() == 3 * data.truth.sum()
    assert bright["negatives"].sum() == 0


def test_documentation_lists_every_method():
    listed = re.findall(r"`([\w-]+)`", (ROOT / "docs/methods.md").read_text(encoding="utf-8"))
    assert METHODS.keys() <= set(listed)


def test_unreadable_exposure_stops_the_job_and_is_no_failure_of_the_method(tmp_path):
    choose(load_method("pych"), [], 0.01).write(tmp_path / "pych.ecsv")
    source = {
        "psf": str(ROOT / "resources/psf/acswfc_f606w_gaussians.ecsv"),
        "parameters": str(tmp_path / "pych.ecsv"),
        "exposures": [str(tmp_path / "jsim00101_flc.fits")],
        "reference": [],
        "truth": [],
        "good": str(tmp_path),
    }
    run = SimpleNamespace(
        input=SimpleNamespace(**source),
        output=[str(tmp_path / "scores")],
        log=[str(tmp_path / "log")],
        params=SimpleNamespace(module="pych", csst=None),
        wildcards=SimpleNamespace(method="pych"),
    )
    with without_handlers(), pytest.raises(SystemExit):
        runpy.run_path(str(script("score_exposures")), {"snakemake": run})
    assert "jsim00101_flc.fits: no such file" in (tmp_path / "log").read_text(encoding="utf-8")
    assert not (tmp_path / "scores").exists()
