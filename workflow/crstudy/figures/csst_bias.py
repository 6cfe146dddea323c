"""Figure of what cosmic rays and their removal do to stars on CSST exposures, by magnitude."""

from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from crstudy.config.groups import survey_time
from crstudy.config.registry import METHODS
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.figures import style
from crstudy.figures.csst import NO_REJECTION

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
        style.annotate_empty((figure := Figure()).subplots(), style.NO_STAR)
        return figure
    time = survey_time(sorted(set(biases["exptime_s"])))
    everything = ~np.isfinite(biases["mag_lo"]) & ~np.isfinite(biases["mag_hi"])
    table = biases[(biases["exptime_s"] == time) & ~everything]
    methods = [name for name in dict.fromkeys(table["method"]) if name != ORIGINAL]
    looks = {NO_REJECTION: ("black", "o", "-")} | style.method_looks(methods)
    labels = {ORIGINAL: NO_REJECTION} | {name: METHODS[name].label for name in methods}
    table["series"] = [labels[name] for name in table["method"]]
    figure = Figure(layout="constrained")
    panels = figure.subplots(len(ROWS), 2, sharey="row")
    for (population, quantity, name, factor, label, linear), row in zip(ROWS, panels, strict=True):
        some = table[(table["population"] == population) & (table["quantity"] == quantity)]
        for end, column in (("value", ""), ("low", "_lo"), ("high", "_hi")):
            some[end] = factor * some[f"{name}{column}"]
        bins = some[some["method"] == ORIGINAL]
        words = {bin["mag_lo"]: _bin_words(bin) for bin in bins}
        some["bin"] = [words[low] for low in some["mag_lo"]]
        for axis, kind in zip(row, (UNCHANGED, THRESHOLD), strict=True):
            shown = (some["remedy"] == kind) | (some["method"] == ORIGINAL)
            style.draw_points(axis, some[shown], "bin", looks)
            axis.set(xlabel="", ylabel="", xlim=(-0.5, len(bins) - 0.5))
            axis.set_xticks(range(len(bins)), words.values())
            axis.set_yscale("symlog", linthresh=linear)
            axis.margins(y=0.08)
            axis.yaxis.set_major_formatter("{x:g}")
            axis.axhline(0, color="0.4", lw=0.6, zorder=0)
        row[0].set_ylabel(label)
    for axis, words in zip(panels[0], ("default threshold", "tuned threshold"), strict=True):
        axis.set_title(words)
    for axis in panels[-1]:
        axis.set_xlabel("magnitude (AB mag), number of stars")
    style.legend_of(figure, looks, "outside lower center", ncols=4)
    note = f"image less the one without cosmic rays, in {time:g} s; {style.bars_words(biases)}"
    hit = f"hit: {biases.meta['hit']}; free: {biases.meta['free']}"
    style.set_title(figure, biases, note, hit, *style.missing_words(biases, "inputs"))
    return figure


def _bin_words(row: Any) -> str:
    """Name a bin of magnitude, and the number of its stars."""
    low, high = row["mag_lo"], row["mag_hi"]
    if np.isinf(low):
        return f"< {high:g} ({row['stars']})"
    return f"> {low:g} ({row['stars']})" if np.isinf(high) else f"{low:g}–{high:g} ({row['stars']})"
