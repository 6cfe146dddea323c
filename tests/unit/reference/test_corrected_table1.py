"""The corrected Table 1 and the fitted scale, on made-up groups whose answer is known."""

from functools import partial

import numpy as np
import pytest
from astropy.table import Table

from advice import follow, nothing
from crstudy.metrics.scores import score
from crstudy.reference.audit import CELLS, GROUP, KEYS
from crstudy.reference.audit_table import outcomes
from crstudy.reference.corrected_table1 import (
    ESTIMATORS,
    by_odds,
    by_reclassification,
    correct_table1,
    fit_scale,
)

RESAMPLING = {"samples": 300, "confidence": 0.95, "seed": 0}
SNR = (5.0, 1.5)
#: Pixels of a region: true cosmic rays that go unlabelled, and labels that are no cosmic rays.
CORE = {"none": 9000, "d": 60, "l": 40, "ld": 20, "t": 500, "td": 90, "tl": 70, "tld": 300}
#: Rims, which count in no comparison with the truth.
CORE |= {"r": 800, "rd": 45, "rl": 25, "rld": 10}
FLAGGED = [name for name in CELLS if name not in ("none", "r")]


def cells(counts):
    return np.array([counts[name] for name in CELLS], dtype=float)


def scores(counts, comparison):
    values = score(*outcomes(cells(counts), comparison))
    return float(values["recall"]), float(values["precision"])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_simulations_own_row_becomes_its_truth(name):
    found = ESTIMATORS[name](cells(CORE), *scores(CORE, "reference"))
    assert found == pytest.approx(scores(CORE, "truth"), abs=0.003)
    # 390 of 960 true cosmic rays are found, 80 of 470 detections that are no rims are none.
    assert found == pytest.approx([390 / 960, 390 / 470], abs=0.003)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_perfect_labels_leave_the_paper_as_it_is(name):
    perfect = CORE | dict.fromkeys(("l", "ld", "t", "td", "rd", "rl", "rld"), 0)
    assert ESTIMATORS[name](cells(perfect), 0.7, 0.6) == pytest.approx([0.7, 0.6], rel=1e-9)


def test_reclassification_holds_for_any_mixture_of_kinds():
    # The paper's data: hits, false alarms and misses of the same kinds in other proportions.
    more = dict.fromkeys(("tld", "ld", "rld"), 3) | dict.fromkeys(("tl", "l", "rl"), 5)
    paper = {name: n * more.get(name, 0.5) for name, n in CORE.items()}
    found = by_reclassification(cells(CORE), *scores(paper, "reference"))
    assert found == pytest.approx(scores(paper, "truth"), rel=1e-9)


def test_odds_ratios_hold_at_any_level():
    counts = 1000 * cells(CORE)
    found = by_odds(counts, 0.5, 0.5)
    for value, i in zip(found, (0, 1), strict=True):
        one, other = (scores(CORE, c)[i] for c in ("truth", "reference"))
        assert value / (1 - value) == pytest.approx(one / (1 - one) / (other / (1 - other)), 1e-4)


def test_kinds_without_pixels_are_undefined():
    lacking = cells(CORE | {"d": 0, "td": 0, "rd": 0})
    assert np.isnan(by_reclassification(lacking, 0.7, 0.6)).all()
    assert np.isfinite(by_odds(lacking, 0.7, 0.6)).all()
    # Nothing labelled: no recall against labels.
    lacking = cells(CORE | {name: 0 for name in CELLS if "l" in name})
    assert np.isnan(by_odds(lacking, 0.7, 0.6)).tolist() == [True, False]


def group(regions, cleaned_by="reference"):
    """Return a group's table of cells: counts by scale and region."""
    rows = [
        (
            GROUP,
            "5.0 1.5",
            scale,
            cleaned_by,
            region,
            "all",
            "net",
            *(round(n.get(c, 0)) for c in CELLS),
        )
        for (scale, region), n in regions.items()
    ]
    return Table(rows=rows, names=(*KEYS, *CELLS))


def groups_with(recalls, rng, n=12):
    """Return groups whose recall and precision against labels scatter about given values."""
    groups = []
    for _ in range(n):
        regions = {}
        for key, recall in recalls.items():
            tp = rng.binomial(2000, np.clip(recall + rng.normal(0, 0.02), 0, 1))
            here = {"ld": 0, "tld": tp, "l": 0, "tl": 2000 - tp, "d": 2000 - tp, "td": 0, "t": 300}
            regions[key] = {"none": 10000} | here
        groups.append(group(regions))
    return groups


PUBLISHED = Table(
    {"region": ["full", "3", "160"], "recall": [0.9, 0.8, 0.5], "precision": [0.9, 0.8, 0.5]}
)
#: The second scale falls as the paper does, from a lower level.
FALLS = {
    ("1.2 0.7", "full"): 0.90,
    ("1.2 0.7", "3"): 0.89,
    ("1.2 0.7", "160"): 0.88,
    ("0.5 0.4", "full"): 0.80,
    ("0.5 0.4", "3"): 0.70,
    ("0.5 0.4", "160"): 0.40,
    ("0.3 0.2", "full"): 0.90,
    ("0.3 0.2", "3"): 0.60,
    ("0.3 0.2", "160"): 0.10,
}


