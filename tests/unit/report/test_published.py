"""Published numbers beside measured ones: every verdict, and the paper's own arithmetic."""

from itertools import product

import numpy as np
import pytest
from astropy.table import Table, vstack

from crstudy.config.study import Study
from crstudy.core.errors import StudyError
from crstudy.metrics.scores import score
from crstudy.photometry.density_fit import fit_density
from crstudy.photometry.stability import find_trends
from crstudy.report.measured import Results
from crstudy.report.published import ENTRIES, compare_published, compared_on, to_markdown
from report_tables import NAN, PUBLISHED, interval, set_cells

BINS = ("16-50", "50-200", "200-400")


def tables(n=4):
    """Return tables of n groups that agree with the paper; one group has no intervals."""
    half = 0.02 if n > 1 else NAN
    names = [f"g{i:03d}" for i in range(1, n + 1)]
    rng = np.random.default_rng(1)
    groups = [
        {"group": name, "mjd": 55440.0 + 800 * i, "exposures": 6, "cr_fraction_per_1000s": rate}
        for i, (name, rate) in enumerate(zip(names, np.linspace(0.028, 0.032, n), strict=True))
    ]
    return {
        "table1": table1_of(n, half),
        "groups": Table(groups),
        "photometry_summary": summary_of(names, half),
        "density": density_of(names, rng),
        "density_fits": fits_of(n, half),
        "stability": stability_of(names, rng),
        "stability_trends": trends_of(n, half),
    }


def real(tables):
    """Return the tables as if the exposures were real."""
    tables["table1"].meta["observed_with"] = "ACS/WFC F606W"
    return tables


def table1_of(n, half):
    rows = []
    for row in PUBLISHED["table1"]["rows"]:
        scores = interval("recall", row["recall_percent"] / 100, half)
        scores |= interval("precision", row["precision_percent"] / 100, half)
        head = {"model": "zb20-f606w", "comparison": "reference", "region": str(row["region"])}
        rows.append(head | scores | {"tp": 800, "fp": 100, "fn": 100, "groups": n})
    other = [row | {"model": "other", "recall": 0.1} for row in rows]
    meta = {"dataset": "test", "observed_with": "simulated ACS/WFC F606W"}
    return Table([*rows, *other], meta=meta)


def summary_of(names, half):
    fractions = {
        **interval("outside_10_fraction", 0.10, half),
        **interval("inside_3_fraction", 0.55, half),
    }
    contaminated = [*np.linspace(0.2, 0.6, len(names) + 1)[:-1], 0.4]
    return Table(
        [
            {"group": name, "contaminated_fraction": fraction, "contaminated": 100, **fractions}
            for name, fraction in zip([*names, "all"], contaminated, strict=True)
        ]
    )


def density_of(names, rng):
    """Return fractions that rise with that of cosmic rays; one step has no stars of one size."""
    rows, x = [], np.linspace(0.01, 0.14, 8)
    for name, (step, cr) in product(names, enumerate(x)):
        row = {"group": name, "exposure": f"{name}e", "step": step, "cr_fraction": cr}
        for area_bin in ("all", *BINS):
            y = 3 * cr + 0.12 * rng.normal()
            empty = (area_bin, step) == ("50-200", 0)
            y, stars = (NAN, 0) if empty else (y, 30)
            fractions = {"contaminated_fraction": y, "anomalous_fraction": y}
            rows.append(row | {"stars": stars, "area_bin": area_bin} | fractions)
    return Table(rows)


def fits_of(n, half):
    fits = [
        fit("contaminated all", 0.86, 7e-16, 0.09, 0.98, half),
        fit("anomalous 16-50", 0.80, 2e-6, 0.14, 0.20, half),
        fit("anomalous 50-200", 0.95, 2e-12, 0.14, 0.40, half),
        fit("anomalous 200-400", 0.88, 1e-8, 0.14, 0.50, half),
    ]
    return Table([row | {"groups": n} for row in fits], meta={"min_stars": 5})


def fit(quantity, r, p, at, value, half):
    row = {"quantity": quantity, "points": 24, "p_value": p, "at_cr_fraction": at}
    return row | interval("pearson_r", r, half) | interval("value_at", value, half)


def stability_of(names, rng):
    return Table(
        [
            {"group": name, "comparison": comparison, "rms_trimmed": 0.02 + 0.001 * rng.uniform()}
            for comparison in ("reference", "truth")
            for name in names
        ]
    )


def trends_of(n, half):
    spread = NAN if n == 1 else 1.0
    return Table(
        [
            {"quantity": quantity, "groups": n, "mean": mean, "std": std * spread}
            | interval("slope_per_decade", 0.001, half)
            for quantity, mean, std in [
                ("f1 reference", 0.85, 0.024),
                ("f2 reference", 0.88, 0.021),
                ("rms_trimmed", 0.02, 0.001),
            ]
        ]
    )


def compare(tables, published=PUBLISHED):
    return compare_published(Results(tables, 0.95), published)


def row_of(table, key):
    """Return the row of a number by its key in published.yaml."""
    number = next(number for number in PUBLISHED["numbers"] if number["key"] == key)
    rows = table[(table["quantity"] == number["quantity"]) & (table["place"] == number["place"])]
    assert len(rows) == 1
    return rows[0]


def table1_verdict(changed, score):
    """Return the verdict on a score in the full frame."""
    table = compare(changed)
    return table["verdict"][table["quantity"] == f"{score} in the full frame"][0]


