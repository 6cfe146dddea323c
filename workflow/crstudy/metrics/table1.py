"""Table 1 of the paper: recall and precision in the full frame and on stars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.core.formatting import describe
from crstudy.metrics.bootstrap import MIN_GROUPS, interval_words, score_columns
from crstudy.metrics.names import (
    COMPARISON_MEANING,
    COMPARISONS,
    FULL,
    PIXEL_KEYS,
    REGION_MEANING,
    STRATUM_MEANING,
    UNDEFINED,
    WITH_RIMS,
    all_strata,
)
from crstudy.metrics.pooling import collect_observed_with, sum_rows
from crstudy.metrics.scores import SCORES

OUTCOMES = ("tp", "fp", "fn")


def make_table1(counts: Sequence[Table], resampling: Mapping[str, Any], dataset: str) -> Table:
    """Pool the counts of all groups into Table 1.

    Parameters
    ----------
    counts : sequence of Table
        One per group: columns `PIXEL_KEYS`, tp, fp, fn, a row per chip; metadata observed_with, the
        cameras and filters.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.
    dataset : str
        Name of the dataset, for the metadata.

    Returns
    -------
    Table
        One row per model, comparison, region and stratum: every score with its interval
        (``_lo``, ``_hi``), the pooled counts and the number of groups that hold any.
    """
    # A group without valid pixels does not tell how groups differ.
    counts = [t for t in counts if any(t[n].any() for n in OUTCOMES)] or counts
    keys, sums = sum_rows(counts, PIXEL_KEYS, OUTCOMES)
    rows = []
    for i in sorted(range(len(keys)), key=lambda i: COMPARISONS.index(keys["comparison"][i])):
        row = dict(zip(keys.colnames, keys[i], strict=True)) | score_columns(sums[:, i], resampling)
        row |= dict(zip(OUTCOMES, sums[:, i].sum(axis=0).astype(int), strict=True))
        rows.append(row | {"groups": len(counts)})
    table = Table(rows)
    table.meta = {
        "dataset": dataset,
        "observed_with": collect_observed_with(counts),
        "paper": "Lin et al. 2023, Table 1",
        "interval": (
            interval_words(resampling, f"{len(counts)} groups")
            if len(counts) >= MIN_GROUPS
            else f"none, since there are fewer than {MIN_GROUPS} groups"
        ),
        "undefined": "NaN: no pixel to divide by, or fewer than three groups for an interval",
    }
    _describe(table)
    return table


def _describe(table: Table) -> None:
    table["comparison"].description = COMPARISON_MEANING
    table["region"].description = REGION_MEANING
    table["stratum"].description = STRATUM_MEANING
    for name in SCORES:
        table[name].description = f"{name}, a fraction, pooled over exposures"
    for name in OUTCOMES:
        table[name].description, table[name].unit = "pixels", "pix"


def _layout(table: Table, published: Table) -> tuple[list[str], list[list[str]]]:
    """Return the header and the cells of the printed table: a row per score and comparison."""
    table = all_strata(table)
    regions = list(dict.fromkeys(table["region"]))
    header = ["", "", *("full frame" if r == FULL else f"{r} RMS" for r in regions)]
    paper = {row["region"]: row for row in published}
    pairs = dict.fromkeys(zip(table["model"], table["comparison"], strict=True))
    # Rims are no cosmic rays: they change precision alone.
    without = [pair for pair in pairs if not pair[1].endswith(WITH_RIMS)]
    lines = []
    for score in ("recall", "precision"):
        cells = [f"{100 * paper[r][score]:.1f}" if r in paper else "" for r in regions]
        lines.append([f"{score} %", "paper (Lin et al. 2023)", *cells])
        for pair in pairs if score == "precision" else without:
            rows = _rows(table, *pair)
            lines.append([f"{score} %", _name(*pair), *(_cell(rows[r], score) for r in regions)])
    for pair in without:
        rows = _rows(table, *pair)
        lines.append(["CR pixels", _name(*pair), *(_positives(rows[r]) for r in regions)])
    return header, lines


def _name(model: str, comparison: str) -> str:
    return f"{model}: {comparison.replace('_', ' ')}"


def _rows(table: Table, model: str, comparison: str) -> dict[str, Any]:
    """Return the rows of a comparison by region."""
    rows = table[(table["model"] == model) & (table["comparison"] == comparison)]
    return {row["region"]: row for row in rows}


def _positives(row: Any) -> str:
    """Return the number of pixels that recall divides by."""
    return str(row["tp"] + row["fn"])


def _cell(row: Any, score: str) -> str:
    value, low, high = (100 * row[f"{score}{end}"] for end in ("", "_lo", "_hi"))
    if np.isnan(value):
        return UNDEFINED
    return f"{value:.1f}" if np.isnan(low) else f"{value:.1f} [{low:.1f}, {high:.1f}]"


def to_markdown(table: Table, published: Table) -> str:
    """Format Table 1 beside the paper's row as Markdown."""
    header, lines = _layout(table, published)
    rows = [header, ["---"] * len(header), *lines]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{text}\n\n{describe(table)}; in brackets: {table.meta['interval']}.\n"


def to_text(table: Table, published: Table) -> str:
    """Format Table 1 beside the paper's row for the terminal, without intervals."""
    header, lines = _layout(table, published)
    short = [[cell.split(" [")[0].replace(UNDEFINED, "-") for cell in row] for row in lines]
    widths = [max(map(len, column)) for column in zip(header, *short, strict=True)]
    rows = [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [header, *short]
    ]
    return "\n".join(rows)


def to_latex(table: Table, published: Table) -> str:
    """Format Table 1 beside the paper's row as a LaTeX tabular."""
    header, lines = _layout(table, published)
    rows = [" & ".join(row).replace("%", r"\%") + r" \\" for row in [header, *lines]]
    return "\n".join(
        [
            f"% {describe(table)}; in brackets: {table.meta['interval']}",
            rf"\begin{{tabular}}{{ll{'r' * (len(header) - 2)}}}",
            r"\hline",
            rows[0],
            r"\hline",
            *rows[1:],
            r"\hline",
            r"\end{tabular}",
            "",
        ]
    )
