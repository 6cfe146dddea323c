"""Comparison of every published number with the measured one: verdict and criterion.

To find a number: its key in ``resources/published.yaml`` is a key of `ENTRIES`, which names where
the measured value comes from (`crstudy.report.measured`) and the rule that compares
(`crstudy.report.verdict_rules`). The cells of Table 1 follow in the same way from its block
`table1`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.core.errors import StudyError
from crstudy.core.formatting import describe
from crstudy.metrics.names import FULL
from crstudy.report import measured as m
from crstudy.report import verdict_rules as v

#: What the paper observed.
PAPER_DATA = "ACS/WFC F606W"
DESCRIPTIONS = {
    "quantity": "what the number is",
    "place": "place in Lin et al. 2023 (section 4 is the summary)",
    "published": "the paper's number or words",
    "published_value": "the same as a number, in the unit of the row; NaN if it is not one number",
    "measured": "the value of this study, in the unit of the row",
    "lo": "lower end of its interval",
    "hi": "upper end of its interval",
    "unit": "unit of published_value, measured, lo and hi",
    "count": "what the measured value rests on",
    "count_of": "what is counted",
    "dataset": "dataset on which it was measured",
    "verdict": (
        "agrees, differs, not tested (these data cannot show it), repeated (follows from numbers "
        "that are counted) or not comparable"
    ),
    "rule": "the rule that decided",
}

#: Key in ``resources/published.yaml``: where the measured value comes from, and the rule.
ENTRIES: dict[str, tuple[m.Lookup, v.Rule]] = {
    # recall and precision
    "recall_full_text": (m.table1("recall", FULL), v.in_table1),
    "precision_full_text": (m.table1("precision", FULL), v.in_table1),
    "recall_falls": (m.fall("recall"), v.in_table1),
    "precision_falls": (m.fall("precision"), v.in_table1),
    # photometry of stars
    "contaminated_by_group": (m.stars_by_group("contaminated_fraction"), v.same_range),
    "outside_10": (m.stars("outside_10_fraction", "contaminated"), v.inside),
    "inside_3": (m.stars("inside_3_fraction", "contaminated"), v.inside),
    # density of cosmic rays
    "exptime_at_4_percent": (m.exptime_at, v.overlaps),
    "r_contaminated": (m.correlation("contaminated all"), v.inside),
    "p_contaminated": (m.p_value("contaminated all"), v.follows_from_r),
    "contaminated_at_9_percent": (m.fitted("contaminated all"), v.inside),
    "r_anomalous_16_50": (m.correlation("anomalous 16-50"), v.inside),
    "p_anomalous_16_50": (m.p_value("anomalous 16-50"), v.follows_from_r),
    "r_anomalous_50_200": (m.correlation("anomalous 50-200"), v.inside),
    "p_anomalous_50_200": (m.p_value("anomalous 50-200"), v.follows_from_r),
    "r_anomalous_200_400": (m.correlation("anomalous 200-400"), v.inside),
    "p_anomalous_200_400": (m.p_value("anomalous 200-400"), v.follows_from_r),
    "anomalous_16_50_at_14_percent": (m.fitted("anomalous 16-50"), v.inside),
    "anomalous_200_400_at_14_percent": (m.fitted("anomalous 200-400"), v.inside),
    # stability
    "f1_mean": (m.mean_of_groups("f1 reference"), v.inside),
    "f1_spread": (m.spread_of_groups("f1 reference"), v.inside),
    "f2_mean": (m.mean_of_groups("f2 reference"), v.inside),
    "f2_spread": (m.spread_of_groups("f2 reference"), v.inside),
    "f1_trend": (m.trend("f1 reference"), v.no_trend),
    "f2_trend": (m.trend("f2 reference"), v.no_trend),
    "rms_trend": (m.trend("rms_trimmed"), v.no_trend),
    "rms_within_3_std": (m.within_3_std, v.every_group),
    # data and context
    "n_groups": (m.of_groups(len), v.description),
    "n_exposures": (m.of_groups(lambda t: np.mean(t["exposures"])), v.description),
    "first_date": (m.of_groups(lambda t: m.year(min(t["mjd"]))), v.description),
    "last_date": (m.of_groups(lambda t: m.year(max(t["mjd"]))), v.description),
    "csst_pixels_hit": (m.nowhere, v.elsewhere),
    "csst_exptime": (m.nowhere, v.elsewhere),
    "csst_detectors": (m.nowhere, v.elsewhere),
    "csst_field": (m.nowhere, v.elsewhere),
    "csst_area": (m.nowhere, v.elsewhere),
    "rhoads_fwhm": (m.nowhere, v.elsewhere),
    "training_year": (m.nowhere, v.elsewhere),
}


def _table1_numbers(published: Mapping[str, Any]) -> Iterator[tuple[m.Number, m.Lookup, v.Rule]]:
    """Yield the numbers of Table 1."""
    for row in published["table1"]["rows"]:
        region = str(row["region"])
        words = "in the full frame" if region == FULL else f"on stars above {region} RMS"
        for score in ("recall", "precision"):
            value = row[f"{score}_percent"]
            number = {"quantity": f"{score} {words}", "published": f"{value:.1f} %"}
            number |= {"value": value, "rounding": 0.05, "unit": "%", "place": "Table 1"}
            yield number, m.table1(score, region), v.inside


def _numbers(published: Mapping[str, Any]) -> Iterator[tuple[m.Number, m.Lookup, v.Rule]]:
    """Yield every published number, except the definitions."""
    yield from _table1_numbers(published)
    for number in published["numbers"]:
        if number["section"] == "definition":
            continue
        if number["key"] not in ENTRIES:
            where = f"resources/published.yaml, number {number['key']}"
            fix = "add the key to ENTRIES in workflow/crstudy/report/published.py"
            raise StudyError(where, "no comparison rule is defined", fix)
        yield number, *ENTRIES[number["key"]]


def compare_published(results: m.Results, published: Mapping[str, Any]) -> Table:
    """Compare every published number with the measured one.

    Parameters
    ----------
    results : crstudy.report.measured.Results
        Tables table1, groups, photometry_summary, density, density_fits, stability and
        stability_trends of a dataset.
    published : mapping
        Content of ``resources/published.yaml``.

    Returns
    -------
    Table
        One row per published number.
    """
    meta = results.tables["table1"].meta
    rows = []
    for number, look, rule in _numbers(published):
        try:
            measured = look(results, number)
        except m.NoRowError:
            measured = m.Measured()
        verdict, reason = v.judge(number, measured, rule, simulated=results.simulated)
        row = {name: number[name] for name in ("quantity", "place", "published")}
        row["published_value"] = float(number.get("value", np.nan))
        row |= {name: getattr(measured, name) for name in ("value", "lo", "hi")}
        row |= {"unit": number["unit"], "count": measured.count, "count_of": measured.count_of}
        rows.append(row | {"dataset": meta["dataset"], "verdict": verdict, "rule": reason})
    table = Table(rows)
    table.rename_column("value", "measured")
    for name, text in DESCRIPTIONS.items():
        table[name].description = text
    table.meta = _meta(results, published)
    return table


def _meta(results: m.Results, published: Mapping[str, Any]) -> dict[str, Any]:
    source = results.tables["table1"].meta
    definitions = sum(number["section"] == "definition" for number in published["numbers"])
    return {
        "dataset": source["dataset"],
        "observed_with": source["observed_with"],
        "compared_on": compared_on(source["observed_with"]),
        "model": f"{results.model}, against the AstroDrizzle reference (the paper's way)",
        "interval": (
            f"{100 * results.confidence:g} %, from the tables; added here: for means of groups by "
            "Student's t, for their standard deviations by chi squared"
        ),
        "published_errors": "none is allowed for but the rounding, since the paper gives none",
        "undefined": "NaN: not a single number, nothing to measure, or no interval",
        "definitions": f"{definitions} numbers of the paper are settings and not compared",
    }


def compared_on(observed_with: str) -> str:
    """Say whether the data are from the same camera as those of the paper.

    Parameters
    ----------
    observed_with : str
        Cameras and filters of a dataset.

    Returns
    -------
    str
    """
    if observed_with == PAPER_DATA:
        return f"exposures of the sky with {PAPER_DATA}, as in the paper"
    kind = "simulated exposures" if observed_with.startswith(m.SIMULATED) else "another camera"
    return (
        f"{observed_with}: {kind}, while the paper has exposures of the sky with {PAPER_DATA}; "
        "'differs' does not mean that the paper is wrong, nor 'agrees' that it is right"
    )


def to_markdown(table: Table, published: Mapping[str, Any]) -> str:
    """Format the comparison, and the paper's own inconsistencies, as Markdown.

    Parameters
    ----------
    table : Table
        Of `compare_published`.
    published : mapping
        Content of ``resources/published.yaml``.

    Returns
    -------
    str
    """
    meta = table.meta
    verdicts = [f"{name}: {(table['verdict'] == name).sum()}" for name in v.VERDICTS]
    header = ["quantity", "place", "published", "measured", "rests on", "verdict", "rule"]
    rows = [header, ["---"] * len(header), *map(_cells, table)]
    return "\n".join(
        [
            "# Published and measured",
            "",
            f"{describe(table)}, {meta['model']}. {len(table)} numbers; {', '.join(verdicts)}.",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            f"Compared on {meta['compared_on']}.",
            f"In brackets: intervals, {meta['interval']}.",
            f"Errors of the published numbers: {meta['published_errors']}.",
            f"Also, {meta['definitions']}: see resources/published.yaml.",
            "",
            "## Where the paper disagrees with itself",
            "",
            *(f"- {item['place']}: {item['sentence']}" for item in published["inconsistencies"]),
            "",
        ]
    )


def _cells(row: Any) -> list[str]:
    """Return the printed cells of a row."""
    value, lo, hi = (_digits(row[name]) for name in ("measured", "lo", "hi"))
    measured = value if lo == "nan" else f"{value} [{lo}, {hi}]"
    measured = "-" if value == "nan" else f"{measured} {row['unit']}".strip()
    unit = row["count_of"].removesuffix("s") if row["count"] == 1 else row["count_of"]
    count = f"{row['count']} {unit}" if unit else "-"
    return [
        row["quantity"],
        row["place"],
        row["published"],
        measured,
        count,
        row["verdict"],
        row["rule"],
    ]


def _digits(value: float) -> str:
    """Return a number to a tenth from 100 on, below that to three digits."""
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"
