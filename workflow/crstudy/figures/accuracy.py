"""Accuracy of fluxes, and the stars that deepCR degrades or repairs."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures.style import (
    COLOURS,
    NO_INTERVAL,
    NO_STAR,
    annotate_empty,
    draw_intervals,
    percent,
    set_title,
)
from crstudy.metrics.bootstrap import MIN_GROUPS

MARKERS = ("o", "s", "^", "D")
#: Images whose fluxes are compared, from no correction to the use of all exposures.
IMAGE_WORDS = {
    "original": "original image",
    "masked": "flagged pixels left out, corrected by the PSF",
    "inpaint": "flagged pixels inpainted by deepCR",
    "clean": "clean image (AstroDrizzle)",
}
#: What fluxes are compared with, by the column that holds it.
TRUE_FLUX = {"flux_scene": "true flux", "flux_clean": "clean flux"}


def draw(magnitudes: Table, repair: Table, groups: Table) -> Figure:
    """Draw the flux accuracy of each image, and the stars degraded and repaired.

    Parameters
    ----------
    magnitudes : Table
        Of `crstudy.photometry.accuracy.make_magnitude_table`.
    repair : Table
        Of `crstudy.photometry.accuracy.make_repair_table`.
    groups : Table
        Of `crstudy.metrics.group_summary.describe_groups`, for the title.

    Returns
    -------
    matplotlib.figure.Figure
        (a) bias and (b) wrong fluxes of stars hit by a cosmic ray, against magnitude;
        (c) degraded and (d) repaired stars by area.
    """
    figure = Figure(layout="constrained")
    (bias, beyond), (degraded, repaired) = figure.subplots(2, 2)
    sigma, flux = magnitudes.meta["flux_sigma"], TRUE_FLUX[magnitudes.meta["reference"]]
    hit = magnitudes[np.asarray(magnitudes["population"], dtype=str) == "hit"]
    # Linear within 1 %, logarithmic beyond: medians reach from 0.1 % to 50 %.
    bias.set_yscale("symlog", linthresh=1)
    _draw_images(bias, hit, "bias")
    _draw_images(beyond, hit, "beyond_fraction")
    bias.axhline(0, color="0.5", lw=0.6)
    bias.yaxis.set_major_formatter("{x:g}")
    bias.set_ylabel(f"flux / {flux} − 1 (%)")
    beyond.set_ylabel(f"off by more than {sigma:g} σ (%)")
    _draw_areas(degraded, repair, "free", "degraded")
    _draw_areas(repaired, repair, "hit", "repaired")
    degraded.set_ylabel("degraded (%)")
    repaired.set_ylabel("repaired (%)")
    titles = {
        bias: "(a) stars hit by a cosmic ray: median bias",
        beyond: f"(b) the same: deviation from {flux}",
        degraded: "(c) unaffected stars: degraded by deepCR",
        repaired: "(d) stars hit by a cosmic ray: repaired by deepCR",
    }
    for axis, title in titles.items():
        axis.set_title(title, loc="left")
    handles, labels = bias.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    note = f"bars: {repair.meta['interval']}"
    set_title(figure, groups, note if len(groups) >= MIN_GROUPS else NO_INTERVAL)
    return figure


def _draw_images(axis: Axes, hit: Table, column: str) -> None:
    """Draw a column of the magnitude table for every image."""
    axis.set_xlabel("magnitude (AB mag), number of measurements")
    if not hit["measurements"].sum():
        annotate_empty(axis, NO_STAR)
        return
    for i, (image, words) in enumerate(IMAGE_WORDS.items()):
        rows = hit[(hit["image"] == image) & (hit["measurements"] > 0)]
        x = (rows["mag_lo"] + rows["mag_hi"]) / 2 + 0.12 * (i - 1.5)
        value, low, high = percent(rows, column)
        draw_intervals(axis, x, low, high, COLOURS[i])
        style = {"marker": MARKERS[i], "color": COLOURS[i], "lw": 0.6}
        axis.plot(x, value, label=words, **style)
    first = hit[hit["image"] == "original"]
    axis.set_xticks(
        (first["mag_lo"] + first["mag_hi"]) / 2,
        [f"{r['mag_lo']:g}–{r['mag_hi']:g} ({r['measurements']})" for r in first],
        rotation=90,
    )


def _draw_areas(axis: Axes, repair: Table, population: str, outcome: str) -> None:
    """Draw the part of a population that meets an outcome, by area; colour as of inpainting."""
    axis.set_xlabel("area of star (px), number of measurements")
    if not repair[population].sum():
        annotate_empty(axis, NO_STAR)
        return
    x = np.arange(len(repair))
    value, low, high = percent(repair, f"{outcome}_fraction")
    draw_intervals(axis, x, low, high, COLOURS[2])
    axis.plot(x, value, MARKERS[2], color=COLOURS[2])
    axis.set_xticks(
        x, [f"{row['area_bin'].replace('-', '–')}\n({row[population]})" for row in repair]
    )
    axis.set_xlim(-0.5, len(repair) - 0.5)
    top = np.nanmax([*value, *high, 1])
    axis.set_ylim(-0.04 * top, 1.06 * top)
