"""Thresholds of methods, from histograms of made-up scores."""

import numpy as np
import pytest

from crstudy.metrics.curves.roc import histogram
from crstudy.metrics.curves.thresholds import (
    DEFAULT,
    MATCHED,
    MATCHED_STARS,
    describe_thresholds,
    flag,
    threshold_table,
)

OWNS = {"zb20-f606w": 0.5, "lacosmic": 4.5}
RNG = np.random.default_rng(3)
#: One pixel in ten holds a cosmic ray.
ACTUAL = np.arange(10_000).reshape(100, 100) % 10 == 0


def counts(method, score, edges, comparison="truth", region="full"):
    table = histogram(score, ACTUAL, np.ones(ACTUAL.shape, bool), edges)
    table["method"], table["comparison"], table["region"] = method, comparison, region
    return table


def chosen(tables, rate=0.01):
    table = threshold_table(tables, rate, OWNS, "3")
    names = zip(table["method"], table["threshold_kind"], strict=True)
    return dict(zip(names, table["threshold"], strict=True))


def test_probability_is_interpolated_over_all_groups():
    edges = np.linspace(0, 1, 21)
    score = np.where(ACTUAL, 0.9, RNG.uniform(0, 0.8, ACTUAL.shape)).astype(np.float32)
    found = chosen([counts("zb20-f606w", score, edges)] * 2)
    assert found["zb20-f606w", DEFAULT] == 0.5
    threshold = found["zb20-f606w", MATCHED]
    assert flag(score, threshold)[~ACTUAL].mean() == pytest.approx(0.01, abs=0.002)
    assert threshold not in edges


def test_scan_keeps_to_its_steps():
    steps = (1.0, 2.0, 4.0, 8.0)
    score = RNG.choice(
        np.array([0, *steps], np.float32), ACTUAL.shape, p=[0.9, 0.06, 0.03, 0.01, 0]
    )
    found = chosen([counts("lacosmic", score, steps)], rate=0.012)
    # Of the steps at 4 % and at 1 % the latter is nearer.
    assert found == {("lacosmic", MATCHED): 4.0, ("lacosmic", DEFAULT): 4.0}
    assert flag(score, 4.0).sum() == (score == 4).sum()


def test_rate_that_a_scan_does_not_reach():
    score = np.full(ACTUAL.shape, 8.0, np.float32)
    found = chosen([counts("lacosmic", score, (4.0, 8.0))])
    assert np.isnan(found["lacosmic", MATCHED])
    assert found["lacosmic", DEFAULT] == 4


def test_truth_in_the_full_frame_decides():
    edges = np.linspace(0, 1, 21)
    low, high = (np.where(ACTUAL, 0.99, np.full(ACTUAL.shape, p)) for p in (0.1, 0.7))
    tables = [
        counts("zb20-f606w", low, edges),
        counts("zb20-f606w", high, edges, comparison="reference"),
        counts("zb20-f606w", high, edges, region="3"),
    ]
    assert chosen(tables)["zb20-f606w", MATCHED] < 0.2
    assert chosen(tables)["zb20-f606w", MATCHED_STARS] > 0.6
    assert chosen(tables[1:2])["zb20-f606w", MATCHED] > 0.6


def test_no_counts_no_thresholds():
    nothing = counts("zb20-f606w", np.zeros(ACTUAL.shape), [0.5])[:0]
    table = threshold_table([nothing], 0.01, OWNS, "3")
    assert len(table) == 0
    assert table.colnames == ["method", "threshold_kind", "threshold"]


def test_flags_compare_in_the_precision_of_the_map():
    score = np.array([0.7, np.nextafter(np.float32(0.7), np.float32(0)), np.nan], np.float32)
    assert flag(score, 0.7).tolist() == [True, False, False]
    assert flag(score, np.float64(0.7)).tolist() == [True, False, False]


def test_words():
    words = describe_thresholds(0.0005, 2, "3")
    assert "0.05 % false positives in the full frame of the held-out groups (2)" in words
    assert "matched_on_stars: the same on their stars above 3 RMS" in words
    assert "the compared groups themselves" in describe_thresholds(0.0005, 0, "3")
