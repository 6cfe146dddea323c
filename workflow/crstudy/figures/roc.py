"""ROC and precision-recall curves of the methods."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.config.registry import METHODS
from crstudy.figures.style import (
    COMPARED_WITH,
    draw_other,
    legend_of,
    look_of,
    looks_with_others,
    missing_words,
    set_title,
    shown_regions,
    split_methods,
)
from crstudy.metrics.names import FULL

#: False-positive rates that the ROC shows.
FPR_RANGE = (1e-5, 5e-2)


def draw(roc: Table) -> Figure:
    """Draw ROC and precision-recall curves of all methods.

    Parameters
    ----------
    roc : Table
        Of `crstudy.metrics.curves.roc_tables.curve_table`.

    Returns
    -------
    matplotlib.figure.Figure
        Columns: full frame and star regions. Rows: for each comparison the ROC, and
        precision against recall.
    """
    comparisons = [name for name in COMPARED_WITH if name in roc["comparison"]]
    regions = shown_regions(roc, FULL)
    figure = Figure(layout="constrained")
    panels = figure.subplots(2 * len(comparisons), len(regions), sharey="row", squeeze=False)
    for i, comparison in enumerate(comparisons):
        for j, region in enumerate(regions):
            here = roc[(roc["comparison"] == comparison) & (roc["region"] == region)]
            above, below = panels[2 * i, j], panels[2 * i + 1, j]
            where = "full frame" if region == FULL else f"stars above {region} RMS"
            above.set_title(where)
            _draw_curves(above, here, "fpr", "recall")
            _draw_curves(below, here, "recall", "precision")
            above.set(xscale="log", xlim=FPR_RANGE, ylim=(0, 102), xlabel="false-positive rate (%)")
            above.set_xticks([1e-5, 1e-4, 1e-3, 1e-2], ["0.001", "0.01", "0.1", "1"])
            below.set(xlim=(0, 102), ylim=(0, 102), xlabel="recall (%)")
        panels[2 * i, 0].set_ylabel(f"recall (%)\nagainst {COMPARED_WITH[comparison]}")
        panels[2 * i + 1, 0].set_ylabel(f"precision (%)\nagainst {COMPARED_WITH[comparison]}")
    looks = looks_with_others(*split_methods(roc["method"]))
    looks = {words: (colour, "", line) for words, (colour, _, line) in looks.items()}
    legend_of(figure, looks, "outside lower center", ncols=3)
    set_title(figure, roc, *missing_words(roc))
    return figure


def _draw_curves(axis: Axes, rows: Table, x: str, y: str) -> None:
    """Draw a line for each method; probabilities without gaps, scans with their thresholds."""
    _, others = split_methods(rows["method"])
    for method in dict.fromkeys(rows["method"]):
        curve = rows[rows["method"] == method]
        colour, _, line = look_of(method)
        scale = 1 if x == "fpr" else 100
        if method in others:
            draw_other(axis, scale * np.asarray(curve[x]), 100 * np.asarray(curve[y]))
            continue
        marker = {} if METHODS[method].unit == "probability" else {"marker": ".", "ms": 2}
        axis.plot(
            scale * np.asarray(curve[x]),
            100 * np.asarray(curve[y]),
            line,
            color=colour,
            lw=1,
            **marker,
        )
