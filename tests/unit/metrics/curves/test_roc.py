"""ROC and precision-recall curves against analytic curves and brute force."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crstudy.data.exposure import read_images
from crstudy.data.score_maps import PROBABILITY, write_probabilities
from crstudy.methods.runner import scan
from crstudy.metrics.curves.roc import (
    at_rates,
    average_precision,
    histogram,
    probability_edges,
    rates,
)
from crstudy.metrics.curves.roc_tables import (
    average_precision_table,
    curve_table,
    paired_difference,
    recall_table,
)
from crstudy.metrics.curves.score_histograms import pool_chips, read_counts
from crstudy.metrics.names import KEYS

RESAMPLING = {"samples": 400, "confidence": 0.95, "seed": 7}


def as_counts(table):
    return np.column_stack([table["positives"], table["negatives"]])


def test_edges_of_probabilities_hold_the_ends_and_the_thresholds():
    edges = probability_edges([0.5, 0.35])
    assert (edges[0], edges[-1]) == (0, 1)
    assert {0.35, 0.5} < set(edges)
    assert 195 <= len(edges) <= 205
    assert (np.diff(edges.astype(np.float32)) > 0).all()
    inner = np.log(edges[1:-1] / (1 - edges[1:-1]))
    assert np.diff(inner).max() == pytest.approx(11.5 / 99, rel=1e-6)


def test_stored_probabilities_are_flagged_above_the_threshold(tmp_path):
    rng = np.random.default_rng(1)
    exact = np.full(2000, 0.5, np.float32)
    beside = np.nextafter(exact, rng.choice(np.array([0, 1], np.float32), 2000))
    values = np.concatenate([exact, beside, rng.random(4000, np.float32)]).reshape(80, 100)
    write_probabilities(tmp_path / "map.fits", {1: values}, "net", "float32")
    stored = read_images(tmp_path / "map.fits", PROBABILITY)[1]
    everywhere = np.ones(values.shape, bool)
    table = histogram(stored, everywhere, everywhere, probability_edges([0.5]))
    assert table["positives"][table["threshold"] >= 0.5].sum() == (values > 0.5).sum()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    score=arrays(np.float32, (6, 5), elements=st.sampled_from([-1, 0, 0.3, 1.2, 4.7, 9.0])),
    flags=arrays(np.int8, (6, 5), elements=st.integers(0, 3)),
)
def test_histogram_equals_brute_force(score, flags):
    edges = [0.3, 0.5, 4.7]
    actual, counted = flags % 2 == 1, flags >= 2
    table = histogram(score, actual, counted, edges)
    expected = [[0, 0] for _ in range(4)]
    for s, a, c in zip(score.flat, actual.flat, counted.flat, strict=True):
        if c:
            expected[sum(bool(s >= np.float32(e)) for e in edges)][0 if a else 1] += 1
    assert as_counts(table).tolist() == expected
    assert table["threshold"].tolist() == [-np.inf, *edges]


def test_histogram_of_a_scan_holds_what_is_flagged_at_each_threshold():
    rng = np.random.default_rng(4)
    image, actual = rng.normal(0, 3, (50, 60)), rng.random((50, 60)) < 0.2
    thresholds = [1.1, 2.3, 4.7]
    score = scan(lambda t: image > t, thresholds)
    table = histogram(score, actual, np.ones_like(actual), thresholds)
    for t in thresholds:
        reached = table[table["threshold"] >= t]
        flagged = image > t
        assert reached["positives"].sum() == (flagged & actual).sum()
        assert reached["negatives"].sum() == (flagged & ~actual).sum()


def test_maps_without_a_score_are_refused():
    score, counted = np.zeros((3, 3), np.float32), np.ones((3, 3), bool)
    score[1, 1] = np.nan
    with pytest.raises(ValueError, match="not finite in 1 valid"):
        histogram(score, counted, counted, [0.5])
    counted[1, 1] = False
    assert as_counts(histogram(score, counted, counted, [0.5])).sum() == 8
    with pytest.raises(ValueError, match="shape"):
        histogram(score[:2], counted, counted, [0.5])


def triangle(bins=100):
    """Count scores 0..1: as many negatives at each, positives in proportion to the score.

    At threshold t the false-positive rate f is 1 - t, and recall is 1 - t^2 = 1 - (1 - f)^2.
    """
    edges = np.arange(bins) / bins
    counts = [(0, 0), *((2 * k + 1, bins) for k in range(bins))]
    return edges, np.array(counts).T


def test_curve_is_the_analytic_one():
    edges, counts = triangle()
    fpr, recall, precision = rates(counts)
    t = edges[::-1]
    np.testing.assert_allclose(fpr, 1 - t, atol=1e-12)
    np.testing.assert_allclose(recall, 1 - t**2, atol=1e-12)
    np.testing.assert_allclose(precision, (1 - t**2) / (1 - t**2 + 1 - t))
    wanted = [0.01, 0.05, 0.3, 1.0]
    found = at_rates(counts, edges, wanted)
    np.testing.assert_allclose(found[:, 0], [1 - (1 - f) ** 2 for f in wanted])
    np.testing.assert_allclose(found[:, 1], [0.99, 0.95, 0.7, 0.0], atol=1e-12)
    # Half way between two thresholds.
    (half,) = at_rates(counts, edges, [0.055])
    np.testing.assert_allclose(half, [1 - (0.95**2 + 0.94**2) / 2, 0.945])


def test_average_precision_is_the_analytic_one():
    """Precision is (1 + t) / (2 + t) and recall 1 - t^2: the integral of 2 t (1 + t) / (2 + t)."""
    _, counts = triangle(4000)
    assert average_precision(counts) == pytest.approx(-1 + 4 * np.log(1.5), abs=1e-3)


def test_a_scan_is_not_extended_beyond_its_thresholds():
    thresholds = np.array([2.0, 3.0, 5.0])
    # Flagged: 30 / 60 / 80 of 100 positives at 10 / 20 / 100 of 1000 negatives.
    counts = np.array([(20, 20, 30, 30), (900, 80, 10, 10)])
    found = at_rates(counts, thresholds, [0.009, 0.01, 0.015, 0.06, 0.1, 0.101])
    np.testing.assert_allclose(found[:, 0], [np.nan, 0.3, 0.45, 0.7, 0.8, np.nan])
    np.testing.assert_allclose(found[:, 1], [np.nan, 5, 4, 2.5, 2, np.nan])
    expected = 0.3 * 30 / 40 + 0.3 * 60 / 80 + 0.2 * 80 / 180
    assert average_precision(counts) == pytest.approx(expected)


def test_of_thresholds_with_one_rate_the_lowest_decides():
    counts = np.array([(10, 20, 30, 40), (50, 50, 0, 0)])
    recall, threshold = at_rates(counts, np.array([1.0, 2.0, 3.0]), [0.0])[0]
    assert (recall, threshold) == (0.7, 2.0)


def test_without_positives_or_negatives_rates_are_undefined():
    edges = np.array([1.0, 2.0])
    no_positives, no_negatives = np.zeros((2, 2, 3))
    no_positives[1], no_negatives[0] = [6, 2, 2], [6, 2, 2]
    recall, threshold = at_rates(no_positives, edges, [0.2])[0]
    assert np.isnan(recall)
    assert threshold == 2.0
    assert np.isnan(average_precision(no_positives))
    assert np.isnan(at_rates(no_negatives, edges, [0.2])).all()
    assert np.isnan(average_precision(np.zeros((2, 3))))


def naive_recall(counts, rate):
    """Go through the thresholds one by one; linear between the two around the rate."""
    points = []
    for k in range(counts.shape[1] - 1, 0, -1):
        tp, fp = counts[:, k:].sum(axis=1)
        points.append((fp / counts[1].sum(), tp / counts[0].sum()))
    before = [p for p in points if p[0] <= rate]
    after = [p for p in points if p[0] > rate]
    if not before or (before[-1][0] < rate and not after):
        return np.nan
    (x0, y0), (x1, y1) = before[-1], (after or before[-1:])[0]
    return y0 if x0 == rate else y0 + (rate - x0) * (y1 - y0) / (x1 - x0)


def naive_average_precision(counts):
    total, before = 0.0, 0.0
    for k in range(counts.shape[1] - 1, 0, -1):
        tp, fp = counts[:, k:].sum(axis=1)
        recall = tp / counts[0].sum()
        total += (recall - before) * tp / (tp + fp) if tp else 0
        before = recall
    return total


@settings(max_examples=80, deadline=None, derandomize=True)
@given(counts=arrays(np.int64, (3, 2, 7), elements=st.integers(0, 4)))
def test_curves_of_many_groups_equal_brute_force(counts):
    counts[..., 0] += 1
    wanted = [0.0, 0.1, 0.25, 0.5, 1.0]
    found = at_rates(counts, np.arange(6.0), wanted)[..., 0]
    expected = [[naive_recall(one, rate) for rate in wanted] for one in counts]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    precision = [naive_average_precision(one) for one in counts]
    np.testing.assert_allclose(average_precision(counts), precision, rtol=1e-12, atol=1e-12)


def group(**methods):
    """Make a group's table: of 100 positives and 1000 negatives, those flagged at one threshold."""
    rows = []
    for method, (tp, fp) in methods.items():
        for threshold, counts in ((-np.inf, (100 - tp, 1000 - fp)), (0.5, (tp, fp))):
            rows.append((method, "truth", "full", "all", threshold, *counts))
    names = (*KEYS, "threshold", "positives", "negatives")
    return Table(rows=rows, names=names)


