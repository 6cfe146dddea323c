"""What mask refinement gains, against the error of the PSF that it fits."""

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from crstudy.figures.style import COLOURS, NO_INTERVAL, draw_points, legend_of, long_form
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
    refinements = [name for name in dict.fromkeys(table["method"]) if name != NONE]
    kinds = list(dict.fromkeys(table["kind"]))
    table = table[table["method"] != NONE]
    table["few"], table["psf_error_percent"] = ~pays(table), 100 * table["psf_error"]
    rows = long_form(table, [f"{name}_change" for name in CHANGES])
    rows["series"] = [f"{row['method']} {row['kind']}" for row in rows]
    looks = {
        f"{refinement} {kind}": (colour, marker, "")
        for refinement, colour in zip(refinements, COLOURS, strict=False)
        for kind, marker in zip(kinds, MARKERS, strict=False)
    }
    draw_points(figure, rows, "psf_error_percent", looks, col="quantity")
    for letter, axis, title in zip("abc", figure.axes, CHANGES.values(), strict=True):
        axis.axhline(0, color="black", lw=0.6)
        axis.set(title=f"({letter}) {title}", xlabel="PSF error (% of the peak)", ylabel="")
    figure.axes[0].set_ylabel("change (percentage points)")
    legend = {name: (COLOURS[i], "o", "") for i, name in enumerate(refinements)}
    legend |= {kind: ("0.4", marker, "") for kind, marker in zip(kinds, MARKERS, strict=False)}
    legend_of(figure, legend, "outside lower center", ncols=5)
    words = "filled: fewer stars with wrong flux, and the interval excludes no change"
    known = np.isfinite(table["anomalous_fraction_change_lo"]).any()
    figure.suptitle(words if known else NO_INTERVAL, size=7)
    return figure
