"""Mixtures of strata, on made-up groups whose answer is known."""

from math import comb

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table

from crstudy.figures import strata
from crstudy.metrics.mixtures import STRATA, mixed_scores, mixture_table, weights_on_simplex
from crstudy.metrics.names import PIXEL_KEYS
from crstudy.metrics.table1 import make_table1
from figure_tables import drawn
from project import ROOT

RESAMPLING = {"samples": 300, "confidence": 0.95, "seed": 1}
#: Pixels, labelled, found, and false alarms of each stratum, in a group.
STAR, EXTENDED = (20000, 400, 120, 60), (10000, 200, 180, 10)
REPORT = ROOT / "workflow/report"


def row(region, stratum, pixels, labelled, tp, fp, comparison="reference"):
    counts = tp, fp, labelled - tp, pixels - labelled - fp
    return ("net", comparison, region, stratum, *counts)


def group(rng, *, star=STAR, saturated=(0, 0, 0, 0), extended=EXTENDED):
    """Return a group's counts, with some scatter of hits and false alarms."""
    rows = []
    for name, (pixels, labelled, tp, fp) in zip(
        STRATA, ((0, 0, 0, 0), star, saturated, extended), strict=True
    ):
        hits = rng.binomial(labelled, tp / labelled) if labelled else 0
        rows.append(row("3", name, pixels, labelled, hits, rng.poisson(fp)))
    total = np.sum([r[4:] for r in rows], axis=0).tolist()
    rows = [("net", "reference", "3", "all", *total), *rows]
    # What must not be read: the full frame, another model and comparison.
    rows += [(*r[:2], "full", *r[3:]) for r in rows]
    rows += [("other", *r[1:]) for r in rows] + [row("3", "star", 9, 5, 5, 0, "truth")]
    names = (*PIXEL_KEYS, "tp", "fp", "fn", "tn")
    return Table(rows=rows, names=names, meta={"observed_with": ["simulated ACS/WFC F606W"]})


def published(recall, precision):
    return Table({"region": ["full", "3"], "recall": [0.9, recall], "precision": [0.9, precision]})


def by_stratum(table):
    return {str(one["stratum"]): one for one in table}


def test_weights_cover_the_simplex():
    weights = weights_on_simplex(3, 20)
    assert len(weights) == comb(22, 2) == len(np.unique(weights, axis=0))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights.min() == 0
    assert weights.max() == 1
    assert weights_on_simplex(1, 20).tolist() == [[1.0]]


def test_scores_of_a_mixture_are_those_of_its_counts_per_pixel():
    counts = np.array([(120, 60, 280, 19540), (180, 10, 20, 9790)], dtype=float)
    (star, half, extended) = mixed_scores(counts, np.array([(1, 0), (0.5, 0.5), (0, 1)]))
    assert star == pytest.approx((0.3, 120 / 180))
    assert extended == pytest.approx((0.9, 180 / 190))
    # Of 20,000 px each, half of both: 120 + 360 of 400 + 400 labelled px are found.
    assert half == pytest.approx((480 / 800, 480 / (180 + 380)))
    # Weighted as in the region, they are the pooled scores.
    (pooled,) = mixed_scores(counts, np.array([(2 / 3, 1 / 3)]))
    assert pooled == pytest.approx((300 / 600, 300 / 370))
    counts[1] = 0
    found = mixed_scores(counts, np.array([(1, 0), (0.5, 0.5)]))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_the_mixture_of_the_paper_is_found():
    rng = np.random.default_rng(2)
    groups = [group(rng) for _ in range(8)]
    # A quarter of star cores: 60 + 270 of 100 + 300 px, per 10,000 px of a stratum and weight.
    recall = (0.25 * 60 + 0.75 * 180) / 200
    precision = (0.25 * 60 + 0.75 * 180) / (0.25 * 90 + 0.75 * 190)
    table = mixture_table(groups, published(recall, precision), "net", RESAMPLING)
    assert list(table["stratum"]) == list(STRATA)
    assert set(table["region"]) == {"3"}
    found = by_stratum(table)
    star, extended = found["star"], found["extended"]
    assert star["actual_weight"] == pytest.approx(2 / 3)
    assert star["pixels"] == 8 * 20000
    assert star["lowest_weight"] <= 0.25 <= star["highest_weight"] < 0.5
    assert extended["lowest_weight"] == pytest.approx(1 - star["highest_weight"])
    assert star["nearest_weight"] == pytest.approx(0.25, abs=0.05)
    assert star["nearest_recall"] == pytest.approx(recall, abs=0.03)
    assert 0 < star["not_excluded"] < star["tested"] == 21
    # Without a pixel, no weight.
    for name in ("sky", "saturated_star"):
        assert np.isnan([found[name]["lowest_weight"], found[name]["nearest_weight"]]).all()
        assert found[name]["actual_weight"] == 0


def test_what_no_stratum_reaches_is_excluded():
    rng = np.random.default_rng(3)
    groups = [group(rng) for _ in range(6)]
    # Recall of extended light with the precision of star cores.
    table = mixture_table(groups, published(0.9, 120 / 180), "net", RESAMPLING)
    assert set(table["not_excluded"]) == {0}
    assert set(table["tested"]) == {21}
    assert np.isnan(table["lowest_weight"]).all()
    assert np.nansum(table["nearest_weight"]) == pytest.approx(1)


def test_a_stratum_of_two_groups_is_in_no_mixture():
    rng = np.random.default_rng(4)
    lone = (5000, 100, 50, 5)
    groups = [group(rng, saturated=lone if i < 2 else (0, 0, 0, 0)) for i in range(5)]
    found = by_stratum(mixture_table(groups, published(0.5, 0.8), "net", RESAMPLING))
    assert found["saturated_star"]["actual_weight"] > 0
    assert np.isnan(found["saturated_star"]["nearest_weight"])
    assert found["star"]["tested"] == 21
    of_two = mixture_table(groups[:2], published(0.5, 0.8), "net", RESAMPLING)
    assert set(of_two["tested"]) == {0}
    assert np.isnan(of_two["nearest_recall"]).all()


@pytest.mark.parametrize("n", [2, 6])
def test_figure_shows_strata_and_mixtures(n):
    rng = np.random.default_rng(5)
    groups = [group(rng) for _ in range(n)]
    table1 = make_table1([t[t["model"] == "net"] for t in groups], RESAMPLING, "made-up")
    mixtures = mixture_table(groups, published(0.6, 0.857), "net", RESAMPLING)
    paper = {"table1": {"rows": [{"region": 3, "recall_percent": 60, "precision_percent": 85.7}]}}
    with plt.style.context([REPORT / "crstudy.mplstyle", REPORT / "styles/strata.mplstyle"]):
        figure = strata.draw(table1, mixtures, paper)
        figure.draw_without_rendering()
    recall, _, labels, weights = figure.axes
    lines = drawn(recall, figure.legends[0])
    star = table1[(table1["stratum"] == "star") & (table1["comparison"] == "reference")]
    assert lines["star cores"] == pytest.approx(100 * star["recall"])
    assert lines["paper (Lin et al. 2023)"] == pytest.approx([60])
    assert "saturated stars and their wings" not in lines
    assert not labels.lines
    assert [text.get_text() for text in weights.texts] == ([] if n == 6 else ["not tested"])
    plt.close(figure)