RECALLS = (50, 60, 70, 80, 90)


def test_difference_is_paired():
    """A method that finds ten more in every group is better without any doubt."""
    groups = [group(one=(r + 10, 10), other=(r, 10), third=(r, 0)) for r in RECALLS]
    recall = recall_table(groups, [0.01], RESAMPLING)
    assert recall["recall"][:2].tolist() == pytest.approx([0.8, 0.7])
    assert (recall["recall_hi"] - recall["recall_lo"])[:2].min() > 0.1
    table = paired_difference(groups, ("one", "other"), [0.01], RESAMPLING)
    assert table["quantity"].tolist() == ["recall", "average_precision"]
    first = table[0]
    for name in ("difference", "difference_lo", "difference_hi"):
        assert first[name] == pytest.approx(0.1)
    assert (first["method"], first["minus"], first["groups"]) == ("one", "other", 5)
    back = paired_difference(groups, ("other", "one"), [0.01], RESAMPLING)
    np.testing.assert_allclose(back["difference"], -np.asarray(table["difference"]))
    np.testing.assert_allclose(back["difference_lo"], -np.asarray(table["difference_hi"]))


def test_groups_in_which_a_method_failed_are_not_compared():
    groups = [group(one=(r + 10, 10), other=(r, 10)) for r in RECALLS]
    partly = group(one=(0, 10), other=(90, 10))
    partly["negatives"][0] -= 500
    failed = group(other=(90, 10))
    table = paired_difference([*groups, partly, failed], ("one", "other"), [0.01], RESAMPLING)
    assert table["groups"].tolist() == [5, 5]
    assert table["difference"][0] == pytest.approx(0.1)
    assert table["positives"].tolist() == [500, 500]


