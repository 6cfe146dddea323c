"""Figure of predicted against published recall and false positives, drawn from its table."""

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure, SubFigure

from crstudy.figures.style import COLOURS, draw_points, legend_of, long_form

#: Methods with their label and look; nets of CRNet are one.
METHODS = {
    "zb20-f606w": ("deepCR 2-32", (COLOURS[0], "o", "")),
    "zb20-2-4": ("deepCR 2-4", (COLOURS[1], "s", "")),
    "lacosmic": ("L.A.Cosmic", (COLOURS[2], "D", "")),
    "crnet": ("CRNet, four nets", (COLOURS[3], "^", "")),
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
    figure = Figure(figsize=(7.1, 5.4), layout="constrained")
    above, below = figure.subfigures(2, 1)
    _draw_row(above, rows, "recall", "recall")
    _draw_row(below, rows, "fpr", "false positives")
    for axis in above.axes:
        axis.set(xlim=(15, 101), ylim=(15, 101))
    for axis in below.axes:
        axis.set(xscale="log", yscale="log", xlim=(1e-4, 60), ylim=(1e-4, 60), title="")
    legend_of(figure, dict(METHODS.values()), "outside lower center", ncols=len(METHODS))
    return figure


def _draw_row(part: SubFigure, rows: Table, quantity: str, words: str) -> None:
    """Draw the points with a published value, in percent, a panel for each field class."""
    rows = long_form(rows[np.isfinite(rows[f"published_{quantity}"])], [quantity])
    names = [next((m for m in METHODS if str(n).startswith(m)), "") for n in rows["method"]]
    rows = rows[np.array(names) != ""]
    rows["series"] = [METHODS[name][0] for name in names if name]
    rows["few"], rows["published"] = rows["dilated"], 100 * rows[f"published_{quantity}"]
    if quantity == "fpr":
        for name in ("value", "low", "high", "published"):
            rows[name] = np.maximum(rows[name], 100 * LEAST_FPR)
    draw_points(part, rows, "published", dict(METHODS.values()), share_y=True, col="field_class")
    for axis, kind in zip(part.axes, dict.fromkeys(rows["field_class"]), strict=True):
        axis.axline((1, 1), (10, 10), color="black", linewidth=0.6)
        title = kind.replace("_", " ")
        axis.set(title=title, xlabel=f"published {words} (%)", ylabel=f"predicted {words} (%)")
