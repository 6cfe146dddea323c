"""The tables of the report, ready to print: each number with its interval or its count."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.core.formatting import (
    Cell,
    decimal,
    integer,
    percent,
    plural,
    power_of_ten,
    scientific,
    with_interval,
    words,
)
from crstudy.metrics.names import FULL
from crstudy.photometry.summary import ALL

IMAGE_WORDS = {
    "original": "original",
    "masked": "flagged pixels left out",
    "inpaint": "deepCR-inpaint",
    "clean": "clean (reference)",
}
SCORE_WORDS = {"f05 ": "F0.5, against ", "f1 ": "F1, against ", "f2 ": "F2, against "}
COMPARISON_SHORT = {
    "reference": "against the reference",
    "truth": "against the true cosmic rays",
    "reference_vs_truth": "reference against the true cosmic rays",
}
#: Digits after the point by the unit of a compared number.
DIGITS = {"": 2, "%": 1, "percentage points": 1, "percentage points per decade": 2}
SCIENTIFIC = re.compile(r"\d+(\.\d+)?e-\d+")
SECTION_WORDS = {
    "metrics": "recall and precision",
    "photometry": "photometry of stars",
    "density": "density of cosmic rays",
    "stability": "stability",
    "data": "the data",
    "context": "CSST and other methods",
}


CHOICE_WORDS = {
    "as configured": "as configured",
    "radius_factor": "{:g} times the aperture radius",
    "detect_rms": "detection above {:g} RMS",
    "flux_sigma": "contaminated beyond {:g} σ",
    "max_excluded": "only apertures of which every pixel counts",
}


@dataclass(frozen=True)
class Printed:
    """A table to print: its header, its rows, and what is said below it."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Return which columns hold numbers."""
        first = self.rows[0] if self.rows else [words("")] * len(self.header)
        return [cell.number for cell in first]


def print_tables(
    tables: Mapping[str, Table], published: Mapping[str, Any]
) -> dict[str, Printed | dict[str, Printed]]:
    """Print every table of a dataset that the report shows.

    Parameters
    ----------
    tables : mapping of str to Table
        By the names of their files; those that a dataset does not have are left out.
    published : mapping
        Content of ``resources/published.yaml``.

    Returns
    -------
    dict
        By the same names; ``table1`` holds a table per score, ``published_vs_measured`` one per
        section of ``published``.
    """
    printers: dict[str, Callable[[Table], Printed]] = {
        "groups": _groups,
        "photometry_summary": _summary,
        "density_fits": _fits,
        "stability": _stability,
        "stability_trends": _trends,
        "repair": _repair,
        "star_sample": _sample,
        "control": _control,
        "sensitivity": _sensitivity,
    }
    printed: dict[str, Any] = {n: make(tables[n]) for n, make in printers.items() if n in tables}
    printed["table1"] = {
        s: _table1(tables["table1"], published, s) for s in ("recall", "precision")
    }
    magnitudes = tables["photometry_magnitude"]
    printed["photometry_magnitude"] = {p: _magnitudes(magnitudes, p) for p in ("hit", "free")}
    printed["published_vs_measured"] = _published(tables["published_vs_measured"], published)
    return printed


def _numbers(*texts: str) -> list[Cell]:
    return [Cell(text) for text in texts]


def _brackets(table: Table) -> str:
    """Say what stands in brackets, or why nothing does."""
    text = str(table.meta["interval"])
    if text.startswith("none"):
        return f"No intervals{text.removeprefix('none')}."
    return f"In brackets: {text}."


def _groups(table: Table) -> Printed:
    header = ["group", "mean date", "target", "observed with", "exposures", "mean exposure (s)"]
    header += ["labelled pixels", "of all that count (%)", "the same per 1000 s (%)"]
    rows = [
        [
            *map(words, (row["group"], row["observed"], row["target"], row["observed_with"])),
            *_numbers(
                str(row["exposures"]),
                decimal(row["exptime"], 0),
                integer(row["label_px"]),
                percent(row, "cr_fraction", "0 px", 2),
                percent(row, "cr_fraction_per_1000s", "0 px", 2),
            ),
        ]
        for row in table
    ]
    return Printed(header, rows)


def _table1(table: Table, published: Mapping[str, Any], score: str) -> Printed:
    """Print recall or precision: a row per region, a column per series."""
    series = list(dict.fromkeys(zip(table["model"], table["comparison"], strict=True)))
    wrong = {"recall": "fn", "precision": "fp"}[score]
    paper = {str(row["region"]): row[f"{score}_percent"] for row in published["table1"]["rows"]}
    found = {(row["model"], row["comparison"], row["region"]): row for row in table}
    rows = []
    for region in dict.fromkeys(table["region"]):
        name = "full frame" if region == FULL else f"stars above {region} RMS"
        cells = [words(name), Cell(decimal(paper[region]) if region in paper else "")]
        for one in series:
            row = found[*one, region]
            count = f"{integer(row['tp'] + row[wrong])} px"
            text = percent(row, score, count)
            cells.append(Cell(text, "" if text.startswith("undefined") else count))
        rows.append(cells)
    header = ["region", "paper (Lin et al. 2023)"]
    header += [_series(model, comparison) for model, comparison in series]
    return Printed(header, rows, _brackets(table))