def test_rates_that_a_scan_does_not_reach_are_undefined_with_their_count():
    groups = [group(scan=(50, fp)) for fp in (10, 10, 20)]
    below, above = recall_table(groups, [0.005, 0.0125], RESAMPLING)
    assert np.isnan(below["recall"])
    assert np.isnan(below["recall_lo"])
    assert below["undefined_samples"] == 400
    # Pooled, 40 of 3000: a rate between those of the groups is reached by some samples only.
    assert np.isnan(above["recall"])
    assert above["positives"] == 300
    assert above["negatives"] == 3000


def test_curve_table_and_average_precision_table():
    groups = [group(scan=(50, fp)) for fp in (10, 20)] * 2
    (point,) = curve_table(groups)
    assert (point["tp"], point["fp"], point["positives"], point["negatives"]) == (
        200,
        60,
        400,
        4000,
    )
    assert (point["threshold"], point["recall"], point["fpr"]) == (0.5, 0.5, 0.015)
    assert point["precision"] == pytest.approx(100 / 130)
    (row,) = average_precision_table(groups, RESAMPLING)
    assert row["average_precision"] == pytest.approx(0.5 * 100 / 130)
    assert row["average_precision_lo"] == pytest.approx(0.5 * 50 / 70)
    assert row["average_precision_hi"] == pytest.approx(0.5 * 50 / 60)
    assert row["recall_reached"] == 0.5


def test_counts_are_read_group_by_group_and_another_order_is_refused(tmp_path):
    paths = []
    for method in ("net", "scan"):
        for group in (1, 2):
            table = pool_chips([])
            table.meta = {"method": method, "missing": [f"{method}{group}"]}
            table.meta["observed_with"] = ["ACS/WFC F606W"]
            paths.append(tmp_path / f"{method}{group}.parquet")
            table.write(paths[-1])
    groups, missing, observed = read_counts(paths, 2)
    assert len(groups) == 2
    assert missing == {"net": ["net1", "net2"], "scan": ["scan1", "scan2"]}
    assert observed == "ACS/WFC F606W"
    with pytest.raises(ValueError, match="one method after another"):
        read_counts([paths[0], paths[2], paths[1], paths[3]], 2)
