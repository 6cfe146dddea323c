"""Figure of masks and photometry on CSST exposures, drawn from tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crstudy.config.groups import SURVEY_EXPTIME_S
from crstudy.config.registry import METHODS
from crstudy.csst.limits import LEVELS
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.figures.style import draw_intervals, missing_words, percent, set_title, style_of
from crstudy.metrics.names import FULL

#: Rows of the figure: quantity, its table and its axis.
ROWS = (
    ("recall", "scores", "recall (%)"),
    ("precision", "scores", "precision (%)"),
    ("anomalous_fraction", "photometry", "stars with wrong flux (%)"),
)
#: Methods are drawn this much apart, as a factor in exposure time.
APART = 1.018


def draw(scores: Table, photometry: Table, published: Mapping[str, Any]) -> Figure:
    """Draw recall, precision and photometry of all methods against exposure time.

    Parameters
    ----------
    scores : Table
        Of `crstudy.csst.scores.score_table`.
    photometry : Table
        Of `crstudy.csst.photometry.photometry_table`.
    published : mapping
        ``resources/published_csst.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        Rows: `ROWS`. Columns: default and tuned threshold.
    """
    tables = {
        "scores": scores[(scores["field_class"] == ALL) & (scores["region"] == FULL)],
        "photometry": photometry[photometry["field_class"] == ALL],
    }
    figure = Figure(layout="constrained")
    panels = figure.subplots(len(ROWS), 2, sharex=True, sharey="row")
    methods = list(dict.fromkeys([ORIGINAL, *scores["method"]]))
    for (quantity, name, label), row in zip(ROWS, panels, strict=True):
        table = tables[name]
        for axis, kind in zip(row, (UNCHANGED, THRESHOLD), strict=True):
            if name == "scores":
                _draw_published(axis, published["retrained"], quantity)
            for number, method in enumerate(methods):
                variant = UNCHANGED if method == ORIGINAL else kind
                curve = table[(table["remedy"] == variant) & (table["method"] == method)]
                _draw_curve(axis, curve, quantity, method, APART ** (number - len(methods) / 2))
        row[0].set_ylabel(label)
    _finish(panels, sorted({float(time) for time in scores["exptime_s"]}))
    handles: dict[str, Any] = {}
    for axis in panels[::-1, 0]:
        handles |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=4)
    set_title(
        figure,
        scores,
        f"bars: {photometry.meta['interval']}; wrong flux: {photometry.meta['anomalous']}",
        *missing_words(scores, "inputs"),
    )
    return figure


def _draw_published(axis: Axes, published: Mapping[str, Any], score: str) -> None:
    value, error = published[f"{score}_percent"], published[f"{score}_error_percent"]
    band = {"color": "0.6", "lw": 0.8, "alpha": 0.8, "zorder": 0}
    axis.axhspan(value - error, value + error, label=f"{published['label']}, retrained", **band)


def _draw_curve(axis: Axes, rows: Table, quantity: str, method: str, shift: float) -> None:
    """Draw a quantity against exposure time with its intervals."""
    if not len(rows):
        return
    colour, line = ("black", "-") if method == ORIGINAL else style_of(method)
    label = "no rejection" if method == ORIGINAL else METHODS[method].label
    x = shift * np.asarray(rows["exptime_s"], dtype=float)
    value, low, high = percent(rows, quantity)
    axis.plot(x, value, f"o{line}", color=colour, ms=2.5, lw=0.8, label=label)
    draw_intervals(axis, x, low, high, colour)


def _finish(panels: NDArray, times: Sequence[float]) -> None:
    """Set scales, ticks and titles, and draw the lines that help to read the panels."""
    for axis, words in zip(panels[0], ("default threshold", "tuned threshold"), strict=True):
        axis.set_title(words, loc="left")
    for axis in panels.flat:
        axis.axvline(SURVEY_EXPTIME_S, color="0.4", ls=":", lw=0.8, zorder=0)
        axis.set_xscale("log")
        axis.set_xticks(times, [f"{time:g}" for time in times])
        axis.minorticks_off()
    for axis in panels[:2].flat:
        axis.set_ylim(-2, 102)
    for axis in panels[2]:
        axis.set_yscale("symlog", linthresh=1, linscale=0.6)
        axis.set_ylim(-0.1, 130)
        axis.set_yticks([0, 0.5, 1, 5, 10, 50, 100], ["0", "0.5", "1", "5", "10", "50", "100"])
        for level in LEVELS:
            axis.axhline(100 * level, color="0.4", ls="--", lw=0.8, zorder=0)
    for axis in panels[-1]:
        axis.set_xlabel("exposure time (s)")
