"""Counts, scores and intervals against brute force and analytic truth."""

import numpy as np
import pytest
import sep
from astropy.table import Table
from scipy import ndimage

from crstudy.data.chips import ComparisonData
from crstudy.data.good_pixels import good_pixels
from crstudy.data.star_regions import star_regions
from crstudy.metrics.areas import compare_chip
from crstudy.metrics.bootstrap import score_columns
from crstudy.metrics.names import COMPARISONS, PIXEL_KEYS
from crstudy.metrics.published_table1 import published_table1
from crstudy.metrics.scores import SCORES, Counts, count_pixels, score
from crstudy.metrics.table1 import make_table1, to_latex, to_markdown

RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}
MASK = {"good_dq_bits": [4096, 8192], "saturation_e": 70000.0, "saturation_box_px": 7}


def test_counts_equal_brute_force():
    rng = np.random.default_rng(1)
    predicted, actual, counted = rng.uniform(size=(3, 37, 41)) < 0.4
    brute = {"tp": 0, "fp": 0, "fn": 0, "tn": 0}
    for p, a, c in zip(predicted.flat, actual.flat, counted.flat, strict=True):
        if c:
            brute[("t" if p == a else "f") + ("p" if p else "n")] += 1
    assert count_pixels(predicted, actual, counted)._asdict() == brute


def test_excluded_pixels_count_nowhere():
    flags = np.ones((5, 5), bool)
    assert count_pixels(flags, flags, ~flags) == Counts(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("bits", "counts"),
    [(0, True), (4096, True), (8192, True), (4096 | 8192, True), (16, False), (4096 | 256, False)],
)
def test_archive_cosmic_ray_flags_are_not_bad_pixels(bits, counts):
    good = good_pixels(np.zeros((3, 3)), np.full((3, 3), bits), **MASK)
    assert (good == counts).all()


def test_saturation_is_dilated_to_the_box():
    sci = np.zeros((21, 21))
    sci[10, 10] = 70001
    sci[0, 20] = 70001
    expected = np.ones((21, 21), bool)
    expected[7:14, 7:14] = False
    expected[:4, 17:] = False
    assert (good_pixels(sci, np.zeros((21, 21), int), **MASK) == expected).all()


def test_saturation_limit_itself_counts():
    assert good_pixels(np.full((3, 3), 70000.0), np.zeros((3, 3), int), **MASK).all()


def test_non_finite_pixels_do_not_count():
    sci = np.array([[np.nan, np.inf, 1.0]])
    good = good_pixels(sci, np.zeros((1, 3), int), **(MASK | {"saturation_box_px": 1}))
    assert good.tolist() == [[False, False, True]]


def test_scores_follow_their_definitions():
    values = score(np.array(60), np.array(20), np.array(40))
    recall, precision = 0.6, 0.75
    assert values["recall"] == pytest.approx(recall)
    assert values["precision"] == pytest.approx(precision)
    for name, beta in (("f05", 0.5), ("f1", 1.0), ("f2", 2.0)):
        expected = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
        assert values[name] == pytest.approx(expected)


def test_f2_lies_below_f1_when_recall_lies_below_precision():
    """The paper's F2 of 88 above F1 of 85 contradicts its own Table 1 (3 RMS row)."""
    tp, recall, precision = 1e6, 0.855, 0.876
    values = score(tp, tp / precision - tp, tp / recall - tp)
    assert values["f1"] == pytest.approx(0.865, abs=0.001)
    assert values["f2"] == pytest.approx(0.859, abs=0.001)


def test_undefined_scores_are_nan():
    values = score(0, 0, 0)
    assert all(np.isnan(values[name]) for name in SCORES)
    nothing_to_find, nothing_found, all_wrong = score(0, 5, 0), score(0, 0, 5), score(0, 5, 5)
    assert nothing_to_find["precision"] == nothing_found["recall"] == all_wrong["f1"] == 0
    for name in ("f05", "f1", "f2"):
        assert np.isnan(nothing_to_find[name])
        assert np.isnan(nothing_found[name])


def test_one_group_has_no_interval():
    scores = score_columns([(8, 2, 2)], RESAMPLING)
    assert scores["recall"] == 0.8
    assert np.isnan(scores["recall_lo"])
    assert np.isnan(scores["recall_hi"])


def test_groups_without_pixels_give_no_interval():
    for empty in [(0, 0, 0), (0, 5, 0)]:
        scores = score_columns([(8, 2, 2), empty], RESAMPLING)
        assert scores["recall"] == 0.8
        assert np.isnan(scores["recall_lo"])


def test_bootstrap_is_seeded_and_holds_the_value():
    counts = [(80, 5, 20), (60, 10, 30), (90, 2, 15), (70, 20, 10), (85, 5, 25)]
    first = score_columns(counts, RESAMPLING | {"samples": 500, "seed": 3})
    assert first == score_columns(counts, RESAMPLING | {"samples": 500, "seed": 3})
    for name in SCORES:
        assert first[f"{name}_lo"] < first[name] < first[f"{name}_hi"]


def test_bootstrap_of_scores_equals_drawing_groups_by_hand():
    counts = np.array([(80, 5, 20), (60, 10, 30), (0, 0, 0), (70, 20, 10), (85, 5, 25)])
    found = score_columns(counts, RESAMPLING)
    picks = np.random.default_rng(0).integers(0, 5, (200, 5))
    drawn = score(*np.moveaxis(counts[picks].sum(axis=1), -1, 0))
    for name, value in score(*counts.sum(axis=0)).items():
        ends = np.percentile(
            drawn[name][np.isfinite(drawn[name])], (50 * (1 - 0.95), 50 * (1 + 0.95))
        )
        assert (found[name], found[f"{name}_lo"], found[f"{name}_hi"]) == (value, *ends)


