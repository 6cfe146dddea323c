"""One-paragraph answers."""

import re

import pytest
from astropy.table import vstack

from crstudy.report.answers import answer_questions
from crstudy.report.summary import answer_whom
from crstudy.report.tables import alarm_rows, mask_rows
from method_tables import RATE, method_fluxes, method_tables, remedy_tables
from report_tables import make_tables, sentences


def write_answers(tables):
    """Return the answers to what tables tell, by question."""
    answers = answer_questions(tables, RATE)
    return {key: sentences("answers", key, numbers) for key, numbers in answers.items()}


@pytest.fixture(scope="module")
def answers():
    return write_answers(method_tables())


def test_methods_are_ordered_by_recall_in_the_full_frame_and_on_stars(answers):
    full, stars = answers["methods"].split("On stars above 3 RMS")
    assert "median of exposures 99.0 [97.0, 101.0] %, deepCR (zb20) 95.0" in full
    assert full.index("deepCR (zb20) 95.0") < full.index("L.A.Cosmic 80.0")
    assert stars.index("L.A.Cosmic 70.0") < stars.index("deepCR (zb20) 60.0")
    assert "recall against the true cosmic rays" in full


def test_methods_within_the_interval_are_not_told_apart():
    text = write_answers(method_tables(half=0.5))["methods"]
    assert text.count("Not told apart: ") == 2


def test_fluxes_are_compared_with_the_rival_where_enough_stars_are_hit():
    table = method_fluxes()
    table["anomalous_fraction_minus_rival"] = -0.02
    for end, change in (("lo", -0.03), ("hi", 0.01)):
        table[f"anomalous_fraction_minus_rival_{end}"] = change
    assert answer_whom({"method_fluxes": table}, RATE)["fluxes"]["rival"] == []
    table["hit"] = 30
    ((name, change),) = answer_whom({"method_fluxes": table}, RATE)["fluxes"]["rival"]
    assert (name, change.value, change.hi) == ("globular cluster", -2, 1)


def test_methods_that_are_better_are_named_with_their_difference(answers):
    full, stars = answers["methods"].split("On stars above 3 RMS")
    assert (
        "by more than the interval: median of exposures (by 4.0 [2.0, 6.0] percentage points)."
        in full
    )
    assert "interval: L.A.Cosmic (by 10.0 [8.0, 12.0] percentage points), median" in stars


def test_a_difference_within_its_interval_is_none():
    text = write_answers(method_tables(half=0.5))["methods"]
    assert text.count("by more than the interval: none.") == 2


def test_methods_that_need_several_exposures_are_an_upper_bound(answers):
    assert "The median of exposures requires several exposures of a field" in answers["methods"]


def test_oracles_are_no_methods_but_say_how_much_could_be_found():
    tables = method_tables()
    for name, column in (("recall", "recall"), ("differences", "difference")):
        oracle = tables[name][tables[name]["method"] == "median"]
        oracle.replace_column("method", ["oracle-scene"] * len(oracle))
        oracle[column] = 0.999
        tables[name] = vstack([tables[name], oracle])
    text = write_answers(tables)["methods"]
    found, bound = text.split("On stars above 3 RMS")[0].split("Oracles: ")
    assert "oracle" not in found
    assert bound.startswith("oracle: true scene known 99.9")
    assert text.count("oracle: true scene known") == 2
    assert "The median of exposures requires several exposures" in text


def test_audit_says_how_complete_labels_are_and_corrects_table1(answers):
    assert "on 4 exposures." in answers["audit"]
    assert "the 2 driz_cr_scale tried, 1.2 0.7 comes nearest" in answers["audit"]
    rows = answer_questions(method_tables(), RATE)["audit"]["rows"]
    assert [row["region"] for row in rows] == ["full", "3", "20"]
    assert [row["complete"].value for row in rows] == pytest.approx([95, 50, 25])
    assert (rows[2]["published"], rows[2]["odds"].value) == pytest.approx((74.2, 31))
    assert rows[1]["reclassification"] is None