def _series(model: str, comparison: str) -> str:
    text = COMPARISON_SHORT[comparison]
    return text if comparison == "reference_vs_truth" else f"{model} {text}"


def _summary(table: Table) -> Printed:
    header = ["group", "date", "stars", "measurements", "contaminated"]
    header += ["contaminated (%)", "anomalous (%)", "ratio beyond 0.9 to 1.1 (%)"]
    header += ["ratio within 0.97 to 1.03 (%)", "trimmed RMS of ratios (%)"]
    rows = [
        [
            words("all groups" if row["group"] == ALL else row["group"]),
            words(" to ".join(dict.fromkeys(str(row["observed"]).split("..")))),
            Cell(integer(row["stars"])),
            Cell(integer(row["measurements"]), f"{integer(row['excluded'])} not used"),
            *_shares(row),
        ]
        for row in table
    ]
    return Printed(header, rows, _brackets(table))


def _shares(row: Any) -> list[Cell]:
    """Return the cells that the summary and the sensitivity table share."""
    measurements, dirty = (integer(row[name]) for name in ("measurements", "contaminated"))
    return _numbers(
        dirty,
        percent(row, "contaminated_fraction", measurements),
        percent(row, "anomalous_fraction", measurements),
        percent(row, "outside_10_fraction", dirty),
        percent(row, "inside_3_fraction", dirty),
        percent(row, "rms_trimmed", measurements, 3),
    )


def _fits(table: Table) -> Printed:
    header = ["line", "groups", "points", "slope (percentage points per percent)", "Pearson r"]
    header += ["p", "read at (% of pixels)", "value there (%)"]
    rows = []
    for row in table:
        points = plural(row["points"], "points")
        slope = (float(row[f"slope{end}"]) for end in ("", "_lo", "_hi"))
        rows.append(
            [
                words(f"{str(row['quantity']).replace(' all', ', all')} stars".replace("-", "–")),
                *_numbers(str(row["groups"]), str(row["points"])),
                Cell(with_interval(*slope, points)),
                Cell(with_interval(row["pearson_r"], np.nan, np.nan, points, 2)),
                Cell(scientific(row["p_value"])),
                Cell(decimal(100 * row["at_cr_fraction"], 0)),
                Cell(percent(row, "value_at", points)),
            ]
        )
    return Printed(header, rows, f"{_brackets(table)} {_sentence(table)}")


def _sentence(table: Table) -> str:
    text = table.meta["points"]
    return f"{text[0].upper()}{text[1:]}."


def _stability(table: Table) -> Printed:
    header = ["group", "date", "compared with", "CR pixels", "recall (%)", "precision (%)"]
    header += ["F0.5 (%)", "F1 (%)", "F2 (%)"]
    scores = ("recall", "precision", "f05", "f1", "f2")
    rows = [
        [
            *map(words, (row["group"], row["observed"], row["comparison"])),
            Cell(integer(row["cr_px"])),
            # Undefined is what has no pixel to divide by.
            *_numbers(*(percent(row, name, "0 px") for name in scores)),
        ]
        for row in table
    ]
    note = "F0.5 weighs precision more, F2 recall; with recall below precision F2 lies below F1."
    return Printed(header, rows, note)


def _trends(table: Table) -> Printed:
    header = ["quantity", "groups", "mean (%)", "standard deviation", "change per decade"]
    header += ["excluded beyond", "Kendall's tau", "p"]
    rows = []
    for row in table:
        groups = plural(row["groups"], "groups")
        digits = 2 if row["quantity"] == "rms_trimmed" else 1
        rows.append(
            [
                words(_quantity(row["quantity"])),
                Cell(str(row["groups"])),
                *_numbers(*(percent(row, name, groups, digits) for name in ("mean", "std"))),
                Cell(percent(row, "slope_per_decade", groups, digits)),
                Cell(percent(row, "equivalence_per_decade", groups, digits)),
                Cell(with_interval(row["kendall_tau"], np.nan, np.nan, groups, 2)),
                Cell(scientific(row["p_value"])),
            ]
        )
    note = "Standard deviation, change and bound in percentage points."
    return Printed(header, rows, f"{note} {_brackets(table)}")


def _quantity(name: str) -> str:
    for short, long in SCORE_WORDS.items():
        name = name.replace(short, long)
    return "trimmed RMS of flux ratios" if name == "rms_trimmed" else name


def _repair(table: Table) -> Printed:
    header = ["area of the star (px)", "not hit", "harmed", "harmed (%)", "hit", "repaired"]
    header += ["repaired (%)"]
    rows = [
        [
            words(str(row["area_bin"]).replace("-", "–")),
            *_numbers(integer(row["free"]), integer(row["harmed"])),
            Cell(percent(row, "harmed_fraction", integer(row["free"]), 2)),
            *_numbers(integer(row["hit"]), integer(row["repaired"])),
            Cell(percent(row, "repaired_fraction", integer(row["hit"]))),
        ]
        for row in table
    ]
    return Printed(header, rows, _brackets(table))


