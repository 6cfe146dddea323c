"""The numbers that README and report quote first, each with its table, row and column.

They have a statistical interval, by resampling groups, and a systematic one: how far other cosmic
rays move them (``resources/systematics.ecsv``, made by ``make systematics``). `headline` is what a
finished study says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table

from crstudy.config.groups import SURVEY_EXPTIME_S
from crstudy.config.registry import METHODS
from crstudy.core.formatting import NO_BREAK, decimal, describe, with_interval
from crstudy.csst.differences import ANOMALOUS, NOTHING
from crstudy.csst.limits import LEVELS
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import UNCHANGED
from crstudy.metrics.names import FULL, REFERENCE_MODEL, WITH_RIMS, all_strata
from crstudy.metrics.published_table1 import published_table1
from crstudy.metrics.table1 import to_text
from crstudy.report.measured import Measured, select_rows

NET, RIVAL = "zb20-f606w", "lacosmic"
#: False-positive rate at which methods are compared.
RATE = 0.0005
REGIONS = {FULL: "full frame", "3": "above 3 RMS", "20": "above 20 RMS"}
PERCENT, SECONDS = "%", "s"
NOT_COMPUTED, NOT_ABOVE_CHANCE = "not computed", "not above chance"
#: What is compared with what in Table 1: model, and words.
COMPARED = {
    "reference": (NET, "deepCR against the reference"),
    "truth": (NET, "deepCR against the true cosmic rays"),
    "reference_vs_truth": (REFERENCE_MODEL, "the reference against the true cosmic rays"),
}


@dataclass(frozen=True)
class Headline:
    """A number and where it stands.

    Attributes
    ----------
    key : str
        Its name in ``resources/systematics.ecsv``.
    words : str
        What it is.
    table, column : str
        Table of a study by the name of its file, and the column, whose interval is beside it.
    where : mapping
        Values of the columns that name the row.
    unit : str
        `PERCENT` for fractions, which are multiplied by 100, or `SECONDS`.
    """

    key: str
    words: str
    table: str
    column: str
    where: Mapping[str, Any]
    unit: str = PERCENT


def _scores() -> Iterator[Headline]:
    """Yield recall and precision of Table 1."""
    for (name, (model, who)), region, score in product(
        COMPARED.items(), REGIONS, ("recall", "precision")
    ):
        if score == "precision" and "truth" in name:
            name, who = f"{name}{WITH_RIMS}", f"{who}, rims counted as false"
        where = {"model": model, "comparison": name, "region": region}
        words = f"{score} of {who}, {REGIONS[region]}"
        yield Headline(f"{score} {name} {region}", words, "table1", score, where)


def _photometry() -> Iterator[Headline]:
    """Yield what cosmic rays and deepCR do to the fluxes of stars."""
    for name, words in {
        "repaired": "fluxes hit by a cosmic ray that deepCR repairs",
        "degraded": "fluxes free of cosmic rays that deepCR makes wrong",
    }.items():
        yield Headline(name, words, "repair", f"{name}_fraction", {"area_bin": ALL})
    for name, words in {
        "inside_3": "of the contaminated, deepCR's flux right within 3 %",
        "outside_10": "of the contaminated, deepCR's flux off by more than 10 %",
    }.items():
        yield Headline(name, words, "photometry_summary", f"{name}_fraction", {"group": ALL})
    where = {"quantity": "contaminated all", "at_cr_fraction": 0.09}
    words = "contaminated stars where 9 % of the pixels are hit"
    yield Headline("contaminated at 9 %", words, "density_fits", "value_at", where)


def _methods() -> Iterator[Headline]:
    """Yield recall at the same rate of false positives."""
    for method, region in product((NET, RIVAL), (FULL, "3")):
        where = {"method": method, "comparison": "truth", "region": region, "fpr": RATE}
        words = (
            f"recall of {METHODS[method].label} at {100 * RATE:g} % false positives, "
            f"{REGIONS[region]}"
        )
        yield Headline(f"recall {method} {region}", words, "recall", "recall", where)


def _csst() -> Iterator[Headline]:
    """Yield what deepCR, unmodified, does on single exposures of CSST."""
    at = {"field_class": ALL, "remedy": UNCHANGED}
    when = f"in {SURVEY_EXPTIME_S:g} s"
    survey = at | {"exptime_s": SURVEY_EXPTIME_S}
    for score, words in {
        "recall": f"recall of deepCR {when}",
        f"precision{WITH_RIMS}": f"precision of deepCR {when}, rims counted as false",
    }.items():
        where = survey | {"method": NET, "region": FULL}
        yield Headline(f"csst {score}", words, "csst", score, where)
    for method, who in ((ORIGINAL, "without correction"), (NET, "with deepCR")):
        where = survey | {"method": method}
        words = f"stars with a wrong flux {when}, {who}"
        yield Headline(
            f"csst wrong {method}", words, "csst_photometry", "anomalous_fraction", where
        )
        for level in LEVELS:
            where = at | {"method": method, "level": level}
            words = f"wrong fluxes exceed {100 * level:g} % from, {who}"
            key = f"csst limit {100 * level:g} % {method}"
            yield Headline(key, words, "csst_limits", "exptime_s", where, SECONDS)
    where = survey | {"method": NET, "quantity": ANOMALOUS}
    where |= dict(zip(("minus_method", "minus_remedy"), NOTHING, strict=True))
    words = f"stars with a wrong flux {when}, with deepCR less without correction"
    yield Headline("csst gain", words, "csst_differences", "difference", where)


HEADLINES = (*_scores(), *_photometry(), *_methods(), *_csst())


def headline_table(tables: Mapping[str, Table]) -> Table:
    """Look up the headline numbers of a study.

    Parameters
    ----------
    tables : mapping of str to Table
        Tables of a study by the names of their files; a number whose table or row is not there
        is left out, as that against the truth of real exposures.

    Returns
    -------
    Table
        A row per number: key, words, unit; value, value_lo, value_hi in this unit, NaN where
        undefined.
    """
    rows = []
    for one in HEADLINES:
        if one.table not in tables:
            continue
        for row in select_rows(all_strata(tables[one.table]), **one.where)[:1]:
            found = Measured.of(row, one.column, scale=100 if one.unit == PERCENT else 1)
            values = (one.key, one.words, one.unit, found.value, found.lo, found.hi)
            rows.append(values)
    names = ("key", "words", "unit", "value", "value_lo", "value_hi")
    return Table(rows=rows or None, names=names, dtype=["U64", "U128", "U1", float, float, float])


def headline_rows(tables: Mapping[str, Table], systematics: Table | None) -> list[dict[str, str]]:
    """Write the headline numbers of a study with both intervals, for the report.

    Parameters
    ----------
    tables : mapping of str to Table
        As for `headline_table`.
    systematics : Table or None
        ``resources/systematics.ecsv``.

    Returns
    -------
    list of dict
        key, words, value with its statistical interval, systematic: lowest and highest difference
        over all cosmic rays, generator and silicon: the differences due to either alone, and noise:
        what other cosmic rays of the same kind change. Differences that do not exceed it, of the
        systematic their root mean square, and those that nobody computed say so. card: the
        systematic with its unit.
    """
    of_key = {str(row["key"]): row for row in systematics or ()}
    return [_words(row, of_key.get(str(row["key"]))) for row in headline_table(tables)]


def _words(row: Any, systematic: Any) -> dict[str, str]:
    """Write a number and its systematic."""
    digits = 0 if row["unit"] == SECONDS else 1
    ends = (float(row[f"value{end}"]) for end in ("", "_lo", "_hi"))
    value = f"{with_interval(*ends, '', digits)}{NO_BREAK}{row['unit']}"
    texts = {"key": str(row["key"]), "words": str(row["words"])}
    texts["value"] = value if np.isfinite(row["value"]) else "undefined"
    if systematic is None:
        texts |= dict.fromkeys(("systematic", "card"), NOT_COMPUTED)
        return texts | {"generator": "", "silicon": "", "noise": ""}
    unit = "percentage points" if row["unit"] == PERCENT else row["unit"]
    noise = float(systematic["noise"])
    texts["noise"] = "" if np.isnan(noise) else f"±{decimal(noise, digits)}"
    for name in ("generator", "silicon"):
        by_chance = abs(systematic[name]) <= noise
        texts[name] = NOT_ABOVE_CHANCE if by_chance else _signed(systematic[name], digits)
    lowest, highest = (_signed(systematic[name], digits) for name in ("lowest", "highest"))
    if np.isnan(systematic["lowest"]):
        texts |= dict.fromkeys(("systematic", "card"), "undefined")
    elif systematic["rms"] <= noise:
        texts["systematic"] = NOT_ABOVE_CHANCE
        texts["card"] = f"within {texts['noise']} {unit}, as by chance"
    else:
        texts["systematic"] = f"{lowest} to {highest}"
        texts["card"] = f"{texts['systematic']} {unit}"
    return texts


def _signed(value: float, digits: int) -> str:
    """Write a difference with its sign; a dash if there is none."""
    if np.isnan(value):
        return "–"
    text = decimal(value, digits)
    return text if value <= 0 or float(text.replace(",", "")) == 0 else f"+{text}"


def headline(results: Path, published_file: Path) -> str:
    """Return the headline of a finished study: Table 1 beside the paper's, or the verdict on CSST.

    Parameters
    ----------
    results : pathlib.Path
        Results folder of the dataset.
    published_file : pathlib.Path
        ``resources/published.yaml``.

    Returns
    -------
    str
    """
    places = [
        "",
        f"Report:   {results}/report.html",
        f"Tables:   {results}/tables",
        f"Figures:  {results}/figures",
    ]
    verdict = results / "tables" / "csst.md"
    if verdict.is_file():
        return "\n".join([*verdict.read_text(encoding="utf-8").split("\n\n")[:1], *places])
    table = Table.read(results / "tables" / "table1.ecsv")
    published = published_table1(yaml.safe_load(published_file.read_text(encoding="utf-8")))
    lines = [
        "",
        to_text(table, published),
        "",
        f"{describe(table)}; intervals are in the table.",
        "",
        _count_verdicts(Table.read(results / "tables" / "published_vs_measured.ecsv")),
        *places,
    ]
    return "\n".join(lines)


def _count_verdicts(comparison: Table) -> str:
    """Count the verdicts on the published numbers."""
    verdicts = list(comparison["verdict"])
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    return f"Published and measured numbers: {counts}."
