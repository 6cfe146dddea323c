"""Every verdict on a measured number beside a published one."""

import numpy as np
import pytest
from astropy.table import vstack

from crstudy.photometry.density_fit import fit_density
from crstudy.photometry.stability import find_trends
from paper_tables import agreeing_tables, as_real, compare, row_of, table1_verdict, verdict
from report_tables import NAN, PUBLISHED, set_cells


def test_first_model_against_the_reference_is_compared():
    changed = agreeing_tables()
    changed["table1"] = vstack([changed["table1"], changed["table1"]])
    changed["table1"]["comparison"][16:] = "truth"
    changed["table1"]["recall"][16:] = 0.2
    assert row_of(compare(changed), "recall_full_text")["measured"] == pytest.approx(88.8)


@pytest.mark.parametrize(
    ("lo", "expected"), [(0.8884, "agrees"), (0.88849, "agrees"), (0.8886, "differs")]
)
def test_interval_is_widened_by_the_rounding(lo, expected):
    changed = agreeing_tables()
    set_cells(changed["table1"], ("region", "full"), recall=0.9, recall_lo=lo, recall_hi=0.91)
    assert table1_verdict(changed, "recall") == expected


def test_other_value_differs():
    changed = agreeing_tables()
    set_cells(changed["table1"], ("region", "full"), recall=0.5, recall_lo=0.45, recall_hi=0.55)
    assert table1_verdict(changed, "recall") == "differs"


def test_no_number_is_counted_twice():
    """A number that stands elsewhere, or follows from others, has a value but no verdict."""
    table = compare(agreeing_tables(20))
    for key in ("recall_full_text", "precision_full_text", "recall_falls", "p_contaminated"):
        row = row_of(table, key)
        assert row["verdict"] == "repeated"
        assert np.isfinite(row["measured"])
    counted = table[np.isin(table["verdict"], ["agrees", "differs"])]
    assert len(set(counted["quantity"])) == len(counted)


@pytest.mark.parametrize(("outside", "expected"), [(0, "agrees"), (3, "agrees"), (4, "differs")])
def test_range_of_groups(outside, expected):
    """Of eight groups 5.8 % of draws have three or more beyond the range of 20, 1.5 % four."""
    changed = agreeing_tables(8)
    changed["photometry_summary"]["contaminated_fraction"][:outside] = 0.9
    row = row_of(compare(changed), "contaminated_by_group")
    assert row["verdict"] == expected
    assert (row["measured"], row["hi"]) == pytest.approx((40, 90 if outside else 55))


def test_chance_of_groups_outside_a_range():
    """The beta-binomial law of the rule, by simulation with another distribution."""
    draws = np.random.default_rng(3).exponential(size=(40000, 28))
    paper, ours = draws[:, :20], draws[:, 20:]
    low, high = paper.min(axis=1, keepdims=True), paper.max(axis=1, keepdims=True)
    inside = ((ours > low) & (ours < high)).sum(axis=1)
    assert (inside <= 5).mean() == pytest.approx(0.058, abs=0.005)
    assert (inside <= 4).mean() == pytest.approx(0.015, abs=0.003)


def test_exposure_time_overlaps():
    changed = agreeing_tables()
    row = row_of(compare(changed), "exptime_at_4_percent")
    assert row["measured"] == pytest.approx(40 / 0.03, rel=0.01)
    assert row["verdict"] == "agrees"
    changed["groups"]["cr_fraction_per_1000s"] = [0.05, 0.051, 0.052, 0.05]
    assert verdict(changed, "exptime_at_4_percent") == "differs"