def test_bootstrap_covers_the_truth():
    """Groups scatter around a known recall; the 95 % interval holds it about as often.

    The percentile bootstrap is known to cover slightly less than nominal with 20 groups.
    """
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(300):
        recall = rng.beta(80, 20, 20)
        tp = rng.binomial(1000, recall)
        counts = [(int(t), 50, int(1000 - t)) for t in tp]
        scores = score_columns(counts, RESAMPLING | {"samples": 300, "seed": trial})
        covered += scores["recall_lo"] <= 0.8 <= scores["recall_hi"]
    assert 0.89 <= covered / 300 <= 0.98


def gaussian_star(peak_e, sigma_px=2.0, size=101):
    y, x = np.indices((size, size)) - size // 2
    return peak_e * np.exp(-(x**2 + y**2) / (2 * sigma_px**2))


def test_star_regions_are_discs_of_the_analytic_radius():
    rng = np.random.default_rng(2)
    size, peak, sigma, rms = 301, 4000.0, 3.0, 5.0
    image = gaussian_star(peak, sigma, size) + rng.normal(100, rms, (size, size))
    regions = star_regions(image, np.ones(image.shape, bool), [3, 10, 40, 160], 64)
    for k, region in regions.items():
        radius2 = 2 * sigma**2 * np.log(peak / (k * rms))
        assert region[size // 2, size // 2]
        if k >= 10:
            assert region.sum() == pytest.approx(np.pi * radius2, rel=0.12)
    assert regions[160].sum() < regions[40].sum() < regions[10].sum() < regions[3].sum()


def test_star_regions_equal_brute_force():
    """Connected pixels above the threshold, at least five, also beside bright stars."""
    rng = np.random.default_rng(7)
    image = rng.normal(0, 5, (200, 200))
    for row, column, peak in [(50, 50, 20000), (50, 62, 60), (120, 130, 400), (128, 130, 50)]:
        image += np.roll(gaussian_star(peak, size=200), (row - 100, column - 100), (0, 1))
    background = sep.Background(image.astype(np.float32), bw=64, bh=64)
    excess = image.astype(np.float32) - background.back()
    for k, region in star_regions(image, np.ones(image.shape, bool), [3, 10, 40], 64).items():
        labels, _ = ndimage.label(excess > k * background.globalrms, np.ones((3, 3)))
        large = np.bincount(labels.ravel()) >= 5
        large[0] = False
        assert (region == large[labels]).all()


def test_excluded_pixels_belong_to_no_region():
    image = gaussian_star(4000.0) + np.random.default_rng(3).normal(0, 5, (101, 101))
    good = np.ones(image.shape, bool)
    good[45:56, 45:56] = False
    image[~good] = np.nan
    assert not star_regions(image, good, [3], 32)[3][~good].any()


def test_chip_without_good_pixels_has_empty_regions():
    image = np.zeros((40, 40))
    regions = star_regions(image, np.zeros(image.shape, bool), [3, 5], 64)
    assert not any(region.any() for region in regions.values())


def counts_of(detected, label, truth, counted, regions):
    both = {"reference": regions, "truth": regions}
    data = ComparisonData(label, truth, counted, label)
    rows = [(*names, *counts[:3]) for *names, counts in compare_chip({"net": detected}, data, both)]
    return Table(
        rows=rows,
        names=(*PIXEL_KEYS, "tp", "fp", "fn"),
        meta={"observed_with": ["simulated ACS/WFC F606W"]},
    )


@pytest.fixture
def table():
    rng = np.random.default_rng(4)
    groups = []
    for _ in range(4):
        truth = rng.uniform(size=(60, 60)) < 0.1
        label = truth & (rng.uniform(size=truth.shape) < 0.9)
        detected = truth ^ (rng.uniform(size=truth.shape) < 0.02)
        star = np.zeros(truth.shape, bool)
        star[:10] = True
        empty = np.zeros_like(star)
        groups.append(counts_of(detected, label, truth, np.ones_like(star), {3: star, 160: empty}))
    return make_table1(groups, RESAMPLING, "test")


def test_table1_has_the_promised_columns_and_rows(table):
    names = [*PIXEL_KEYS]
    for name in SCORES:
        names += [name, f"{name}_lo", f"{name}_hi"]
    assert table.colnames == [*names, "tp", "fp", "fn", "groups"]
    assert [(r["comparison"], r["region"]) for r in table] == [
        (comparison, region) for comparison in COMPARISONS for region in ("full", "3", "160")
    ]
    reference = table[table["comparison"] == "reference_vs_truth"][0]
    assert reference["precision"] == 1.0
    assert reference["recall"] == pytest.approx(0.9, abs=0.03)


def test_empty_region_is_nan_with_count_zero(table):
    for row in table[table["region"] == "160"]:
        assert row["tp"] == row["fp"] == row["fn"] == 0
        assert all(np.isnan(row[name]) for name in SCORES)


def test_table_is_printed_beside_the_paper(table):
    published = published_table1(
        {"table1": {"rows": [{"region": 3, "recall_percent": 85.5, "precision_percent": 87.6}]}}
    )
    markdown, latex = to_markdown(table, published), to_latex(table, published)
    assert "| 85.5 |" in markdown
    assert "Dataset test (simulated ACS/WFC F606W)" in markdown
    assert "undefined (0 px)" in markdown
    assert "nan" not in markdown.lower()
    assert r"recall \%" in latex
    # Header, recall, precision also with rims, and pixels of cosmic rays.
    assert latex.count(r"\\") == 1 + 4 + 6 + 3
