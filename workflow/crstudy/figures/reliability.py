"""Figure of the reliability of probabilities."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.config.registry import METHODS
from crstudy.figures.style import (
    COMPARED_WITH,
    draw_intervals,
    missing_words,
    set_title,
    shown_regions,
    style_of,
)
from crstudy.metrics.names import SKY, all_strata

#: Of both axes, by the logit.
LIMITS = (3e-6, 1 - 1e-4)
TICKS = {1e-5: "0.001", 1e-3: "0.1", 0.1: "10", 0.5: "50", 0.9: "90", 0.999: "99.9"}
#: Height of a line of scores, in units of a panel.
LINE = 0.065


def draw(reliability: Table, calibration: Table) -> Figure:
    """Draw reliability diagrams.

    Parameters
    ----------
    reliability, calibration : Table
        Of `crstudy.metrics.curves.reliability.reliability_table` and
        `crstudy.metrics.curves.reliability.calibration_table`.

    Returns
    -------
    matplotlib.figure.Figure
        Columns: the sky, and two star regions. Rows: the data taken as the truth.
    """
    reliability, calibration = all_strata(reliability), all_strata(calibration)
    comparisons = [name for name in COMPARED_WITH if name in reliability["comparison"]]
    regions = shown_regions(reliability, SKY)
    figure = Figure(layout="constrained")
    shape = len(comparisons), len(regions)
    panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
    for i, comparison in enumerate(comparisons):
        for j, region in enumerate(regions):
            diagram, scores = (
                table[(table["comparison"] == comparison) & (table["region"] == region)]
                for table in (reliability, calibration)
            )
            axis = panels[i, j]
            _draw_diagram(axis, diagram)
            _write_scores(axis, scores)
            where = "sky" if region == SKY else f"stars above {region} RMS"
            axis.set_title(where, loc="left")
        panels[i, 0].set_ylabel(f"pixels with a cosmic ray (%),\n{COMPARED_WITH[comparison]}")
    for axis in panels[-1]:
        axis.set_xlabel("probability (%)")
    axis.set(xscale="logit", yscale="logit", xlim=LIMITS, ylim=LIMITS)
    axis.set_xticks(list(TICKS), list(TICKS.values()))
    axis.set_yticks(list(TICKS), list(TICKS.values()))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    notes = [f"bars: {reliability.meta['interval']}", *missing_words(reliability)]
    set_title(figure, reliability, *notes)
    return figure


def _draw_diagram(axis: Axes, rows: Table) -> None:
    axis.axline((0.5, 0.5), (0.6, 0.6), color="0.6", lw=0.8)
    for method in dict.fromkeys(rows["method"]):
        # The scale has no place for bins without pixels, or of which none or all hold one.
        fraction = rows["observed_fraction"]
        shown = rows[(rows["method"] == method) & (fraction > 0) & (fraction < 1)]
        colour, line = style_of(method)
        x, label = shown["mean_probability"], METHODS[method].label
        axis.plot(x, shown["observed_fraction"], f"o{line}", color=colour, ms=2, label=label)
        ends = (np.clip(shown[f"observed_fraction_{end}"], *LIMITS) for end in ("lo", "hi"))
        draw_intervals(axis, x, *ends, (colour, 0.5))


def _write_scores(axis: Axes, scores: Table) -> None:
    """Write Brier score and calibration error of each method, in its colour."""
    lines = [("Brier, ECE", "black")]
    lines += [
        (f"{row['brier']:#.2g}, {row['ece']:#.2g}", style_of(row["method"])[0]) for row in scores
    ]
    for i, (words, colour) in enumerate(lines):
        place = {"transform": axis.transAxes, "va": "top"}
        axis.text(0.03, 0.97 - LINE * i, words, size=6, color=colour, **place)
