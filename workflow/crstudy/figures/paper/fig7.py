"""Figure 7: F scores on stars against date."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures import style

SCORE_WORDS = {"f05": "$F_{0.5}$", "f1": "$F_1$", "f2": "$F_2$"}
COMPARISON_NAMES = {"reference": "reference", "truth": "true cosmic rays"}


def draw(stability: Table, trends: Table, published: Mapping[str, Any]) -> Figure:
    """Draw the F scores on stars against date (paper Figure 7).

    Parameters
    ----------
    stability : Table
        Of `crstudy.photometry.stability.score_groups`.
    trends : Table
        Of `crstudy.photometry.stability.find_trends`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each of F0.5, F1 and F2.
    """
    figure = Figure(layout="constrained")
    axes = figure.subplots(1, len(SCORE_WORDS), sharey=True)
    numbers = style.published_numbers(published)
    trend = {row["quantity"]: row for row in trends}
    for axis, letter, name in zip(axes, "abc", SCORE_WORDS, strict=True):
        if f"{name}_mean" in numbers:
            _draw_band(axis, numbers[f"{name}_mean"], numbers[f"{name}_spread"]["value"])
        for comparison in COMPARISON_NAMES:
            rows = stability[stability["comparison"] == comparison]
            if len(rows):
                _draw_score(axis, rows, name, comparison, trend[f"{name} {comparison}"])
        if not np.isfinite(stability[name]).any():
            style.annotate_empty(axis, "no pixel to score")
        style.name_years(axis, stability["year"])
        axis.tick_params(labelleft=True)
        axis.set_title(f"({letter}) {SCORE_WORDS[name]}")
        style.legend_below(axis)
    axes[0].set_ylabel(f"score on {stability.meta['region'].removeprefix('pixels of ')} (%)")
    note = "mean ± standard deviation of the groups, drift in percentage points; in brackets: "
    # What follows the semicolon is about fewer than six groups.
    interval = trends.meta["interval"]
    note += interval if max(trends["groups"]) < 6 else interval.split(";")[0]
    style.set_title(figure, trends, note if np.isfinite(trends["slope_per_decade"]).any() else "")
    return figure


def _draw_band(axis: Axes, mean: Mapping[str, Any], spread: float) -> None:
    value = mean["value"]
    axis.axhspan(value - spread, value + spread, color="k", alpha=0.12, lw=0)
    axis.axhline(value, color="k", label=f"{style.PAPER}: {value} ± {spread} %")


def _draw_score(axis: Axes, rows: Table, name: str, comparison: str, trend: Any) -> None:
    """Draw a score of every group against date and its mean."""
    colour, marker = style.COMPARISON_STYLE[comparison]
    y = 100 * np.asarray(rows[name], dtype=float)
    look = {"mec": colour, "mfc": colour if comparison == "reference" else "none"}
    lines = [
        f"against the {COMPARISON_NAMES[comparison]}:",
        style.mean_words(trend),
        style.drift_words(trend),
    ]
    words = "\n".join(filter(None, [*lines, style.undefined(y)]))
    axis.plot(rows["year"], y, marker, color=colour, label=words, **look)
    if np.isfinite(trend["mean"]):
        look = "-" if comparison == "reference" else "--"
        axis.axhline(100 * trend["mean"], color=colour, ls=look, lw=0.8, zorder=1)
