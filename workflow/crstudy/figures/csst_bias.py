"""Figure of what cosmic rays and their removal do to stars on CSST exposures, by magnitude."""

from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.config.groups import survey_time
from crstudy.config.registry import METHODS
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.figures.style import (
    NO_STAR,
    annotate_empty,
    draw_intervals,
    missing_words,
    set_title,
    style_of,
)

#: Rows of the figure: population, quantity, statistic and factor on it, axis, and what is linear.
ROWS = (
    ("hit", "psf", "median", 1, "hit: PSF magnitude (mmag)", 10),
    ("hit", "centroid", "median", 1, "hit: centre (mas)", 1),
    ("hit", "ellipticity", "median", 1, "hit: ellipticity", 0.01),
    ("free", "psf", "beyond_fraction", 100, "free: wrong PSF flux (%)", 0.1),
)


def draw(biases: Table) -> Figure:
    """Draw biases of stars at the exposure time of the survey against magnitude.

    Parameters
    ----------
    biases : Table
        Of `crstudy.csst.biases.bias_table`.

    Returns
    -------
    matplotlib.figure.Figure
        Rows: `ROWS`. Columns: default and tuned threshold.
    """
    if not len(biases):
        annotate_empty((figure := Figure()).subplots(), NO_STAR)
        return figure
    time = survey_time(sorted(set(biases["exptime_s"])))
    everything = ~np.isfinite(biases["mag_lo"]) & ~np.isfinite(biases["mag_hi"])
    table = biases[(biases["exptime_s"] == time) & ~everything]
    figure = Figure(layout="constrained")
    panels = figure.subplots(len(ROWS), 2, sharey="row")
    for axis, words in zip(panels[0], ("default threshold", "tuned threshold"), strict=True):
        axis.set_title(words, loc="left")
    for (population, quantity, name, factor, label, linear), row in zip(ROWS, panels, strict=True):
        some = table[(table["population"] == population) & (table["quantity"] == quantity)]
        for axis, kind in zip(row, (UNCHANGED, THRESHOLD), strict=True):
            shown = (some["remedy"] == kind) | (some["method"] == ORIGINAL)
            _draw_panel(axis, some[shown], name, factor)
            axis.set_yscale("symlog", linthresh=linear)
            axis.yaxis.set_major_formatter("{x:g}")
            axis.axhline(0, color="0.4", lw=0.6, zorder=0)
        row[0].set_ylabel(label)
    for axis in panels[-1]:
        axis.set_xlabel("magnitude (AB mag), number of stars")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    note = f"image less the one without cosmic rays, in {time:g} s; bars: {biases.meta['interval']}"
    hit = f"hit: {biases.meta['hit']}; free: {biases.meta['free']}"
    set_title(figure, biases, note, hit, *missing_words(biases, "inputs"))
    return figure


def _draw_panel(axis: Axes, rows: Table, name: str, factor: float) -> None:
    """Draw a statistic of all methods."""
    methods = list(dict.fromkeys(rows["method"]))
    bins = rows[rows["method"] == ORIGINAL]
    for number, method in enumerate(methods):
        some = rows[rows["method"] == method]
        colour, line = ("black", "-") if method == ORIGINAL else style_of(method)
        label = "no rejection" if method == ORIGINAL else METHODS[method].label
        x = np.arange(len(some)) + 0.06 * (number - (len(methods) - 1) / 2)
        value, low, high = factor * np.array([some[f"{name}{e}"] for e in ("", "_lo", "_hi")])
        axis.plot(x, value, f"o{line}", color=colour, ms=2.5, lw=0.8, label=label)
        draw_intervals(axis, x, low, high, colour)
    axis.set_xticks(range(len(bins)), [_bin_words(row) for row in bins])


def _bin_words(row: Any) -> str:
    """Name a bin of magnitude, and the number of its stars."""
    low, high = row["mag_lo"], row["mag_hi"]
    if np.isinf(low):
        return f"< {high:g} ({row['stars']})"
    return f"> {low:g} ({row['stars']})" if np.isinf(high) else f"{low:g}–{high:g} ({row['stars']})"
