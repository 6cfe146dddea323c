"""Figure 8: RMS of flux ratios against date."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from crstudy.figures import style
from crstudy.photometry.summary import ALL


def draw(summary: Table, trends: Table, published: Mapping[str, Any]) -> Figure:
    """Draw the RMS of the flux ratios of each group against date (paper Figure 8).

    Parameters
    ----------
    summary : Table
        Of `crstudy.photometry.summary.summarise`.
    trends : Table
        Of `crstudy.photometry.stability.find_trends`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        One panel, with the mean of the groups and three standard deviations about it.
    """
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    rows = summary[summary["group"] != ALL]
    years = style.decimal_years(rows["mjd"])
    rows = style.long_form(rows, ["rms_trimmed"])
    rows["year"], rows["series"], value = years, "group", rows["value"]
    if not np.isfinite(value).any():
        style.annotate_empty(axis, style.NO_STAR)
    style.draw_points(axis, rows, "year", {"group": (style.COLOURS[0], "o", "")})
    axis.plot([], [], "o", color=style.COLOURS[0], label="group")
    row = trends[trends["quantity"] == "rms_trimmed"][0]
    mean, std = 100 * row["mean"], 100 * row["std"]
    if np.isfinite(mean):
        words = "\ndrift ".join(
            filter(None, [style.mean_words(row, ".3f"), style.drift_words(row, "+.3f")])
        )
        axis.axhline(mean, color=style.COLOURS[1], label=words)
    if np.isfinite(std):
        within = int((np.abs(value - mean) <= 3 * std).sum())
        words = f"mean ± 3 standard deviations: {within} of {row['groups']} groups within;\n"
        paper = style.published_numbers(published)["rms_within_3_std"]
        words += f"{style.PAPER}: {paper['published']}"
        for line in (mean - 3 * std, mean + 3 * std):
            axis.axhline(line, color=style.COLOURS[2], ls="--", label=words)
            words = None
    # Linear to 0.1 %, logarithmic beyond: the bars of few stars are long.
    axis.set_yscale("symlog", linthresh=0.1)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.margins(y=0.05)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("RMS of flux ratio − 1 (%)")
    style.name_years(axis, years)
    style.legend_below(axis)
    note = f"bars: {summary.meta['interval'].split(';')[0]} over the group's stars"
    style.set_title(figure, summary, note, style.undefined(value))
    return figure
