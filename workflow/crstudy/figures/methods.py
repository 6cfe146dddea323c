"""Figures that compare methods, drawn from tables."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from crstudy.config.registry import METHODS
from crstudy.figures.style import COLOURS, draw_intervals, set_title
from crstudy.metrics.names import FULL

#: False-positive rates that the ROC shows.
FPR_RANGE = (1e-5, 5e-2)
LINES = ("-", "--", ":", "-.")
RULERS = {"reference": "AstroDrizzle reference", "truth": "true cosmic rays"}
AREAS = 3


def draw_roc(roc: Table) -> Figure:
    """Draw ROC and precision-recall curves of all methods.

    Parameters
    ----------
    roc : Table
        Of `crstudy.metrics.roc_tables.curve_table`.

    Returns
    -------
    matplotlib.figure.Figure
        Columns: full frame and star regions. Rows: for each ruler the ROC, and precision against
        recall.
    """
    rulers = [name for name in RULERS if name in roc["comparison"]]
    regions = _shown_regions(roc)
    figure = Figure(layout="constrained")
    panels = figure.subplots(2 * len(rulers), len(regions), sharey="row", squeeze=False)
    for i, ruler in enumerate(rulers):
        for j, region in enumerate(regions):
            here = roc[(roc["comparison"] == ruler) & (roc["region"] == region)]
            above, below = panels[2 * i, j], panels[2 * i + 1, j]
            where = "full frame" if region == FULL else f"stars above {region} RMS"
            above.set_title(where, loc="left")
            _draw_curves(above, here, "fpr", "recall")
            _draw_curves(below, here, "recall", "precision")
            above.set(xscale="log", xlim=FPR_RANGE, ylim=(0, 102), xlabel="false positives (%)")
            above.set_xticks([1e-5, 1e-4, 1e-3, 1e-2], ["0.001", "0.01", "0.1", "1"])
            below.set(xlim=(0, 102), ylim=(0, 102), xlabel="recall (%)")
        panels[2 * i, 0].set_ylabel(f"recall (%)\nagainst {RULERS[ruler]}")
        panels[2 * i + 1, 0].set_ylabel(f"precision (%)\nagainst {RULERS[ruler]}")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    set_title(figure, roc, *missing_words(roc))
    return figure


def _shown_regions(table: Table) -> list[str]:
    """Return the full frame and two star regions: the faintest, and one near 20 RMS."""
    stars = sorted({str(r) for r in table["region"]} - {FULL}, key=float)
    bright = min(stars[1:], key=lambda name: abs(float(name) - 20), default=None)
    return [FULL, *stars[:1], *([bright] if bright else [])]


def _draw_curves(axis: Axes, rows: Table, x: str, y: str) -> None:
    """Draw a line for each method; probabilities without gaps, scans with their thresholds."""
    for method in dict.fromkeys(rows["method"]):
        curve = rows[rows["method"] == method]
        colour, line = style_of(method)
        scale = 1 if x == "fpr" else 100
        marker = {} if METHODS[method].unit == "probability" else {"marker": ".", "ms": 2}
        axis.plot(
            scale * np.asarray(curve[x]),
            100 * np.asarray(curve[y]),
            line,
            color=colour,
            lw=1,
            label=METHODS[method].label,
            **marker,
        )


def style_of(method: str) -> tuple[str, str]:
    """Return colour and line style of a method: the same in every figure."""
    number = list(METHODS).index(method)
    return COLOURS[number % len(COLOURS)], LINES[number // len(COLOURS)]


def missing_words(table: Table) -> Sequence[str]:
    """Say for which exposures a method is missing."""
    return [
        f"{METHODS[method].label} failed on {len(exposures)} exposures, which count nowhere for it"
        for method, exposures in table.meta["missing"].items()
        if exposures
    ]


def draw_methods(recall: Table, speed: Table) -> Figure:
    """Draw recall at one false-positive rate, and what each method costs.

    Parameters
    ----------
    recall : Table
        Of `crstudy.metrics.roc_tables.recall_table`, at one rate.
    speed : Table
        Columns method, cpu_s_per_mpx, max_rss_mb.

    Returns
    -------
    matplotlib.figure.Figure
        (a) recall against the best ruler there is by star region, (b) cost.
    """
    ruler = "truth" if "truth" in recall["comparison"] else "reference"
    rows = recall[recall["comparison"] == ruler]
    regions = list(dict.fromkeys(rows["region"]))
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    methods = list(dict.fromkeys(rows["method"]))
    for i, method in enumerate(methods):
        here = rows[rows["method"] == method]
        x = np.array([regions.index(r) for r in here["region"]]) + 0.08 * (i - len(methods) / 2)
        colour, line = style_of(method)
        left.plot(
            x,
            100 * here["recall"],
            f"o{line}",
            color=colour,
            ms=3,
            lw=0.6,
            label=METHODS[method].label,
        )
        draw_intervals(left, x, 100 * here["recall_lo"], 100 * here["recall_hi"], colour)
    rate = 100 * recall["fpr"][0]
    left.set_title(f"(a) recall at {rate:g} % false positives, {RULERS[ruler]}", loc="left")
    left.set(ylabel="recall (%)", ylim=(-2, 102), xlabel="star region (RMS)")
    left.set_xticks(range(len(regions)), regions)
    y = np.arange(len(speed))[::-1]
    right.scatter(speed["cpu_s_per_mpx"], y, color=[style_of(m)[0] for m in speed["method"]])
    right.set_yticks(y, [METHODS[m].label for m in speed["method"]])
    right.set(xscale="log", xlabel="CPU time (s per Mpx)", ylim=(-0.5, len(speed) - 0.5))
    right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.xaxis.set_major_formatter("{x:g}")
    right.xaxis.set_minor_formatter(NullFormatter())
    right.set_title("(b) cost", loc="left")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    set_title(figure, recall, f"bars: {recall.meta['interval']}", *missing_words(recall))
    return figure
