"""Predicted and published scores: published points, counts by hand, table, figure and text."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import yaml
from astropy.table import Table
from matplotlib.collections import PathCollection

import calibrate
from advice import follow
from calibrate import (
    CONFIG,
    PUBLISHED,
    Job,
    find_exptimes,
    labelled_fractions,
    plan,
    summarise,
)
from calibration import (
    KEYS,
    STRUCTURES,
    compare,
    count_masks,
    distances,
    predict,
    stamps,
)
from calibration_text import write_document
from crnet import find_nets, load
from crstudy.config.study import load_config
from crstudy.core.errors import StudyError
from plot_calibration import draw_prediction
from project import SHARED
from published_roc import CRNETS, count_labels, curves, extract

RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}
POINTS = Table.read(PUBLISHED)
STUDY = load_config(yaml.safe_load(CONFIG.read_text(encoding="utf-8")))
needs_arrays = pytest.mark.skipif(
    not (SHARED / "roc").is_dir(), reason="needs the arrays of the published curves in ../shared"
)
needs_weights = pytest.mark.skipif(
    not (SHARED / "weights").is_dir(), reason="needs weights of CRNet in ../shared"
)


@needs_arrays
def test_published_points_are_those_of_the_arrays():
    found = extract(SHARED / "roc")
    assert found.colnames == POINTS.colnames
    for name in POINTS.colnames:
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(POINTS[name]))
    assert found.meta["labels"] == POINTS.meta["labels"]


@needs_arrays
def test_curves_have_the_rows_that_the_papers_print():
    """Recall, %, at 0.05 and 0.5 % false positives: table 2 of Zhang & Bloom 2020, CRNet's page."""
    printed = {
        ("EX", "zb20-f606w"): (88.6, 98.7),
        ("GC", "zb20-f606w"): (93.4, 99.6),
        ("GAL", "zb20-f606w"): (75.2, 91.2),
        ("EX", "lacosmic"): (57.3, 69.5),
        ("GC", "lacosmic"): (58.4, 74.0),
        ("GAL", "lacosmic"): (33.8, 53.4),
        ("EX", "crnet-GN-16"): (87.3, 98.7),
        ("GAL", "crnet-BN-16"): (55.9, 81.0),
    }
    for _, kind, method, _, (recall, fpr, *_) in curves(SHARED / "roc"):
        if (kind, method) in printed:
            found = np.interp((0.05, 0.5), fpr[::-1], recall[::-1])
            np.testing.assert_allclose(found, printed[kind, method], atol=0.1)


