"""Figure of predicted against published recall and false positives, drawn from its table."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures.style import COLOURS, draw_intervals

#: Methods with their label and marker; nets of CRNet are one.
METHODS = {
    "zb20-f606w": ("deepCR 2-32", "o"),
    "zb20-2-4": ("deepCR 2-4", "s"),
    "lacosmic": ("L.A.Cosmic", "D"),
    "crnet": ("CRNet, four nets", "^"),
}
#: Fractions of false positives below this rest on a few pixels and are drawn on the edge.
LEAST_FPR = 1e-6


def draw_prediction(table: Table, source: str = "physical") -> Figure:
    """Draw predicted against published recall (above) and false-positive rate (below).

    Parameters
    ----------
    table : Table
        Of ``benchmarks/calibrate.py``.
    source : str
        Generator of cosmic rays.

    Returns
    -------
    matplotlib.figure.Figure
        A column of panels for each field class; open symbols: dilated predictions.
    """
    rows = table[table["source"] == source]
    classes = list(dict.fromkeys(rows["field_class"]))
    figure = Figure(figsize=(7.1, 5.4), layout="constrained")
    panels = figure.subplots(2, len(classes), sharex="row", sharey="row", squeeze=False)
    for i, kind in enumerate(classes):
        above, below = panels[:, i]
        some = rows[rows["field_class"] == kind]
        above.set_title(kind.replace("_", " "), loc="left")
        for axis, quantity in ((above, "recall"), (below, "fpr")):
            _draw_points(axis, some, quantity)
        above.set(xlim=(15, 101), ylim=(15, 101), xlabel="published recall (%)")
        below.set(xscale="log", yscale="log", xlim=(1e-4, 60), ylim=(1e-4, 60))
        below.set_xlabel("published false positives (%)")
    panels[0, 0].set_ylabel("predicted recall (%)")
    panels[1, 0].set_ylabel("predicted false positives (%)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _draw_points(axis: Axes, rows: Table, quantity: str) -> None:
    """Draw the points of a field class, those with a published value, in percent."""
    published = f"published_{quantity}"
    axis.axline((1, 1), (10, 10), color="black", linewidth=0.6)
    for colour, (method, (label, marker)) in zip(COLOURS, METHODS.items(), strict=False):
        mine = np.array([str(name).startswith(method) for name in rows["method"]])
        for dilated in (False, True):
            here = rows[mine & (rows["dilated"] == dilated) & np.isfinite(rows[published])]
            x = 100 * np.array(here[published])
            ends = 100 * np.array([here[quantity], here[f"{quantity}_lo"], here[f"{quantity}_hi"]])
            if quantity == "fpr":
                x, ends = (np.maximum(one, 100 * LEAST_FPR) for one in (x, ends))
            draw_intervals(axis, x, ends[1], ends[2], colour)
            axis.plot(
                x,
                ends[0],
                marker,
                color=colour,
                markersize=4,
                fillstyle="none" if dilated else "full",
                label=None if dilated else label,
            )
