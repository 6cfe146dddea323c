"""Detection of cosmic rays by object, purity, and false alarms on stars."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.config.registry import METHODS
from crstudy.figures import style
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED, MATCHED_STARS

#: Width of a bin that its points share.
SPREAD = 0.7
#: Panels: what objects or stars are put in bins of.
SIZES = {
    "n_px": "size (px)",
    "peak_snr": "peak signal-to-noise ratio",
    "star_px": "distance to the nearest star (px)",
}
TITLES = (
    "by size",
    "by peak",
    "by distance to a star",
    "larger: mask grown more;\nopen: default threshold",
    "false alarms by magnitude",
    "false alarms by sharpness",
)
STARS = {
    "mag": "magnitude of the star (AB mag)",
    "peak_fraction": "flux in the brightest pixel (%)",
}


def draw(objects: Table, purity: Table, alarms: Table) -> Figure:
    """Draw the detected fraction of true cosmic rays, and false detections.

    Parameters
    ----------
    objects, purity, alarms : Table
        Of `crstudy.metrics.objects.tables.object_tables`.

    Returns
    -------
    matplotlib.figure.Figure
        Top: fraction of cosmic rays with at least half of their pixels flagged, by size,
        signal-to-noise and distance to the nearest star. Bottom: purity against that
        fraction, as flagged and grown; fraction of star cores flagged by magnitude and sharpness.
    """
    figure = Figure(layout="constrained")
    panels = figure.subplots(2, 3)
    for axis, (name, words) in zip(panels[0], SIZES.items(), strict=True):
        _draw_bins(axis, objects, name, "half_px_fraction")
        axis.set(ylim=(-3, 103), ylabel="cosmic rays detected (%)", xlabel=words)
    _draw_purity(panels[1, 0], objects, purity)
    for axis, (name, words) in zip(panels[1, 1:], STARS.items(), strict=True):
        _draw_bins(axis, alarms, name, "flagged_fraction")
        axis.set(ylabel="star cores flagged (%)", xlabel=words)
    for letter, axis, words in zip("abcdef", panels.flat, TITLES, strict=True):
        axis.set_title(f"({letter}) {words}")
    looks = style.looks_with_others(*style.split_methods(objects["method"]))
    style.legend_of(figure, looks, "outside lower center", ncols=4)
    few = f"open symbols but in (d): fewer than {style.FEW} cosmic rays or stars"
    notes = [_threshold_words(purity), style.bars_words(objects), few]
    style.set_title(figure, objects, *notes, *style.missing_words(objects))
    return figure


def _draw_bins(axis: Axes, table: Table, name: str, fraction: str) -> None:
    """Draw a fraction, at the matched threshold, by bin: each as wide, with ticks at its edges."""
    rows = table[(table["property"] == name) & (table["threshold_kind"] == MATCHED)]
    rows.rename_columns(("low", "high"), ("low_edge", "high_edge"))
    edges = sorted({*rows["low_edge"], *rows["high_edge"]})
    shown, others = style.split_methods(rows["method"])
    for method in others:
        one = rows[rows["method"] == method]
        places = np.searchsorted(edges, one["low_edge"]) + 0.5
        style.draw_other(axis, places, 100 * np.asarray(one[fraction]))
    rows = style.long_form(rows[np.isin(rows["method"], shown)], [fraction])
    looks = style.method_looks(shown)
    rows["series"] = [METHODS[method].label for method in rows["method"]]
    rows["few"] = rows["objects" if "objects" in rows.colnames else "cores"] < style.FEW
    number = np.array([list(looks).index(label) for label in rows["series"]])
    rows["place"] = np.searchsorted(edges, rows["low_edge"]) + 0.5
    rows["place"] += SPREAD * ((number + 0.5) / len(looks) - 0.5)
    style.draw_points(axis, rows, "place", looks)
    scale = 100 if name == "peak_fraction" else 1
    axis.set_xticks(range(len(edges)), [_edge(scale * edge) for edge in edges])
    axis.set_xlim(0, len(edges) - 1)


def _threshold_words(purity: Table) -> str:
    """Say how thresholds were chosen, and which false-positive rates they reach."""
    here = purity[(purity["threshold_kind"] == MATCHED) & (purity["dilation_px"] == 0)]
    words = purity.meta["thresholds"].split(";")[0]
    if not len(here):
        return words
    low, high = (100 * end(here["false_positive_rate"]) for end in (np.nanmin, np.nanmax))
    return f"{words}; false positives on the compared groups: {low:.2g} to {high:.2g} %"


def _edge(value: float) -> str:
    """Write the edge of a bin; one without an end has none."""
    return f"{value:g}" if np.isfinite(value) else ""


def _draw_purity(axis: Axes, objects: Table, purity: Table) -> None:
    """Draw purity against completeness: grown masks larger, at default thresholds open."""
    found = objects[objects["property"] == "all"]
    purity = purity[purity["threshold_kind"] != MATCHED_STARS]
    _, others = style.split_methods(objects["method"])
    for kind, method in dict.fromkeys(zip(purity["threshold_kind"], purity["method"], strict=True)):
        x, y = (
            100 * table[name][(table["method"] == method) & (table["threshold_kind"] == kind)]
            for table, name in ((found, "half_px_fraction"), (purity, "purity"))
        )
        colour, _, line = (style.GREY, "", "-") if method in others else style.look_of(method)
        order = 1 if method in others else 2
        face = "none" if kind == DEFAULT else colour
        axis.plot(x, y, line, color=colour, lw=0.6, zorder=order)
        size = 8 * (1 + np.arange(len(x)))
        axis.scatter(x, y, size, facecolors=face, edgecolors=colour, lw=0.8, zorder=order)
    axis.set(xlabel="cosmic rays detected (%)", ylabel="purity of flagged objects (%)")