def test_labelled_pixels_follow_from_the_ratios():
    """70001 labelled pixels of two stamps; both numbers are found from the rates alone."""
    flagged = np.linspace(0, 70001, 40).astype(int)[::-1]
    false = (flagged // 2).astype(float)
    found = count_labels(100 * flagged / 70001, 100 * false / (2 * 65536 - 70001))
    assert found == {"stamps": 2, "labelled_px": 70001}
    with pytest.raises(ValueError, match="no number of stamps"):
        count_labels(100 * flagged / 70001, 100 * np.sqrt(false) / 1e5)


def test_ignored_pixels_are_negatives_unless_a_dilated_mask_reaches_them():
    label, ignored, mask = np.zeros((3, 5, 5), bool)
    label[1, 1] = label[1, 2] = label[4, 4] = True
    ignored[0, 1] = ignored[4, 4] = True
    mask[1, 1] = mask[3, 3] = mask[4, 4] = True
    plain, square = count_masks([mask], label, ignored, STRUCTURES["square"])[0].tolist()
    # Of two labelled pixels that count one is found, and (3, 3) is a false positive.
    assert plain == [1, 1, 1, 22]
    # Dilated: 17 pixels, with the ignored (0, 1) and (4, 4), as (2, 2) belongs to both squares.
    assert square == [2, 15, 0, 8]
    disk = count_masks([mask], label, ignored, STRUCTURES["disk"])[0][1].tolist()
    assert disk == [2, 8, 0, 15]


def test_stamps_leave_out_what_does_not_fill_one():
    image = np.arange(600 * 300).reshape(600, 300)
    cuts = [cut for (cut,) in stamps(image)]
    assert [cut[0, 0] for cut in cuts] == [0, 256 * 300]
    assert {cut.shape for cut in cuts} == {(256, 256)}


def test_rates_are_pooled_over_groups():
    one, other = np.zeros((2, 4, 2, 4), int)
    one[..., :] = (2, 1, 8, 989)
    other[..., :] = (8, 3, 2, 987)
    groups = [{"lacosmic": one}, {"lacosmic": other}] * 2
    rows = list(predict(groups, "zb20", "any", RESAMPLING))
    assert [(row["threshold"], row["dilated"]) for row in rows[:3]] == [
        (4, False),
        (4, True),
        (6, False),
    ]
    assert rows[0]["recall"] == pytest.approx(0.5)
    assert (rows[0]["recall_lo"], rows[0]["recall_hi"]) == pytest.approx((0.2, 0.8))
    assert rows[0]["fpr"] == pytest.approx(4 / 1980)
    assert rows[0]["groups"] == 4


@pytest.fixture
def predicted():
    """Return predictions that are as published, but 5 points and a factor 2 off for L.A.Cosmic."""
    rows = Table(POINTS, copy=True)
    off = rows["method"] == "lacosmic"
    rows["recall"][off] += 0.05
    rows["fpr"][off] *= 2
    rows["fpr"] = np.where(np.isfinite(rows["fpr"]), rows["fpr"], 1e-3)
    for name in ("recall", "fpr"):
        rows[f"{name}_lo"], rows[f"{name}_hi"] = rows[name] * 0.99, rows[name] * 1.01
    rows["groups"] = 5
    rows.add_column("physical", 0, "source")
    rows.meta.clear()
    table = compare(rows, POINTS)
    fractions = labelled_fractions(POINTS)
    table.meta |= {"date": "2026-01-02", "chip_px": [512, 512], "skipped": []}
    table.meta |= {"interval": "95 % interval", "labelled_published": fractions}
    table.meta |= {"labelled": {"physical": fractions}}
    return table


def test_distances_are_medians_over_points(predicted):
    lacosmic = distances(predicted[predicted["method"] == "lacosmic"])
    assert lacosmic["recall"] == pytest.approx(0.05)
    assert lacosmic["fpr"] == pytest.approx(2)
    assert (lacosmic["points"], lacosmic["fpr_points"]) == (24, 24)
    # Of 30 points of a deepCR net 15 are dilated, without a published rate; three are too rare.
    deepcr = distances(predicted[predicted["method"] == "zb20-f606w"])
    assert (deepcr["recall"], deepcr["fpr"]) == (0, 1)
    assert (deepcr["points"], deepcr["fpr_points"]) == (30, 12)


def test_document_gets_its_tables_between_the_markers(predicted, tmp_path):
    path = tmp_path / "simulator.md"
    path.write_text(
        "before\n<!-- calibration -->\nformer\n<!-- /calibration -->\nafter\n", encoding="utf-8"
    )
    write_document(path, predicted)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- calibration -->\nMeasured on 2026-01-02: 5 groups")
    assert text.endswith("\n<!-- /calibration -->\nafter\n")
    assert "former" not in text
    assert "| physical | L.A.Cosmic | 5.0 | 24 | 2.00 | 24 |" in text
    assert "| physical | resolved galaxy, Kwon et al. 2021 | 0.0 | 40 | 1.00 | 40 |" in text
    row = "| extragalactic | deepCR 2-32 | 0.5 | 85.5 | 85.5 [84.7, 86.4] | 0.030 | 0.030"
    assert row in text
    assert "| Zhang & Bloom 2020 | extragalactic | 1.04 | 1.04 |" in text
    path.write_text("no markers", encoding="utf-8")
    with pytest.raises(StudyError, match="has no <!-- calibration -->"):
        write_document(path, predicted)


def test_figure_has_every_published_point(predicted):
    axes = draw_prediction(predicted).get_axes()
    drawn = [
        sum(
            len(dots.get_offsets()) for dots in axis.collections if isinstance(dots, PathCollection)
        )
        for axis in axes
    ]
    known = np.isfinite(POINTS["fpr"])
    for i, kind in enumerate(dict.fromkeys(POINTS["field_class"])):
        here = POINTS["field_class"] == kind
        assert (drawn[i], drawn[3 + i]) == (here.sum(), (here & known).sum())


def test_plan_covers_the_test_sets_of_which_there_are_nets():
    times = {
        test_set: dict.fromkeys(kinds, 300.0) for test_set, kinds in POINTS.meta["labels"].items()
    }
    jobs = plan(STUDY, times, skip=["kwon21"], source="transplanted")
    assert {job.test_set for job in jobs} == {"zb20"}
    per_class = [job.field_class for job in jobs]
    assert {kind: per_class.count(kind) for kind in set(per_class)} == dict.fromkeys(
        times["zb20"], 5
    )
    assert jobs[0].section["exptime_min_s"] == jobs[0].section["exptime_max_s"] == 300
    assert jobs[0].section["cosmic_rays"]["source"] == "transplanted"
    assert len(plan(STUDY, times, skip=[])) == 30


def test_labelled_fraction_is_that_of_the_counts():
    counts = np.broadcast_to([6, 1, 4, 989], (4, 2, 4))
    jobs = [Job("zb20", "a", group, {}) for group in (1, 2)]
    rows, labelled = summarise(STUDY, jobs, [{"lacosmic": counts}] * 2)
    assert labelled == {"zb20": {"a": pytest.approx(0.01)}}
    assert len(rows) == 8
    assert {row["field_class"] for row in rows} == {"a"}


@needs_weights
@pytest.mark.parametrize("name", CRNETS)
def test_crnet_flags_a_sharp_ray_and_no_sky(name):
    net = load(f"crnet-{name}", find_nets(SHARED / "weights")[f"crnet-{name}"])
    image = np.random.default_rng(1).normal(30, 6, (64, 64))
    image[20:23, 30] += 1500
    image[40, 40:44] += (300, 900, 500, 100)
    found = net.probability(image)
    assert found[40, 40:44].min() > 0.9
    assert (found > 0.5).mean() < 0.01


def test_crnet_is_named_by_its_weights(tmp_path):
    assert find_nets(None) == {}
    what = "benchmarks/crnet: get it from github.com/srinadh99/CRNet"
    get = lambda: [(tmp_path / f"ACS-WFC-{name}.pth").touch() for name in CRNETS]  # noqa: E731
    follow(what, partial(find_nets, tmp_path), get, match=r"ACS-WFC-BN-16\.pth: no such file")
    path = tmp_path / "ACS-WFC-BN-16.pth"
    path.write_bytes(b"nothing")
    with pytest.raises(StudyError, match=r"sha256 begins .* expected c47b48475cfe"):
        load("crnet-BN-16", path)


def test_points_have_a_key_each():
    assert len({tuple(row[list(KEYS)]) for row in POINTS}) == len(POINTS) == 204


def test_exposure_times_give_the_labelled_fractions(monkeypatch):
    """In a simulator that labels 1e-5, 2e-5 and 4e-5 of the pixels a second, by field class."""
    rates = dict(zip(STUDY.simulation.field_classes, (1e-5, 2e-5, 4e-5), strict=True))

    def count(_, job):
        return rates[job.field_class] * job.section["exptime_max_s"] * (1 + 0.1 * (job.group > 3))

    monkeypatch.setattr(calibrate, "count_labels", count)
    wanted = {"one": dict.fromkeys(rates, 0.0105), "other": dict.fromkeys(rates, 0.021)}
    with ThreadPoolExecutor(1) as pool:
        times = find_exptimes(STUDY, wanted, pool)
    assert list(times["one"].values()) == [1000, 500, 250]
    assert list(times["other"].values()) == [2000, 1000, 500]
