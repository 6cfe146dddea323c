"""Rows and columns of the tables in the report, for the templates in ``workflow/report``.

A column writes a cell from a row. Its source is the name of a column of the table or, for text and
counts, a macro that is called with the row.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.config.registry import METHODS
from crstudy.core.formatting import integer, plural, power_of_ten, scientific
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED, MATCHED_STARS
from crstudy.metrics.names import all_strata
from crstudy.report.measured import Measured

Row = Mapping[str, Any]
Write = Callable[[Row], str]

#: Digits after the point by the unit of a compared number.
DIGITS = {"": 2, "%": 1, "percentage points": 1, "percentage points per decade": 2}
SCIENTIFIC = re.compile(r"\d+(\.\d+)?e-\d+")


def _nothing(_: Row) -> str:
    return ""


@dataclass(frozen=True)
class Column:
    """A column: header, functions that write a cell and the small line below it, CSS class."""

    header: str
    text: Write
    note: Write = _nothing
    kind: str = "number"


def words(header: str, name: str | Write, kind: str = "words") -> Column:
    """Return a column of text."""
    return Column(header, name if callable(name) else lambda row: str(row[name]), kind=kind)


def count(header: str, name: str | Write, note: Write = _nothing) -> Column:
    """Return a column of counts."""
    return Column(header, name if callable(name) else lambda row: integer(row[name]), note)


def number(
    header: str,
    name: str,
    digits: int | Write = 1,
    of: str = "",
    noun: str = "",
    note: Write = _nothing,
    scale: float = 1,
    interval: bool = True,
) -> Column:
    """Return a column of numbers with their intervals.

    Parameters
    ----------
    header, name : str
    digits : int or callable
        Digits after the point.
    of, noun : str
        Column with the sample size of a value, and its unit; printed if the value is undefined.
    note : callable
        Writes a small line below the number.
    scale : float
        Factor applied before printing.
    interval : bool
        Whether the interval is printed.

    Returns
    -------
    Column
    """

    def write(row: Row) -> str:
        value = Measured.of(row, name, row[of] if of else 0, noun, scale)
        if not interval:
            value = replace(value, lo=np.nan, hi=np.nan)
        return value.text("", int(digits(row)) if callable(digits) else digits)

    return Column(header, write, note)


def percent(header: str, name: str, digits: int | Write = 1, **more: Any) -> Column:
    """Return a column of fractions in percent: see `number`."""
    return number(header, name, digits, scale=100, **more)


def p_value(header: str, name: str) -> Column:
    """Return a column of p-values."""
    return Column(header, lambda row: scientific(row[name]))


def at(key: str, column: Column) -> Column:
    """Apply a column to the row stored under a key; a dash if there is none."""

    def under(write: Write, missing: str) -> Write:
        return lambda row: missing if row.get(key) is None else write(row[key])

    return replace(column, text=under(column.text, "–"), note=under(column.note, ""))


def measured(header: str, key: str, digits: int = 1, note: Write = _nothing) -> Column:
    """Return a column of values with their intervals (`Measured`), by their key."""
    return at(key, Column(header, lambda value: value.text("", digits), note))


#: By name, for the templates.
COLUMNS = {make.__name__: make for make in (words, count, number, percent, p_value, at, measured)}


def pivot(table: Table, index: str, column: str) -> list[dict[str, Any]]:
    """Return a dict for each value of `index`: the table's rows by their value of `column`."""
    rows: dict[Any, dict[str, Any]] = {}
    for row in table:
        rows.setdefault(row[index], {index: row[index]})[str(row[column])] = row
    return list(rows.values())


def pivot_psfs(table: Table) -> list[dict[str, Any]]:
    """Return a dict for each PSF: the rows by method and variant, and under ``psf`` any of them."""
    columns = dict.fromkeys(f"{row['method']} {row['remedy']}" for row in table)
    rows: dict[tuple[str, float], dict[str, Any]] = {}
    for row in table:
        one = rows.setdefault((row["psf"], row["setting"]), columns | {"psf": row})
        one[f"{row['method']} {row['remedy']}"] = row
    return list(rows.values())


def alarm_rows(star_alarms: Table) -> list[dict[str, Any]]:
    """Return the rows of flagged star cores by method and field class.

    Parameters
    ----------
    star_alarms : Table
        Of `crstudy.metrics.objects.tables.object_tables`.

    Returns
    -------
    list of dict
        label and field_class in print; the table's row by kind of threshold, None where a method
        has no such threshold.
    """
    table = star_alarms[(star_alarms["property"] == "all") & (star_alarms["dilation_px"] == 0)]
    return _by_method_and_class(table)


