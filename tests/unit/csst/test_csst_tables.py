"""Tables of the CSST study, from made-up counts and fluxes."""

import numpy as np
import pytest
from astropy.table import vstack

from crstudy.config.groups import csst_groups
from crstudy.core.errors import MethodFault
from crstudy.csst.limits import BELOW, BEYOND, WITHIN, first_above, limit_table
from crstudy.csst.photometry import photometry_table
from crstudy.csst.scores import ALL, count_variants, score_table
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED, choose_variants
from crstudy.data.chips import ComparisonData
from crstudy.metrics.curves.score_histograms import count_chip
from crstudy.metrics.names import FULL
from csst_tables import (
    FLUXES,
    NET,
    RESAMPLING,
    TIMES,
    USUAL,
    counts,
    photometry,
    scan,
)


def test_names_of_fields_and_exposures():
    assert csst_groups(2, [50, 1200]) == {
        "csst001": ("csst001-0050", "csst001-1200"),
        "csst002": ("csst002-0050", "csst002-1200"),
    }


def test_pixels_are_counted_by_score_and_area():
    score = np.array([[0.1, 0.6, 0.9, 0.9]])
    label = np.array([[False, True, True, False]])
    data = ComparisonData(label, None, np.array([[True, True, True, False]]), score)
    regions = {"reference": {3: np.array([[False, True, False, False]])}}
    table = vstack(list(count_chip("zb20-f606w", score, data, regions, [0.5, 0.8])))
    full = table[table["region"] == FULL]
    assert full["threshold"].tolist() == [-np.inf, 0.5, 0.8]
    assert full["positives"].tolist() == [0, 1, 1]
    assert full["negatives"].tolist() == [1, 0, 0]
    assert table["positives"][table["region"] == "3"].tolist() == [0, 1, 0]
    with pytest.raises(MethodFault, match="zb20-f606w"):
        list(count_chip("zb20-f606w", score[:, :2], data, regions, [0.5]))


@pytest.fixture
def field():
    return vstack([counts("zb20-f606w", NET), scan()])


def test_best_threshold_is_chosen(field):
    remedies = choose_variants([field, field], USUAL)
    rows = {(r["method"], r["remedy"]): r["threshold"] for r in remedies}
    assert rows == {
        ("zb20-f606w", UNCHANGED): 0.5,
        # F1 at 0.8: 2 95 / (95 + 100); at 0.5: 2 100 / (200 + 100).
        ("zb20-f606w", THRESHOLD): 0.8,
        ("lacosmic", UNCHANGED): 4.5,
        ("lacosmic", THRESHOLD): 6.0,
    }
    assert remedies["validation_f1"][1] == pytest.approx(190 / 195)
    assert set(remedies["exptime_s"]) == {150.0}


def test_method_that_failed_on_validation_stays_unchanged(field):
    remedies = choose_variants([field[field["method"] == "lacosmic"]], USUAL)
    assert remedies["remedy"][remedies["method"] == "zb20-f606w"].tolist() == [UNCHANGED]


def test_each_exposure_time_has_its_own_threshold():
    fields = [
        vstack([scan(), counts("lacosmic", [(-np.inf, 0, 9), (3.0, 9, 0), (6.0, 1, 0)], time=50)])
    ]
    remedies = choose_variants(fields, {"lacosmic": 4.5})
    chosen = remedies[remedies["remedy"] == THRESHOLD]
    assert dict(zip(chosen["exptime_s"], chosen["threshold"], strict=True)) == {50: 3.0, 150: 6.0}