def test_tables_of_the_study_hold_the_names_that_are_looked_up():
    """A quantity under another name would pass as "nothing to measure"."""
    changed = agreeing_tables(6)
    resampling = {"samples": 200, "confidence": 0.95, "seed": 1}
    changed["density_fits"] = fit_density(changed["density"], 5, resampling, {})
    stability = changed["stability"]
    for name in ("f05", "f1", "f2"):
        stability[name] = np.linspace(0.8, 0.9, len(stability))
    stability["mjd"] = 55440.0 + 800 * (np.arange(len(stability)) % 6)
    changed["stability_trends"] = find_trends(stability, 0.95)
    table = compare(changed)
    for number in PUBLISHED["numbers"]:
        if number["section"] in ("density", "stability"):
            assert np.isfinite(row_of(table, number["key"])["measured"]), number["key"]
    row = row_of(table, "r_anomalous_50_200")
    assert row["lo"] < row["measured"] < row["hi"]
    assert row["count"] == 6 * 7


def test_fit_at_another_cosmic_ray_fraction_is_not_comparable():
    changed = agreeing_tables()
    set_cells(changed["density_fits"], ("quantity", "contaminated all"), at_cr_fraction=0.08)
    assert verdict(changed, "contaminated_at_9_percent") == "not comparable"


def test_trend_needs_an_interval_that_excludes_something():
    changed, where = as_real(agreeing_tables()), ("quantity", "f1 reference")
    assert verdict(changed, "f1_trend") == "agrees"
    set_cells(changed["stability_trends"], where, slope_per_decade_hi=0.06)
    row = row_of(compare(changed), "f1_trend")
    assert row["verdict"] == "not tested"
    assert "above 6 " in row["rule"]
    set_cells(changed["stability_trends"], where, slope_per_decade_lo=0.0005)
    assert verdict(changed, "f1_trend") == "differs"
    # The paper gives no scatter of the RMS: no change of it is known to matter.
    assert verdict(changed, "rms_trend") == "not tested"


def test_simulated_exposures_do_not_age():
    table = compare(agreeing_tables(20))
    for key in ("f1_trend", "f2_trend", "rms_trend", "rms_within_3_std"):
        assert row_of(table, key)["verdict"] == "not tested"


def test_mean_and_spread_of_groups_have_intervals():
    """Student's t and chi squared for 20 groups, from tables of quantiles."""
    row = row_of(compare(agreeing_tables(20)), "f1_mean")
    assert row["hi"] - row["measured"] == pytest.approx(2.093 * 2.4 / 20**0.5, rel=1e-3)
    row = row_of(compare(agreeing_tables(20)), "f1_spread")
    assert (row["lo"], row["hi"]) == pytest.approx(
        (2.4 * (19 / 32.852) ** 0.5, 2.4 * (19 / 8.907) ** 0.5), rel=1e-3
    )


def test_groups_beyond_three_standard_deviations():
    changed = as_real(agreeing_tables(20))
    assert verdict(changed, "rms_within_3_std") == "agrees"
    changed["stability"]["rms_trimmed"][0] = 0.5
    assert verdict(changed, "rms_within_3_std") == "differs"
    assert verdict(as_real(agreeing_tables(10)), "rms_within_3_std") == "not comparable"


def test_nan_is_not_comparable():
    changed = agreeing_tables()
    set_cells(changed["table1"], ("region", "full"), recall=NAN, recall_lo=NAN, recall_hi=NAN)
    changed["density_fits"] = changed["density_fits"][:1]
    table = compare(changed)
    numbers = [row_of(table, k) for k in ("r_anomalous_16_50", "anomalous_200_400_at_14_percent")]
    for row in [table[0], *numbers]:
        assert np.isnan(row["measured"])
        assert (row["verdict"], row["rule"]) == (
            "not comparable",
            "nothing to measure on these data",
        )


def test_few_pixels_are_not_comparable():
    changed = agreeing_tables()
    set_cells(changed["table1"], ("region", "full"), tp=20, fp=9, fn=10)
    assert table1_verdict(changed, "precision") == "not comparable"
    assert table1_verdict(changed, "recall") == "agrees"


def test_one_group_is_not_comparable():
    table = compare(as_real(agreeing_tables(1)))
    assert set(table["verdict"]) == {"not comparable", "repeated"}
    assert table["measured"][0] == pytest.approx(88.8)
    assert "too few groups" in table["rule"][0]