def test_strata_say_which_mixtures_are_not_excluded():
    text = write_answers(make_tables())["strata"]
    assert "Above 3 RMS the labels contain" in text
    cores = r"star cores 65.5 \[63.5, 67.5\] % \(of [\d,]+ px\), extended light 85.5"
    assert re.search(cores, text)
    assert "above 3 RMS some are not excluded, which confirms none; above 20 RMS all are ex" in text
    assert "above 80 and 160 RMS too few groups have labelled pixels." in text
    assert "strata" not in write_answers(make_tables(simulated=False))


def test_objects_are_told_of_the_net_and_its_simplest_rival(answers):
    methods = dict(answer_questions(method_tables(), RATE)["objects"]["methods"])
    assert methods["median of exposures"] == {}
    assert "L.A.Cosmic finds half" in answers["objects"]
    assert "flags 7.00 [5.00, 9.00] % of the star cores" in answers["objects"]


def test_methods_are_sorted_by_what_they_do_to_fluxes(answers):
    text = answers["fluxes"]
    assert "At the default threshold of each method (paired changes in percentage" in text
    assert "after deepCR (zb20) (−6.0 [−8.0, −4.0]); more are wrong" in text
    assert "doing nothing is better than L.A.Cosmic (+4.0 [2.0, 6.0]); the interval" in text
    assert "holds zero for median of exposures (+1.0 [−1.0, 3.0])." in text


def test_reliability_is_told_on_sky_and_on_stars(answers):
    assert (
        "outside all sources (2.00 % of the pixels contain one): deepCR (zb20) 0.10"
        in answers["reliability"]
    )
    assert (
        "on stars above 3 RMS (2.00 % of the pixels contain one): deepCR (zb20) 3.00"
        in answers["reliability"]
    )


def test_real_exposures_are_measured_by_the_labels():
    answers = write_answers(method_tables(simulated=False))
    assert set(answers) == {"methods", "reliability"}
    assert "recall against the AstroDrizzle labels" in answers["methods"]


def test_remedies_are_told_by_what_they_change():
    text = write_answers(method_tables() | remedy_tables())["remedy"]
    threshold, residuals = text.split("PSF residuals: ")
    assert "above 3 RMS, +0.0 [−2.0, 2.0] in recall" in threshold
    assert "above 3 RMS, +6.0 [4.0, 8.0] in recall and −0.6 [−2.6, 1.4] in precision" in residuals
    assert "above 20 RMS, +30.0 [28.0, 32.0] in recall" in residuals
    assert "3.0 [1.0, 5.0] % of the stars have an anomalous flux, a change of −2.0" in residuals
    assert "With the unmodified mask, the fraction is 5.0 [3.0, 7.0] %." in text
    assert text.endswith("up to a PSF error of 1.0 % of a star’s peak and not reliably beyond.")


def test_star_alarms_are_told_by_field_class_at_each_threshold():
    rows = alarm_rows(method_tables()["star_alarms"])
    assert [(row["label"], row["field_class"]) for row in rows[:2]] == [
        ("deepCR (zb20)", "all"),
        ("deepCR (zb20)", "globular cluster"),
    ]
    assert len(rows) == 6
    assert rows[1]["matched"]["flagged_fraction"] == 0.07
    assert rows[1]["matched"]["property"] == "all"
    assert rows[1]["matched_on_stars"] is rows[1]["default"] is None


def test_masks_are_told_by_field_class_and_region():
    scores = method_tables()["method_scores"]
    for region in ("full", "3"):
        rows = mask_rows(scores, region)
        assert [row["matched"]["recall"] for row in rows] == [0.7, 0.4] * 3
        assert {row["default"]["region"] for row in rows} == {region}
        assert {row["matched_on_stars"] for row in rows} == {None}