def test_recall_and_precision_are_those_of_other_fields(field):
    remedies = choose_variants([field], USUAL)
    other = vstack(
        [counts("zb20-f606w", NET, kind="globular_cluster"), scan(kind="globular_cluster")]
    )
    table = score_table(
        [count_variants(one, remedies) for one in (field, other, other)], remedies, RESAMPLING
    )
    rows = {(r["method"], r["remedy"], r["field_class"]): r for r in table}
    both = rows["zb20-f606w", UNCHANGED, ALL]
    assert (both["recall"], both["precision"]) == (1.0, 0.5)
    assert both["precision_with_rims"] == pytest.approx(1 / 3)
    assert (both["tp"], both["positives"], both["flagged"]) == (300, 300, 600)
    assert both["fields"] == 3
    assert both["recall_lo"] == both["recall_hi"] == 1.0
    # A scan is rounded up to its next step: 4.5 flags what 6 flags.
    usual = rows["lacosmic", UNCHANGED, "extragalactic"]
    assert (usual["tp"], usual["flagged"]) == (80, 90)
    assert np.isnan(usual["recall_lo"])
    assert rows["zb20-f606w", THRESHOLD, ALL]["threshold"] == 0.8
    assert list(dict.fromkeys(table["method"])) == list(USUAL)
    assert table["remedy"][0] == UNCHANGED


def test_anomalous_stars():
    table = photometry_table(photometry(FLUXES, hit=6), 3.0, RESAMPLING)
    rows = {(r["method"], r["remedy"], r["exptime_s"], r["field_class"]): r for r in table}
    row = rows["zb20-f606w", UNCHANGED, 150.0, ALL]
    assert row["anomalous_fraction"] == 0.04
    assert row["anomalous_hit_fraction"] == pytest.approx(4 / 6)
    assert row["anomalous_free_fraction"] == 0.0
    assert (row["stars"], row["hit"], row["free"], row["fields"]) == (300, 18, 282, 3)
    assert rows["zb20-f606w", UNCHANGED, 150.0, "extragalactic"]["stars"] == 300
    assert table["method"][0] == ORIGINAL
    nobody = photometry_table(photometry(FLUXES, hit=0), 3.0, RESAMPLING)
    assert np.isnan(nobody["anomalous_hit_fraction"]).all()


@pytest.mark.parametrize(
    ("parts", "time"), [((0, 2), 100.0), ((2, 2), 0.0), ((0, 1), np.inf), ((1, 3), 50.0)]
)
def test_first_time_above_a_level(parts, time):
    sums = np.array([[part, 100.0] for part in parts])
    assert first_above(sums, np.array(TIMES), 0.01) == time


def test_undefined_fractions_give_no_time():
    sums = np.array([[0.0, 0.0], [5.0, 100.0]])
    assert np.isnan(first_above(sums, np.array(TIMES), 0.01))


def test_times_beyond_the_range_are_undefined_and_say_so():
    table = limit_table(photometry(FLUXES), 3.0, RESAMPLING)
    rows = {(r["method"], r["remedy"], r["level"]): r for r in table if r["field_class"] == ALL}
    assert rows[ORIGINAL, UNCHANGED, 0.01]["reached"] == BELOW
    assert np.isnan(rows[ORIGINAL, UNCHANGED, 0.01]["exptime_s"])
    # From 3 % at 50 s to 9 % at 150 s.
    assert rows[ORIGINAL, UNCHANGED, 0.05]["exptime_s"] == pytest.approx(50 + 100 / 3)
    assert rows[ORIGINAL, UNCHANGED, 0.05]["exptime_s_hi"] == pytest.approx(50 + 100 / 3)
    assert rows["zb20-f606w", UNCHANGED, 0.01]["exptime_s"] == pytest.approx(75)
    assert rows["zb20-f606w", UNCHANGED, 0.05]["reached"] == BEYOND
    assert rows["zb20-f606w", THRESHOLD, 0.01]["samples_within"] == 0


def test_interval_is_open_where_samples_leave_the_range():
    """Four fields: in two the level is never reached, in the others it is at 75 s."""
    key = ("zb20-f606w", UNCHANGED)
    fields = photometry({key: (0, 4)}, 2) + photometry({key: (0, 0)}, 2)
    (row,) = [
        r
        for r in limit_table(fields, 3.0, RESAMPLING)
        if r["level"] == 0.01 and r["field_class"] == ALL
    ]
    assert (row["reached"], row["exptime_s"]) == (WITHIN, pytest.approx(100))
    assert row["exptime_s_lo"] == pytest.approx(75)
    assert np.isnan(row["exptime_s_hi"])
    assert 0.5 < row["samples_within"] < 0.95
    two = limit_table(fields[:2], 3.0, RESAMPLING)
    assert np.isnan(two["exptime_s_lo"]).all()
