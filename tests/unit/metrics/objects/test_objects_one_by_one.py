"""True cosmic rays one by one: hand-made chips and brute force."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from astropy.table import Table, vstack
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crstudy.metrics.bootstrap import fraction_table
from crstudy.metrics.objects.cosmic_rays import (
    COMPLETENESS,
    MASK,
    MASK_MEANINGS,
    PURITY,
    bin_objects,
    count_flagged,
    count_hits,
    count_mask,
    dilate,
    find_objects,
    found,
)
from crstudy.metrics.objects.tables import method_scores

SHAPE = (10, 10)
RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}


def blank(dtype=bool):
    return np.zeros(SHAPE, dtype)


def chip(charge, counted=None, stars=((0.0, 0.0),), regions=None):
    """Find the objects of a chip in which every charged pixel is true, the noise is 10 e-."""
    counted = ~blank() if counted is None else counted
    brightness = np.arange(100.0).reshape(SHAPE)
    noise = np.full(SHAPE, 10.0)
    return find_objects(charge > 0, charge, noise, counted, brightness, stars, regions or {})


@pytest.fixture
def charge():
    """Draw a diagonal track of 3 px, a single pixel, and a block of 2 x 2 px."""
    charge = blank(np.int32)
    charge[1, 1], charge[2, 2], charge[3, 3] = 100, 200, 100
    charge[8, 1] = 50
    charge[5:7, 7:9] = [[10, 20], [30, 40]]
    return charge


def test_objects_are_described(charge):
    table = chip(charge, stars=[(2.0, 5.0), (1.0, 8.0)]).table
    assert table["n_px"].tolist() == [3, 4, 1]
    assert table["electrons"].tolist() == [400, 100, 50]
    assert table["peak_snr"].tolist() == [20, 4, 5]
    np.testing.assert_allclose(table["x"], [2, 7.6, 1])
    np.testing.assert_allclose(table["y"], [2, 5.7, 8])
    np.testing.assert_allclose(table["star_px"], [3, np.hypot(5.6, 0.7), 0])
    # Brightness is 10 y + x: its mean over charge is that of the centre.
    np.testing.assert_allclose(table["brightness_rms"], [22, 64.6, 81])
    assert table["region_rms"].tolist() == [0, 0, 0]


def test_region_is_the_highest_that_holds_half_of_the_charge(charge):
    wide, narrow = blank(), blank()
    wide[:7] = True
    narrow[2, 2], narrow[6, 8] = True, True
    table = chip(charge, regions={40.0: narrow, 3.0: wide}).table
    assert table["region_rms"].tolist() == [40, 3, 0]


def test_chip_without_stars_or_cosmic_rays(charge):
    assert np.isinf(chip(charge, stars=np.empty((0, 2))).table["star_px"]).all()
    objects = chip(blank(np.int32))
    assert len(objects.table) == 0
    hits = count_hits(objects, ~blank())
    table = bin_objects(objects, hits, {"n_px": [1, 5, np.inf]})
    assert table["objects"].tolist() == [0, 0, 0]
    assert table["flagged_e"].tolist() == [0, 0, 0]


def test_excluded_pixels_connect_but_count_nowhere(charge):
    counted = ~blank()
    counted[2, 2] = counted[8, 1] = False
    objects = chip(charge, counted)
    # The track stays one object, the single pixel is gone.
    assert objects.table["n_px"].tolist() == [2, 4]
    assert objects.table["electrons"].tolist() == [200, 100]
    assert objects.table["peak_snr"].tolist() == [10, 4]
    flagged = blank()
    flagged[2, 2] = flagged[8, 1] = True
    assert count_hits(objects, flagged).px.tolist() == [0, 0]


def test_found_by_a_pixel_by_half_by_charge(charge):
    objects = chip(charge)
    flagged = blank()
    # One of three px with half of the charge; two of four with 60 %; all.
    flagged[2, 2] = flagged[5, 8] = flagged[6, 8] = flagged[8, 1] = True
    hits = count_hits(objects, flagged)
    assert hits.px.tolist() == [1, 2, 1]
    assert hits.electrons.tolist() == [200, 60, 50]
    outcome = {name: hit.tolist() for name, hit in found(objects, hits).items()}
    assert outcome == {
        "any_px": [True, True, True],
        "half_px": [False, True, True],
        "most_charge": [False, False, True],
    }
    # 90 of 100 electrons are 90 %.
    flagged[6, 7] = True
    assert found(objects, count_hits(objects, flagged))["most_charge"].tolist() == [
        False,
        True,
        True,
    ]


def naive_labels(mask):
    """Flood-fill the 8-connected parts of a mask."""
    parts, left = [], {tuple(p) for p in np.argwhere(mask)}
    while left:
        part, todo = set(), [left.pop()]
        while todo:
            y, x = todo.pop()
            part.add((y, x))
            near = {(y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1)} & left
            left -= near
            todo += near
        parts.append(part)
    return parts


MASKS = arrays(bool, SHAPE, elements=st.sampled_from([False, False, True]))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(truth=MASKS, flagged=MASKS, excluded=MASKS, seed=st.integers(0, 99))
def test_objects_equal_brute_force(truth, flagged, excluded, seed):
    charge = truth * np.random.default_rng(seed).integers(1, 90, SHAPE)
    objects = chip(charge, ~excluded)
    hits = count_hits(objects, flagged)
    outcome = found(objects, hits)
    rows = zip(objects.table, hits.px, hits.electrons, *outcome.values(), strict=True)
    measured = [
        (row["n_px"], row["electrons"], row["peak_snr"], *numbers) for row, *numbers in rows
    ]
    expected = []
    for part in naive_labels(truth):
        counted = [p for p in part if not excluded[p]]
        if counted:
            hit = [p for p in counted if flagged[p]]
            e, e_hit = sum(charge[p] for p in counted), sum(charge[p] for p in hit)
            n, peak = len(counted), max(charge[p] for p in counted) / 10
            most = 10 * e_hit >= 9 * e
            expected.append((n, e, peak, len(hit), e_hit, bool(hit), 2 * len(hit) >= n, most))
    assert sorted(measured) == sorted(expected)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(truth=MASKS, flagged=MASKS, excluded=MASKS, rims=MASKS)
def test_flagged_objects_equal_brute_force(truth, flagged, excluded, rims):
    rims &= ~truth
    expected = dict.fromkeys(("real", "flagged", "tp", "fp", "rims", "positives", "negatives"), 0)
    for part in naive_labels(flagged):
        counted = [p for p in part if not excluded[p]]
        real = any(truth[p] for p in counted)
        expected["real"] += real
        # An object of which nothing but rims holds charge is ignored.
        expected["flagged"] += real or (bool(counted) and not any(rims[p] for p in counted))
    for p in np.ndindex(SHAPE):
        if not excluded[p]:
            kind = "tp" if truth[p] else "rims" if rims[p] else "fp"
            expected[kind] += flagged[p]
            expected["positives"] += truth[p]
            expected["negatives"] += not truth[p] and not rims[p]
    counts = count_flagged(flagged, truth, rims, ~excluded)
    assert {name: counts[name] for name in expected} == expected
    assert counts["flagged_px"] == expected["tp"] + expected["fp"]
    assert counts["flagged_with_rims_px"] == counts["flagged_px"] + expected["rims"]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(mask=MASKS, px=st.integers(0, 2))
def test_dilation_equals_brute_force(mask, px):
    expected = blank()
    for y, x in np.argwhere(mask):
        expected[max(y - px, 0) : y + px + 1, max(x - px, 0) : x + px + 1] = True
    np.testing.assert_array_equal(dilate(mask, px), expected)


def test_a_pixel_dilates_to_a_box():
    mask = blank()
    mask[5, 5] = mask[0, 9] = True
    assert [int(dilate(mask, px).sum()) for px in (0, 1, 2)] == [2, 9 + 4, 25 + 9]


def test_objects_are_counted_in_bins(charge):
    objects = chip(charge, stars=np.empty((0, 2)))
    flagged = blank()
    flagged[2, 2] = flagged[8, 1] = True
    edges = {"n_px": [1, 2, 4], "star_px": [0, 5, np.inf], "peak_snr": [4, 5, 10]}
    table = bin_objects(objects, count_hits(objects, flagged), edges)
    rows = {(row["property"], row["low"], row["high"]): row for row in table}
    assert len(rows) == len(table) == 7
    sums = ["objects", "any_px", "half_px", "most_charge", "electrons", "flagged_e"]
    numbers = {key: [row[name] for name in sums] for key, row in rows.items()}
    assert numbers == {
        ("all", -np.inf, np.inf): [3, 2, 1, 1, 550, 250],
        ("n_px", 1, 2): [1, 1, 1, 1, 50, 50],
        # The last bin holds its upper edge: 3 and 4 px.
        ("n_px", 2, 4): [2, 1, 0, 0, 500, 200],
        ("star_px", 0, 5): [0, 0, 0, 0, 0, 0],
        # No star is infinitely far.
        ("star_px", 5, np.inf): [3, 2, 1, 1, 550, 250],
        # A track of 20 sigma lies outside these bins.
        ("peak_snr", 4, 5): [1, 0, 0, 0, 100, 0],
        ("peak_snr", 5, 10): [1, 1, 1, 1, 50, 50],
    }


def test_completeness_is_pooled_over_groups(charge):
    objects = chip(charge)
    first, second = blank(), blank()
    first[2, 2] = True
    second[charge > 0] = True
    groups = []
    for flagged in (first, second):
        table = bin_objects(objects, count_hits(objects, flagged), {"n_px": [1, 2, 9, 99]})
        table["method"], table["threshold"] = "net", 0.5
        # Two chips of a kind.
        groups.append(vstack([table, table]))
    keys = ("method", "threshold", "property", "low", "high")
    table = fraction_table(groups * 2, keys, COMPLETENESS, RESAMPLING)
    everything, single, several, none = table
    assert everything["objects"] == 24
    assert everything["any_px_fraction"] == pytest.approx(8 / 12)
    assert everything["half_px_fraction"] == 0.5
    assert everything["charge_fraction"] == pytest.approx((400 + 1100) / 2200)
    assert (everything["any_px_fraction_lo"], everything["any_px_fraction_hi"]) == (1 / 3, 1)
    assert single["most_charge_fraction"] == 0.5
    assert several["any_px_fraction"] == 0.75
    assert none["objects"] == 0
    assert np.isnan(none["any_px_fraction"])


def test_flagged_pixels_are_counted_beside_objects():
    truth, flagged, rims, counted = blank(), blank(), blank(), ~blank()
    truth[2, 2:5] = flagged[2, 3:6] = flagged[7, 7] = flagged[9, 9] = True
    rims[5, 2:4] = flagged[5, 2] = True
    counted[9] = False
    assert count_flagged(flagged, truth, rims, counted) == {
        "real": 1,
        "flagged": 2,
        "tp": 2,
        "fp": 2,
        "rims": 1,
        "flagged_px": 4,
        "flagged_with_rims_px": 5,
        "positives": 3,
        "negatives": 85,
    }


def test_purity_is_pooled_over_groups():
    pixels = {"tp": 2, "fp": 1, "flagged_px": 3, "positives": 4, "negatives": 100}
    pixels |= {"rims": 1, "flagged_with_rims_px": 4}
    groups = [
        Table({"method": ["net", "net"], "real": [8, 1], "flagged": [10, 10]}),
        Table({"method": ["net"], "real": [9], "flagged": [10]}),
    ]
    for table in groups:
        for name, n in pixels.items():
            table[name] = n
    (row,) = fraction_table(groups * 2, ["method"], PURITY, RESAMPLING)
    assert row["purity"] == pytest.approx(0.6)
    assert (row["purity_lo"], row["purity_hi"]) == (0.45, 0.9)
    assert (row["recall"], row["false_positive_rate"]) == (0.5, 0.01)
    assert row["precision"] == pytest.approx(2 / 3)
    assert (row["precision_with_rims"], row["rim_fraction"]) == (0.5, 0.25)


def test_scores_of_masks_equal_a_loop_over_the_pixels():
    """Four groups of two field classes; in one of them nothing is flagged."""
    rng = np.random.default_rng(9)
    groups, expected = [], {}
    for number, field_class in enumerate(("globular", "empty") * 2):
        charged, faint, flagged, star = rng.uniform(size=(4, *SHAPE)) < 0.4
        flagged &= number != 3
        truth, rims = charged & ~faint, charged & faint
        areas = {"full": ~blank(), "3": star}
        rows = [{"region": k} | count_mask(flagged, truth, rims, a) for k, a in areas.items()]
        groups.append(Table(rows))
        for name, value in {"method": "net", "threshold_kind": "default"}.items():
            groups[-1][name] = value
        groups[-1]["field_class"] = field_class
        for (name, area), kind in product(areas.items(), ("all", field_class)):
            found = expected.setdefault((kind, name), Counter())
            for p in np.ndindex(SHAPE):
                if area[p]:
                    holds = "true" if truth[p] else "rim" if rims[p] else "free"
                    found.update([holds, *[f"flagged {holds}"] * int(flagged[p])])
    table = method_scores(groups, RESAMPLING)
    assert MASK.keys() == MASK_MEANINGS.keys()
    assert len(table) == len(expected) == 6
    for row in table:
        n = expected[row["field_class"], row["region"]]
        true, rim, free = (n[f"flagged {kind}"] for kind in ("true", "rim", "free"))
        wanted = {
            "recall": true / n["true"],
            "precision": true / (true + free),
            "precision_with_rims": true / (true + rim + free),
            "rim_fraction": rim / (true + rim + free),
            "free_fraction": free / (true + rim + free),
            "width": (true + rim + free) / n["true"],
            "false_positive_rate": free / n["free"],
        }
        assert {name: row[name] for name in MASK} == pytest.approx(wanted)
        # Two groups of a class are too few for an interval.
        assert np.isfinite(row["width_lo"]) == (row["field_class"] == "all")