def _magnitudes(table: Table, population: str) -> Printed:
    """Print the bias of every image by magnitude, for stars that are hit or free."""
    rows = []
    for low in dict.fromkeys(table["mag_lo"]):
        here = table[(table["mag_lo"] == low) & (table["population"] == population)]
        cells = [words(f"{low} to {low + 1}")]
        cells.append(Cell(integer(max(here["measurements"], default=0))))
        for image in IMAGE_WORDS:
            row = here[here["image"] == image][0]
            bias = percent(row, "bias", integer(row["measurements"]))
            scatter = "" if np.isnan(row["scatter"]) else f"± {decimal(100 * row['scatter'])}"
            cells.append(Cell(bias, scatter))
        rows.append(cells)
    header = ["magnitude (AB)", "measurements", *IMAGE_WORDS.values()]
    return Printed(header, rows, _brackets(table))


def _sample(table: Table) -> Printed:
    header = ["magnitude (AB)", "simulated stars", "of them found", "completeness (%)"]
    header += ["sample", "stars", "galaxies", "neither", "purity (%)"]
    rows = []
    for row in table:
        whole = np.isnan(row["mag_lo"])
        name = "all" if whole else f"{row['mag_lo']:g} to {row['mag_hi']:g}"
        rows.append(
            [
                words(name),
                *_numbers(integer(row["n_input"]), integer(row["n_found"])),
                Cell(percent(row, "completeness", integer(row["n_input"]))),
                *_numbers(*(integer(row[f"n_{k}"]) for k in ("sample", "star", "galaxy"))),
                Cell(integer(row["n_spurious"])),
                Cell(percent(row, "purity", integer(row["n_sample"]))),
            ]
        )
    return Printed(header, rows)


def _control(table: Table) -> Printed:
    header = ["test", "tests", "beyond the limit", "rate (%)", "rate of Gaussian noise (%)"]
    rows = [
        [
            words(row["test"]),
            *_numbers(integer(row["tests"]), integer(row["exceeding"])),
            Cell(percent(row, "rate", integer(row["tests"]), 2)),
            Cell(percent(row, "expected", "0", 2)),
        ]
        for row in table
    ]
    return Printed(header, rows, _brackets(table))


def _sensitivity(table: Table) -> Printed:
    header = ["choice", "stars", "contaminated", "contaminated (%)", "anomalous (%)"]
    header += ["ratio beyond 0.9 to 1.1 (%)", "ratio within 0.97 to 1.03 (%)"]
    header += ["trimmed RMS of ratios (%)"]
    rows = [
        [
            words(CHOICE_WORDS[row["parameter"]].format(row["value"])),
            Cell(integer(row["stars"])),
            *_shares(row),
        ]
        for row in table
    ]
    return Printed(header, rows, _brackets(table))


def _published(table: Table, published: Mapping[str, Any]) -> dict[str, Printed]:
    """Print published beside measured numbers, a table for each section."""
    sections = {(n["quantity"], n["place"]): n["section"] for n in published["numbers"]}
    header = ["quantity", "place", "paper", "measured", "rests on", "verdict", "rule or reason"]
    rows: dict[str, list[list[Cell]]] = {}
    for row in table:
        name = sections.get((row["quantity"], row["place"]), "metrics")
        published_as = str(row["published"])
        if SCIENTIFIC.fullmatch(published_as):
            published_as = power_of_ten(published_as)
        first, last = (row["quantity"], row["place"], published_as), (row["verdict"], row["rule"])
        cells = [*map(_typeset, first), *_numbers(*_measured(row)), *map(_typeset, last)]
        rows.setdefault(name, []).append(cells)
    return {SECTION_WORDS[name]: Printed(header, these) for name, these in rows.items()}


def _measured(row: Any) -> tuple[str, str]:
    """Write a measured value of the comparison in its unit, and what it rests on."""
    value, low, high = (float(row[name]) for name in ("measured", "lo", "hi"))
    # Empty words come back from a file as masked.
    unit, count_of = (str(row[name]) if row[name] else "" for name in ("unit", "count_of"))
    if not count_of:
        return "not measured", ""
    count = plural(row["count"], count_of)
    if str(row["quantity"]).startswith("p of") and np.isfinite(value):
        return scientific(value), count
    if unit == "year":
        return f"{value:.1f}", count
    text = with_interval(value, low, high, count, DIGITS.get(unit, 0))
    unit = unit.replace("percentage points", "pp") if np.isfinite(value) else ""
    return f"{text} {unit}".strip(), count


def _typeset(value: object) -> Cell:
    """Return a cell of text with a proper sign of plus and minus."""
    return words(str(value).replace("+-", "±"))


def count_verdicts(table: Table, verdicts: Iterable[str]) -> dict[str, int]:
    """Count the rows of each verdict."""
    return {name: int((np.asarray(table["verdict"]) == name).sum()) for name in verdicts}