def test_the_scale_that_falls_as_the_paper_wins():
    groups = groups_with(FALLS, np.random.default_rng(5))
    fit = fit_scale(groups, PUBLISHED, "net", SNR, RESAMPLING)
    assert list(fit["driz_cr_scale"]) == ["1.2 0.7", "0.5 0.4", "0.3 0.2"]
    assert list(fit["won"]) == [0, 1, 0]
    assert set(fit["terms"]) == {4}
    assert fit["distance"][1] < 10 < fit["distance"][0]
    # Falls short by 0.09 and 0.38, in recall and precision alike.
    assert fit["rms"][0] == pytest.approx(np.sqrt((0.09**2 + 0.38**2) / 2), abs=0.02)
    assert fit["rms"][1] < 0.02
    assert (fit["distance_lo"] <= fit["distance"]).all()
    assert (fit["distance"] <= fit["distance_hi"]).all()


def test_scales_that_fall_alike_share_the_samples():
    alike = {k: v for k, v in FALLS.items() if k[0] == "0.5 0.4"}
    alike |= {("0.6 0.4", region): recall for (_, region), recall in alike.items()}
    fit = fit_scale(groups_with(alike, np.random.default_rng(8)), PUBLISHED, "net", SNR, RESAMPLING)
    assert fit["won"].sum() == pytest.approx(1)
    assert 0.02 < fit["won"].min() < fit["won"].max() < 0.98


def test_regions_without_labels_are_left_out_for_all_scales():
    groups = groups_with(FALLS, np.random.default_rng(6))
    for table in groups:
        here = (table["region"] == "160") & (table["driz_cr_scale"] == "1.2 0.7")
        for name in ("l", "tl", "ld", "tld"):
            table[name][here] = 0
    # Precision is still defined there: all detections are wrong.
    fit = fit_scale(groups, PUBLISHED, "net", SNR, RESAMPLING)
    assert set(fit["terms"]) == {3}
    one = fit_scale(groups[:1], PUBLISHED, "net", SNR, RESAMPLING)
    assert np.isfinite(one["distance"]).all()
    assert np.isnan([one["won"], one["distance_lo"]]).all()


def test_corrected_table_has_intervals_and_its_pixels():
    rng = np.random.default_rng(7)
    groups = []
    for _ in range(8):
        core = {name: n * rng.uniform(0.7, 1.3) for name, n in CORE.items()}
        groups.append(group({("1.2 0.7", region): core for region in ("full", "3")}))
    pooled = {name: sum(int(t[name][1]) for t in groups) for name in CELLS}
    recall, precision = scores(pooled, "reference")
    # The full frame is that of another sky.
    paper = Table(
        {"region": ["full", "3"], "recall": [0.99, recall], "precision": [0.99, precision]}
    )
    table = correct_table1(groups, paper, "net", RESAMPLING)
    assert list(table["estimator"]) == ["reclassification"] * 2 + ["odds"] * 2
    assert list(table["region"]) == ["full", "3"] * 2
    assert list(table["reproduced"]) == [False, True] * 2
    for row in table:
        assert row["groups"] == 8
        assert row["flagged_px"] == sum(int(t[c][0]) for t in groups for c in FLAGGED)
        if row["reproduced"]:
            assert 0 < row["recall_lo"] < row["recall"] < row["recall_hi"] < row["published_recall"]
            assert 0 < row["precision_lo"] < row["precision"] < row["precision_hi"] < 1
        else:
            assert np.isnan([row["recall"], row["recall_lo"], row["precision"]]).all()
    # Without an interval nothing is known to be reproduced.
    assert np.isnan(correct_table1(groups[:1], paper, "net", RESAMPLING)["recall"]).all()


def test_star_regions_of_the_truth_are_not_the_papers():
    wrong = group({("1.2 0.7", "full"): CORE}, cleaned_by="truth")
    right = group({("1.2 0.7", "full"): {name: 2 * n for name, n in CORE.items()}})
    right = Table({n: [*right[n], *wrong[n]] for n in right.colnames})
    table = correct_table1([right, right], PUBLISHED, "net", RESAMPLING)
    assert set(table["flagged_px"]) == {4 * sum(CORE[name] for name in FLAGGED)}


def test_unknown_model_and_snr_name_the_known_ones():
    groups = [group({("1.2 0.7", "full"): CORE})]
    what = "reference/corrected_table1: use one of: "
    table = partial(correct_table1, groups, PUBLISHED, resampling=RESAMPLING)
    other, net = partial(table, model="other"), partial(table, model="net")
    follow(what, other, nothing, net, match=r"no counts of other.*use one of: net")
    groups = [group({("1.2 0.7", region): CORE for region in ("full", "3")})]
    fit = partial(fit_scale, groups, PUBLISHED, "net", resampling=RESAMPLING)
    problem = r"no setting has driz_cr_snr 3.5 3.0.*one of: 5.0 1.5"
    follow(what, partial(fit, snr=(3.5, 3.0)), nothing, partial(fit, snr=(5.0, 1.5)), match=problem)
