"""Figures, drawn from tables: what they share, and Table 1."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import yaml
from astropy.table import Table
from astropy.time import Time
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike, NDArray

from crstudy.core.formatting import describe
from crstudy.metrics.names import COMPARISON_WORDS, FULL

TWO_COLUMNS_INCH = 7.1
#: Of a title, at 7 points.
LETTERS_PER_INCH = 17
PAPER = "paper (Lin et al. 2023)"
NO_STAR = "no star passes the selection"
#: Colour-blind safe (Okabe and Ito 2008); black is left to the paper's values.
COLOURS = [mpl.color_sequences["okabe_ito"][i] for i in (5, 6, 3, 1, 7, 2)]
#: Colour and marker of each comparison.
COMPARISON_STYLE = {
    "reference": (COLOURS[0], "o"),
    "truth": (COLOURS[1], "s"),
    "reference_vs_truth": (COLOURS[2], "^"),
}


def save(figure: Figure, pdf: str, png: str) -> None:
    """Save a figure; equal figures make equal files."""
    figure.savefig(pdf, metadata={"CreationDate": None})
    figure.savefig(png)


def published_numbers(path: str | Path) -> dict[str, dict[str, Any]]:
    """Return the numbers of ``resources/published.yaml`` by key."""
    return {number["key"]: number for number in yaml.safe_load(Path(path).read_text())["numbers"]}


def set_title(figure: Figure, table: Table, *notes: str) -> None:
    """Say above a figure what was measured on, and what else must be known."""
    letters = int(LETTERS_PER_INCH * figure.get_figwidth())
    lines = [textwrap.fill(note, letters) for note in (describe(table), *notes) if note]
    figure.suptitle("\n".join(lines), size=7)


def say(axis: Axes, words: str) -> None:
    """Write across a panel why no measurement is drawn; without anything it has no ticks."""
    if not axis.has_data():
        axis.set(xticks=[], yticks=[])
    axis.text(0.5, 0.7, words, transform=axis.transAxes, ha="center", size=8)


def undefined(*values: ArrayLike) -> str:
    """Say how many points are not drawn because a value of theirs is undefined, if any."""
    count = int((~np.isfinite(np.array(values, dtype=float))).any(axis=0).sum())
    return f"{count} undefined, not drawn" if count else ""


def draw_intervals(
    axis: Axes, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: ColorType
) -> None:
    """Draw intervals as bars; undefined ones are left out."""
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    # A percentile interval may lie beside its value, which error bars cannot.
    middle, half = (low + high) / 2, (high - low) / 2
    axis.errorbar(x, middle, half, fmt="none", ecolor=colour, elinewidth=0.8, capsize=2, zorder=2)


def with_interval(row: Any, name: str, form: str = ".0f", unit: str = "%") -> str:
    """Write a fraction in percent with its interval, such as ``14 [9, 18] %``."""
    value, low, high = (100 * row[f"{name}{end}"] for end in ("", "_lo", "_hi"))
    if np.isnan(value):
        return "undefined"
    interval = "" if np.isnan(low) else f" [{low:{form}}, {high:{form}}]"
    return f"{value:{form}}{interval} {unit}".replace("-", "−")


def legend_below(axis: Axes) -> None:
    """Put the legend of a panel below it."""
    down = ScaledTranslation(-0.35, -0.38, axis.figure.dpi_scale_trans)
    where = {"bbox_to_anchor": (0, 0), "bbox_transform": axis.transAxes + down}
    axis.legend(loc="upper left", borderaxespad=0, **where)


def decimal_years(mjd: ArrayLike) -> NDArray[np.float64]:
    """Return Modified Julian Dates, d, as years with decimals."""
    return Time(np.asarray(mjd, dtype=float), format="mjd").decimalyear


def name_years(axis: Axes, years: ArrayLike) -> None:
    """Make the horizontal axis one of dates that holds these years, and at least four."""
    spare = max(0.6, (4 - np.ptp(years)) / 2)
    axis.set_xlim(np.min(years) - spare, np.max(years) + spare)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axis.set_xlabel("date (year)")


def draw_table1(table: Table, published: Table) -> Figure:
    """Draw recall and precision against star region (paper Table 1).

    Parameters
    ----------
    table : Table
        Of `crstudy.metrics.table1.make_table1`.
    published : Table
        Of `crstudy.metrics.published_table1.published_table1`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels at the width of two columns.
    """
    mpl.use("Agg")
    regions = list(dict.fromkeys(table["region"]))
    models = list(dict.fromkeys(table["model"][table["comparison"] == "reference"]))
    figure, axes = plt.subplots(
        1, 2, figsize=(TWO_COLUMNS_INCH, 3.4), sharey=True, layout="constrained"
    )
    for axis, score in zip(axes, ("recall", "precision"), strict=True):
        _draw_paper(axis, published, regions, score)
        _draw_measured(axis, table, regions, models, score)
        axis.set_xticks(range(len(regions)), ["full" if r == FULL else r for r in regions])
        axis.set_xlabel("region: full frame, or stars above k × RMS")
        axis.set_ylabel(f"{score} (%)")
        axis.set_ylim(-3, 103)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.suptitle(f"{describe(table)}; bars: {table.meta['interval']}", size=8)
    return figure


def _draw_paper(axis: Axes, published: Table, regions: list[str], score: str) -> None:
    x = [regions.index(region) for region in published["region"] if region in regions]
    y = [100 * row[score] for row in published if row["region"] in regions]
    axis.plot(x, y, "k*--", label="paper (Lin et al. 2023): detector against its reference")


def _draw_measured(
    axis: Axes, table: Table, regions: list[str], models: list[str], score: str
) -> None:
    series = list(dict.fromkeys(zip(table["comparison"], table["model"], strict=True)))
    for i, (comparison, model) in enumerate(series):
        rows = table[(table["comparison"] == comparison) & (table["model"] == model)]
        colour, marker = COMPARISON_STYLE[comparison]
        value, low, high = (
            100 * np.asarray(rows[f"{score}{end}"], dtype=float) for end in ("", "_lo", "_hi")
        )
        x = np.array([regions.index(region) for region in rows["region"]])
        x = x + 0.12 * (i - (len(series) - 1) / 2)
        # A score without interval (one group) is still drawn.
        error = np.nan_to_num(np.abs([value - low, high - value]))
        style = ["-", "--", ":", "-."][models.index(model) % 4] if model in models else "-"
        label = COMPARISON_WORDS[comparison].replace(" (the paper's way)", "")
        if len(models) > 1 and model in models:
            label = f"{model}: {label}"
        axis.errorbar(
            x, value, error, color=colour, marker=marker, ls=style, capsize=2, label=label
        )
