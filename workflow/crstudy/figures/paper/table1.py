"""Table 1: recall and precision of deepCR."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.core.formatting import describe
from crstudy.figures.style import COMPARISON_STYLE, LINES, draw_intervals, name_regions, percent
from crstudy.metrics.names import COMPARISON_WORDS, WITH_RIMS, all_strata
from crstudy.metrics.published_table1 import published_table1


def draw(table: Table, published: Mapping[str, Any]) -> Figure:
    """Draw recall and precision against star region (paper Table 1).

    Parameters
    ----------
    table : Table
        Of `crstudy.metrics.table1.make_table1`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels at the width of two columns.
    """
    table = all_strata(table)
    regions = list(dict.fromkeys(table["region"]))
    models = list(dict.fromkeys(table["model"][table["comparison"] == "reference"]))
    figure = Figure(layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, score in zip(axes, ("recall", "precision"), strict=True):
        _draw_paper(axis, published_table1(published), regions, score)
        _draw_measured(axis, table, regions, models, score)
        name_regions(axis, regions)
        axis.set_ylabel(f"{score} (%)")
        axis.set_ylim(-3, 103)
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
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
        rims = comparison.endswith(WITH_RIMS)
        if rims and score == "recall":
            # The same: rims are no cosmic rays.
            continue
        rows = table[(table["comparison"] == comparison) & (table["model"] == model)]
        colour, marker = COMPARISON_STYLE[comparison]
        value, low, high = percent(rows, score)
        x = np.array([regions.index(region) for region in rows["region"]])
        x = x + 0.1 * (i - (len(series) - 1) / 2)
        style = LINES[models.index(model) % 4] if model in models else "-"
        words = COMPARISON_WORDS[comparison.removesuffix(WITH_RIMS)]
        label = words.split(" (")[0].split(",")[0] + ", with rims" * rims
        if len(models) > 1 and model in models:
            label = f"{model}: {label}"
        face, style = ("none", ":") if rims else (colour, style)
        axis.plot(x, value, color=colour, marker=marker, mfc=face, ls=style, label=label)
        draw_intervals(axis, x, low, high, colour)