def mask_rows(method_scores: Table, region: str) -> list[dict[str, Any]]:
    """Return the rows of recall, precision and width of a region, as `alarm_rows` does.

    Parameters
    ----------
    method_scores : Table
        Of `crstudy.metrics.objects.tables.object_tables`.
    region : str
        Of the column region.
    """
    table = method_scores[method_scores["region"] == region]
    return _by_method_and_class(table)


def _by_method_and_class(table: Table) -> list[dict[str, Any]]:
    """Return label, field_class and the table's rows by kind of threshold: None where it lacks."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for method in dict.fromkeys(table["method"]):
        for field_class in dict.fromkeys(table["field_class"]):
            words = str(field_class).replace("_", " ")
            label = {"label": METHODS[method].label, "field_class": words}
            rows[method, field_class] = label | dict.fromkeys((MATCHED, MATCHED_STARS, DEFAULT))
    for row in table:
        rows[row["method"], row["field_class"]][row["threshold_kind"]] = row
    return list(rows.values())


def score_rows(table1: Table, published: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of Table 1 by region and series, with the values of the paper.

    Parameters
    ----------
    table1 : Table
        Of `crstudy.metrics.table1.make_table1`.
    published : mapping
        Content of ``resources/published.yaml``.

    Returns
    -------
    list of dict
        One per region, keyed by ``"model comparison"``; ``recall_px`` and ``precision_px`` are the
        denominators of the scores. ``paper`` is empty for regions that the paper does not give.
    """
    table = all_strata(table1).copy()
    table["series"] = [f"{row['model']} {row['comparison']}" for row in table]
    table["recall_px"] = table["tp"] + table["fn"]
    table["precision_px"] = table["tp"] + table["fp"]
    paper = {str(row["region"]): row for row in published["table1"]["rows"]}
    return [
        row | {"paper": paper.get(row["region"], {})} for row in pivot(table, "region", "series")
    ]


def exposure_rows(scores: Table) -> list[dict[str, Any]]:
    """Return scores by the number of exposures behind the labels.

    Parameters
    ----------
    scores : Table
        Of `crstudy.reference.n_exposures.score_numbers`.

    Returns
    -------
    list of dict
        One per number, keyed by ``"comparison region"``; ``recall_px`` and ``precision_px`` are the
        denominators of the scores.
    """
    table = scores.copy()
    table["series"] = [f"{row['comparison']} {row['region']}" for row in table]
    table["recall_px"] = table["tp"] + table["fn"]
    table["precision_px"] = table["tp"] + table["fp"]
    return pivot(table, "n_exposures", "series")


def published_rows(table: Table, published: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Return the comparison of published and measured numbers as printed, by section.

    Parameters
    ----------
    table : Table
        Of `crstudy.report.published.compare_published`.
    published : mapping
        Content of ``resources/published.yaml``.

    Returns
    -------
    dict of str to list of dict
    """
    sections = {(n["quantity"], n["place"]): n["section"] for n in published["numbers"]}
    rows: dict[str, list[dict[str, str]]] = {}
    for row in table:
        name = sections.get((row["quantity"], row["place"]), "metrics")
        cells = ("quantity", "place", "published", "verdict", "rule")
        one = {key: str(row[key]).replace("+-", "±") for key in cells}
        if SCIENTIFIC.fullmatch(one["published"]):
            one["published"] = power_of_ten(one["published"])
        one["measured"], one["count"] = _measured(row)
        rows.setdefault(name, []).append(one)
    return rows


def _measured(row: Row) -> tuple[str, str]:
    """Write a measured value in its unit, and its sample size."""
    # Empty strings are read back from a file as masked.
    unit, count_of = (str(row[name]) if row[name] else "" for name in ("unit", "count_of"))
    if not count_of:
        return "not measured", ""
    value = Measured(
        *(float(row[name]) for name in ("measured", "lo", "hi")), row["count"], count_of
    )
    count = plural(value.count, count_of)
    if str(row["quantity"]).startswith("p of") and np.isfinite(value.value):
        return scientific(value.value), count
    if unit == "year":
        return f"{value.value:.1f}", count
    short = unit.replace("percentage points", "pp")
    return value.text(short, DIGITS.get(unit, 0)), count


def count_verdicts(table: Table, verdicts: Iterable[str]) -> dict[str, int]:
    """Count the rows of each verdict."""
    return {name: int((np.asarray(table["verdict"]) == name).sum()) for name in verdicts}
