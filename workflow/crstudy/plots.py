"""Figures, drawn from tables."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.table1 import COMPARISON_WORDS, FULL, describe

TWO_COLUMNS_INCH = 7.1
COLOURS = sns.color_palette("colorblind")
#: Colour and marker of each comparison.
COMPARISON_STYLE = {
    "reference": (COLOURS[0], "o"),
    "truth": (COLOURS[1], "s"),
    "reference_vs_truth": (COLOURS[2], "^"),
}


def draw_table1(table: Table, published: Table) -> Figure:
    """Draw recall and precision against star region (paper Table 1).

    Parameters
    ----------
    table : Table
        Of `crstudy.table1.make_table1`.
    published : Table
        Of `crstudy.table1.published_table1`.

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
