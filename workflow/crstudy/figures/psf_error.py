"""What mask refinement gains, against the error of the PSF that it fits."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures.style import COLOURS, draw_intervals, percent
from crstudy.refinement.psf_error import pays
from crstudy.refinement.settings import NONE

#: Changes by refinement, and their titles.
CHANGES = {
    "recall": "recall above 3 RMS",
    "precision": "precision above 3 RMS",
    "anomalous_fraction": "stars with wrong flux",
}
#: Markers of the kinds of PSF error, in the order of the table.
MARKERS = "oDsv^<P"


def draw(table: Table) -> Figure:
    """Draw the changes by mask refinement against the PSF's error.

    Parameters
    ----------
    table : Table
        ``resources/psf_error.ecsv``.

    Returns
    -------
    matplotlib.figure.Figure
        Panels of recall, precision and wrong fluxes; filled: the interval of the wrong fluxes lies
        below zero.
    """
    figure = Figure(layout="constrained")
    panels = figure.subplots(1, len(CHANGES), sharex=True)
    kinds = list(dict.fromkeys(table["kind"]))
    refinements = [name for name in dict.fromkeys(table["method"]) if name != NONE]
    for letter, axis, (name, title) in zip("abc", panels, CHANGES.items(), strict=True):
        axis.set_title(f"({letter}) {title}", loc="left")
        axis.axhline(0, color="black", lw=0.6)
        axis.set(xlabel="PSF error (% of the peak)", ylabel="change (percentage points)")
        for i, refinement in enumerate(refinements):
            rows = table[table["method"] == refinement]
            _draw_changes(axis, rows, f"{name}_change", COLOURS[i], kinds)
    for i, refinement in enumerate(refinements):
        panels[0].plot([], [], color=COLOURS[i], marker="o", ls="", label=refinement)
    for marker, kind in zip(MARKERS, kinds, strict=False):
        panels[0].plot([], [], color="grey", marker=marker, ls="", label=kind)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=5)
    return figure


def _draw_changes(axis: Axes, rows: Table, name: str, colour: str, kinds: list[str]) -> None:
    """Draw one refinement: a marker for each kind of PSF error."""
    x, gained = 100 * np.asarray(rows["psf_error"]), pays(rows)
    value, low, high = percent(rows, name)
    draw_intervals(axis, x, low, high, colour)
    for marker, kind in zip(MARKERS, kinds, strict=False):
        for filled in (False, True):
            here = (rows["kind"] == kind) & (gained == filled)
            fill = colour if filled else "white"
            axis.plot(
                x[here], value[here], ls="", marker=marker, ms=4, color=colour, mfc=fill, mew=0.8
            )
