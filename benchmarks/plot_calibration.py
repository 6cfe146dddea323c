"""Figure of the simulator's calibration, drawn from its table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration import FROZEN, LABELS
from crstudy.figures.style import COLOURS, draw_intervals

PUBLISHED = "black"
#: Quantities whose change panel (c) shows, with their label and method.
FOLLOWED = (
    ("recall against reference, full", "zb20-f606w", "deepCR against labels, full frame"),
    ("recall against truth, full", "zb20-f606w", "deepCR against truth, full frame"),
    ("recall against truth, 3", "zb20-f606w", "deepCR against truth, stars > 3 RMS"),
    ("recall against truth, 3", LABELS, "labels against truth, stars > 3 RMS"),
)


def draw_calibration(table: Table, targets: Mapping[str, Any]) -> Figure:
    """Draw simulated and published recall, and its dependence on the cosmic-ray parameters.

    Parameters
    ----------
    table : Table
        Of ``benchmarks/calibrate.py``.
    targets : mapping
        ``resources/calibration.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        (a) and (b) recall of a method by field class and rate, every set of parameters;
        (c) change of recall with every set.
    """
    figure = Figure(figsize=(7.1, 7.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.15))
    panels = above.subplots(1, 2, sharey=True)
    methods = {"zb20-f606w": "(a) deepCR (zb20)", "lacosmic": "(b) L.A.Cosmic"}
    for axis, (method, title) in zip(panels, methods.items(), strict=True):
        _draw_recall(axis, table, method, targets["recall"])
        axis.set_title(title, loc="left")
    panels[0].set_ylabel("recall against labels (%)")
    above.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    axis = below.subplots()
    _draw_change(axis, table)
    below.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    axis.set_title("(c) change with the cosmic-ray parameters", loc="left")
    return figure


def _draw_recall(axis: Axes, table: Table, method: str, targets: Mapping[str, Any]) -> None:
    rows = table[(table["quantity"] == "recall") & (table["method"] == method)]
    ticks = []
    for i, (kind, published) in enumerate(targets["published"].items()):
        for j, (rate, value) in enumerate(zip(targets["rates"], published[method], strict=True)):
            x = 2.4 * i + j
            here = rows[(rows["field_class"] == kind) & np.isclose(rows["fpr"], rate)]
            frozen, moved = here[here["rays"] == FROZEN], here[here["rays"] != FROZEN]
            first = i == j == 0
            axis.plot(
                np.full(len(moved), x + 0.12),
                moved["value"],
                "_",
                color=COLOURS[1],
                label="simulated, one parameter varied" if first else None,
            )
            axis.plot(
                [x - 0.12],
                frozen["value"],
                "o",
                color=COLOURS[0],
                label="simulated" if first else None,
            )
            draw_intervals(axis, [x - 0.12], frozen["low"], frozen["high"], COLOURS[0])
            axis.plot([x], [value], "D", color=PUBLISHED, label="published" if first else None)
            ticks.append((x, f"{100 * rate:g} %"))
        ticks.append((2.4 * i + 0.5, f"\n{kind.replace('_', ' ')}"))
    axis.set_xticks(*zip(*ticks, strict=True))
    axis.set(ylim=(0, 103), xlabel="false-positive rate, field class")


def _draw_change(axis: Axes, table: Table) -> None:
    names = [name for name in dict.fromkeys(table["rays"]) if name != FROZEN]
    places = np.arange(len(names))
    for i, (quantity, method, label) in enumerate(FOLLOWED):
        rows = table[(table["quantity"] == quantity) & (table["method"] == method)]
        value = {row["rays"]: float(row["value"]) for row in rows}
        change = [value[name] - value[FROZEN] for name in names]
        axis.plot(change, places + 0.15 * (i - 1.5), "os^v"[i], color=COLOURS[i], label=label)
    axis.axvline(0, color=PUBLISHED, linewidth=0.8)
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    axis.set_xlabel("change of recall (percentage points)")
