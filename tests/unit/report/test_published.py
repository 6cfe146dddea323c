"""The published numbers, and the table that shows them beside measured ones."""

from functools import partial

import numpy as np
import pytest
from astropy.table import Table

from advice import follow
from crstudy.config.study import Study
from crstudy.metrics.scores import score
from crstudy.report.published import ENTRIES, compared_on, to_markdown
from paper_tables import agreeing_tables, as_real, compare, row_of
from report_tables import PUBLISHED


def test_every_published_number_is_there_once():
    table = compare(agreeing_tables())
    compared = [n for n in PUBLISHED["numbers"] if n["section"] != "definition"]
    assert len(table) == 16 + len(compared)
    assert len({(row["quantity"], row["place"]) for row in table}) == len(table)
    for number in compared:
        assert row_of(table, number["key"])["published"] == number["published"]
    assert set(ENTRIES) == {number["key"] for number in compared}


def test_published_file_is_complete_and_regular():
    keys = [number["key"] for number in PUBLISHED["numbers"]]
    assert len(set(keys)) == len(keys)
    sections = ("metrics", "photometry", "density", "stability", "data", "context", "definition")
    for number in PUBLISHED["numbers"]:
        assert {"key", "quantity", "published", "unit", "place", "section"} <= set(number)
        assert isinstance(number["published"], str)
        assert number["section"] in sections
        assert ("low" in number) == ("high" in number)


def test_roundings_are_half_of_the_last_printed_digit():
    for number in PUBLISHED["numbers"]:
        words = number["published"]
        if "rounding" not in number or words.startswith(("about", "nearly", "(")):
            continue
        digits = words.split(" %")[0].removeprefix("between ").partition(".")[2]
        assert number["rounding"] == pytest.approx(0.5 * 10 ** -len(digits)), number["key"]


def test_definitions_are_the_defaults_of_the_study():
    study = Study()
    checked = 0
    for number in PUBLISHED["numbers"]:
        if "config" in number:
            section, key = number["config"].split(".")
            value = getattr(getattr(study, section), key)
            assert value == number.get("value", value)
            assert list(np.atleast_1d(value)) == number.get("values", list(np.atleast_1d(value)))
            checked += 1
    assert checked >= 11


def expected_verdict(rule):
    """Return the verdict on data equal to the paper's, from the reason that is given."""
    for verdict, reasons in {
        "not comparable": ("describes the data", "for CSST"),
        "repeated": ("stands in Table 1", "p follows from r"),
        "not tested": ("are excluded",),
    }.items():
        if any(reason in rule for reason in reasons):
            return verdict
    return "agrees"


def test_paper_agrees_with_itself():
    """Measured values equal to the published ones agree wherever a comparison is possible."""
    table = compare(as_real(agreeing_tables(20)))
    for row in table:
        if not row["quantity"].startswith("Pearson"):
            assert row["verdict"] == expected_verdict(row["rule"]), row


def test_units_and_counts():
    table = compare(agreeing_tables())
    recall = row_of(table, "recall_full_text")
    assert recall["measured"] == pytest.approx(88.8)
    assert (recall["lo"], recall["hi"]) == pytest.approx((86.8, 90.8))
    assert (recall["count"], recall["count_of"], recall["unit"]) == (900, "pixels", "%")
    assert row_of(table, "outside_10")["count_of"] == "measurements"
    assert row_of(table, "r_contaminated")["count"] == 24
    assert row_of(table, "p_contaminated")["count"] == 4
    assert row_of(table, "first_date")["measured"] == pytest.approx(2010.67, abs=0.01)
    assert row_of(table, "f1_spread")["measured"] == pytest.approx(2.4)
    assert all(column.description for column in table.itercols())


def test_number_without_an_entry_is_refused(monkeypatch):
    number = PUBLISHED["numbers"][0] | {"key": "new"}
    run = partial(compare, agreeing_tables(), PUBLISHED | {"numbers": [number]})
    entry = ENTRIES[PUBLISHED["numbers"][0]["key"]]
    add = partial(monkeypatch.setitem, ENTRIES, "new", entry)
    follow("report/published: add the key to ENTRIES in", run, add, match="number new: ")


def test_table_says_on_what_the_comparison_was_made():
    assert "simulated" in compare(agreeing_tables()).meta["compared_on"]
    assert "another camera" in compared_on("WFC3/UVIS F350LP")
    assert "as in the paper" in compared_on("ACS/WFC F606W")


def test_markdown_and_round_trip(tmp_path):
    table = compare(agreeing_tables())
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    text = to_markdown(Table.read(tmp_path / "t.ecsv"), PUBLISHED)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(table)
    assert len({line.count("|") for line in rows}) == 1
    assert "88.8 [86.8, 90.8] %" in text
    assert "nan" not in text
    for item in PUBLISHED["inconsistencies"]:
        assert item["sentence"] in text


def test_arithmetic_of_the_inconsistencies():
    items = {item["key"]: item.get("computed", {}) for item in PUBLISHED["inconsistencies"]}
    rows = {str(row["region"]): row for row in PUBLISHED["table1"]["rows"]}
    f = {region: f_scores(row) for region, row in rows.items()}
    assert all(row["recall_percent"] < row["precision_percent"] for row in rows.values())
    assert items["f2_above_f1"] == {
        "f1_percent": round(f["3"][0], 1),
        "f2_percent": round(f["3"][1], 1),
        "f2_highest_on_stars_percent": round(max(f2 for r, (_, f2) in f.items() if r != "full"), 1),
    }
    assert items["recall_3_rms_in_summary"] == {
        f"recall_{region}_percent": rows[region]["recall_percent"] for region in ("full", "3")
    }
    precision = [rows[region]["precision_percent"] for region in ("3", "5", "10")]
    assert list(items["precision_not_monotonic"].values()) == precision == sorted(precision)


def f_scores(row):
    """Return F1 and F2 in percent from recall and precision."""
    recall, precision = row["recall_percent"] / 100, row["precision_percent"] / 100
    values = score(1.0, 1 / precision - 1, 1 / recall - 1)
    return 100 * values["f1"], 100 * values["f2"]