def verdict(changed, key):
    return row_of(compare(changed), key)["verdict"]


def test_every_published_number_is_there_once():
    table = compare(tables())
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
    table = compare(real(tables(20)))
    for row in table:
        if not row["quantity"].startswith("Pearson"):
            assert row["verdict"] == expected_verdict(row["rule"]), row


def test_units_and_counts():
    table = compare(tables())
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


def test_first_model_against_the_reference_is_compared():
    changed = tables()
    changed["table1"] = vstack([changed["table1"], changed["table1"]])
    changed["table1"]["comparison"][16:] = "truth"
    changed["table1"]["recall"][16:] = 0.2
    assert row_of(compare(changed), "recall_full_text")["measured"] == pytest.approx(88.8)


@pytest.mark.parametrize(
    ("lo", "expected"), [(0.8884, "agrees"), (0.88849, "agrees"), (0.8886, "differs")]
)
def test_interval_is_widened_by_the_rounding(lo, expected):
    changed = tables()
    set_cells(changed["table1"], ("region", "full"), recall=0.9, recall_lo=lo, recall_hi=0.91)
    assert table1_verdict(changed, "recall") == expected


def test_other_value_differs():
    changed = tables()
    set_cells(changed["table1"], ("region", "full"), recall=0.5, recall_lo=0.45, recall_hi=0.55)
    assert table1_verdict(changed, "recall") == "differs"


def test_no_number_is_counted_twice():
    """A number that stands elsewhere, or follows from others, has a value but no verdict."""
    table = compare(tables(20))
    for key in ("recall_full_text", "precision_full_text", "recall_falls", "p_contaminated"):
        row = row_of(table, key)
        assert row["verdict"] == "repeated"
        assert np.isfinite(row["measured"])
    counted = table[np.isin(table["verdict"], ["agrees", "differs"])]
    assert len(set(counted["quantity"])) == len(counted)


@pytest.mark.parametrize(("outside", "expected"), [(0, "agrees"), (3, "agrees"), (4, "differs")])
def test_range_of_groups(outside, expected):
    """Of eight groups 5.8 % of draws have three or more beyond the range of 20, 1.5 % four."""
    changed = tables(8)
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
    changed = tables()
    row = row_of(compare(changed), "exptime_at_4_percent")
    assert row["measured"] == pytest.approx(40 / 0.03, rel=0.01)
    assert row["verdict"] == "agrees"
    changed["groups"]["cr_fraction_per_1000s"] = [0.05, 0.051, 0.052, 0.05]
    assert verdict(changed, "exptime_at_4_percent") == "differs"


def test_tables_of_the_study_hold_the_names_that_are_looked_up():
    """A quantity under another name would pass as "nothing to measure"."""
    changed = tables(6)
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
    changed = tables()
    set_cells(changed["density_fits"], ("quantity", "contaminated all"), at_cr_fraction=0.08)
    assert verdict(changed, "contaminated_at_9_percent") == "not comparable"


def test_trend_needs_an_interval_that_excludes_something():
    changed, where = real(tables()), ("quantity", "f1 reference")
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
    table = compare(tables(20))
    for key in ("f1_trend", "f2_trend", "rms_trend", "rms_within_3_std"):
        assert row_of(table, key)["verdict"] == "not tested"


def test_mean_and_spread_of_groups_have_intervals():
    """Student's t and chi squared for 20 groups, from tables of quantiles."""
    row = row_of(compare(tables(20)), "f1_mean")
    assert row["hi"] - row["measured"] == pytest.approx(2.093 * 2.4 / 20**0.5, rel=1e-3)
    row = row_of(compare(tables(20)), "f1_spread")
    assert (row["lo"], row["hi"]) == pytest.approx(
        (2.4 * (19 / 32.852) ** 0.5, 2.4 * (19 / 8.907) ** 0.5), rel=1e-3
    )


def test_groups_beyond_three_standard_deviations():
    changed = real(tables(20))
    assert verdict(changed, "rms_within_3_std") == "agrees"
    changed["stability"]["rms_trimmed"][0] = 0.5
    assert verdict(changed, "rms_within_3_std") == "differs"
    assert verdict(real(tables(10)), "rms_within_3_std") == "not comparable"


def test_nan_is_not_comparable():
    changed = tables()
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
    changed = tables()
    set_cells(changed["table1"], ("region", "full"), tp=20, fp=9, fn=10)
    assert table1_verdict(changed, "precision") == "not comparable"
    assert table1_verdict(changed, "recall") == "agrees"


def test_one_group_is_not_comparable():
    table = compare(real(tables(1)))
    assert set(table["verdict"]) == {"not comparable", "repeated"}
    assert table["measured"][0] == pytest.approx(88.8)
    assert "too few groups" in table["rule"][0]


def test_number_without_an_entry_is_refused():
    number = PUBLISHED["numbers"][0] | {"key": "new"}
    with pytest.raises(StudyError, match=r"number new: .*ENTRIES"):
        compare(tables(), PUBLISHED | {"numbers": [number]})


def test_table_says_on_what_the_comparison_was_made():
    assert "simulated" in compare(tables()).meta["compared_on"]
    assert "another camera" in compared_on("WFC3/UVIS F350LP")
    assert "as in the paper" in compared_on("ACS/WFC F606W")


def test_markdown_and_round_trip(tmp_path):
    table = compare(tables())
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
