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
    """Return the answers to what tables tell, by question; reliability is a table alone."""
    answers = answer_questions(tables, RATE)
    answers.pop("reliability", None)
    return {key: sentences("answers", key, numbers) for key, numbers in answers.items()}


@pytest.fixture(scope="module")
def answers():
    return write_answers(method_tables())


def test_methods_are_ordered_by_recall_in_the_full_frame_and_on_stars():
    methods = answer_questions(method_tables(), RATE)["methods"]
    full, stars = ([label for label, _ in region["found"]] for region in methods["regions"])
    assert full == ["median of exposures", "deepCR (zb20)", "L.A.Cosmic"]
    assert stars.index("L.A.Cosmic") < stars.index("deepCR (zb20)")
    first, rival, _ = methods["rows"]
    assert (first["label"], first["full"].value) == ("deepCR (zb20)", pytest.approx(95))
    assert rival["change 3"].text() == "10.0\u00a0[8.0,\u00a012.0]"
    assert methods["best"]["region"] == "3"


def test_methods_within_the_interval_are_not_told_apart():
    text = write_answers(method_tables(half=0.5))["methods"]
    assert text.count("holds zero for L.A.Cosmic and median of exposures.") == 2
    assert text.count("no method finds more than deepCR (zb20)") == 2


def test_fluxes_are_compared_with_the_rival_where_enough_stars_are_hit():
    table = method_fluxes()
    table["anomalous_fraction_minus_rival"] = -0.02
    for end, change in (("lo", -0.03), ("hi", 0.01)):
        table[f"anomalous_fraction_minus_rival_{end}"] = change
    assert answer_whom({"method_fluxes": table}, RATE)["fluxes"]["rival"] == []
    table["hit"] = 30
    ((name, change),) = answer_whom({"method_fluxes": table}, RATE)["fluxes"]["rival"]
    assert (name, change.value, change.hi) == ("globular cluster", -2, 1)


def test_nothing_follows_without_intervals():
    text = write_answers(method_tables(half=float("nan")))["methods"]
    assert text == "The median of exposures requires several exposures of a field."


def test_methods_that_are_better_are_named(answers):
    full, stars = answers["methods"].split("On stars above 3 RMS")
    assert full.startswith("In the full frame median of exposures finds more than deepCR (zb20)")
    assert stars.startswith(" L.A.Cosmic and median of exposures find more than deepCR (zb20).")


def test_no_method_is_best_where_no_recall_is_defined():
    tables = method_tables()
    tables["recall"]["recall"] = float("nan")
    assert answer_questions(tables, RATE)["methods"]["best"] is None


def test_methods_that_need_several_exposures_are_an_upper_bound(answers):
    assert "The median of exposures requires several exposures of a field" in answers["methods"]


def test_oracles_are_no_methods_but_say_how_much_could_be_found():
    tables = method_tables()
    for name, column in (("recall", "recall"), ("differences", "difference")):
        oracle = tables[name][tables[name]["method"] == "median"]
        oracle.replace_column("method", ["oracle-scene"] * len(oracle))
        oracle[column] = 0.999
        tables[name] = vstack([tables[name], oracle])
    region = answer_questions(tables, RATE)["methods"]["regions"][0]
    assert "oracle: true scene known" not in dict(region["found"])
    assert dict(region["oracles"])["oracle: true scene known"].value == pytest.approx(99.9)
    text = write_answers(tables)["methods"]
    assert "Oracles are given the scene" in text
    assert "oracle: true scene known" not in text
    assert "The median of exposures requires several exposures" in text


def test_audit_says_how_complete_labels_are_and_corrects_table1(answers):
    assert "On 4 exposures." in answers["audit"]
    assert "the 2 driz_cr_scale tried, 1.2 0.7 comes nearest" in answers["audit"]
    rows = answer_questions(method_tables(), RATE)["audit"]["rows"]
    assert [row["region"] for row in rows] == ["full", "3", "20"]
    assert [row["complete"].value for row in rows] == pytest.approx([95, 50, 25])
    assert (rows[2]["published"], rows[2]["odds"].value) == pytest.approx((74.2, 31))
    assert rows[1]["reclassification"] is None


def test_strata_say_what_the_labels_contain():
    text = write_answers(make_tables())["strata"]
    assert text.startswith("True pixels above 3 RMS that the labels contain: star cores 65.5")
    assert re.search(r"% \(of [\d,]+ px\), extended light 85.5", text)
    assert "strata" not in write_answers(make_tables(simulated=False))


def test_objects_are_told_of_the_net_and_its_simplest_rival(answers):
    *_, median = answer_questions(method_tables(), RATE)["objects"]["methods"]
    assert median == {"label": "median of exposures"}
    assert "L.A.Cosmic finds half" in answers["objects"]
    assert "flags 7.00 [5.00, 9.00] % of the star cores" in answers["objects"]


def test_methods_are_sorted_by_what_they_do_to_fluxes(answers):
    text = answers["fluxes"]
    assert "doing nothing is better than L.A.Cosmic; for median of exposures the interval" in text
    assert text.endswith("1 method leaves fewer fluxes wrong than no correction.")


def test_reliability_is_told_on_sky_and_on_stars():
    reliability = answer_questions(method_tables(), RATE)["reliability"]
    assert [(one["region"], one["hit"]) for one in reliability["regions"]] == [
        ("sky", pytest.approx(2)),
        ("3", pytest.approx(2)),
    ]
    first = reliability["rows"][0]
    assert (first["sky"].value, first["3"].value) == pytest.approx((0.1, 3))


def test_real_exposures_are_measured_by_the_labels():
    answers = answer_questions(method_tables(simulated=False), RATE)
    assert set(answers) == {"methods", "reliability"}
    assert answers["methods"]["comparison"] == "reference"


def test_remedies_are_told_by_what_they_change():
    tables = method_tables() | remedy_tables()
    none, threshold, residuals = answer_questions(tables, RATE)["remedy"]["rows"]
    assert (threshold["recall 3"].value, residuals["recall 3"].value) == pytest.approx((0, 6))
    assert residuals["precision 3"].text() == "−0.6\u00a0[−2.6,\u00a01.4]"
    assert residuals["recall 20"].value == pytest.approx(30)
    assert (residuals["wrong"].value, residuals["wrong change"].value) == pytest.approx((3, -2))
    assert none["wrong"].value == pytest.approx(5)
    text = write_answers(tables)["remedy"]
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
