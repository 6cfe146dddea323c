"""Accuracy of fluxes, and the stars that deepCR degrades or repairs."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures import style
from crstudy.metrics.bootstrap import MIN_GROUPS

#: Images whose fluxes are compared, from no correction to the use of all exposures, with looks.
IMAGES = {
    "original": ("original image", (style.COLOURS[0], "o", "-")),
    "masked": ("flagged pixels left out, corrected by the PSF", (style.COLOURS[1], "s", "--")),
    "inpaint": ("flagged pixels inpainted by deepCR", (style.COLOURS[2], "^", "-")),
    "clean": ("clean image (AstroDrizzle)", (style.COLOURS[3], "D", ":")),
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
    _draw_images(bias, hit, "bias")
    _draw_images(beyond, hit, "beyond_fraction")
    # Linear within 1 %, logarithmic beyond: medians reach from 0.1 % to 50 %.
    bias.set_yscale("symlog", linthresh=1)
    bias.margins(y=0.08)
    bias.axhline(0, color="0.5", lw=0.6)
    bias.yaxis.set_major_formatter("{x:g}")
    _draw_areas(degraded, repair, "free", "degraded")
    _draw_areas(repaired, repair, "hit", "repaired")
    words = {
        bias: ("(a) stars hit by a cosmic ray: median bias", f"flux / {flux} − 1 (%)"),
        beyond: (f"(b) the same: deviation from {flux}", f"off by more than {sigma:g} σ (%)"),
        degraded: ("(c) unaffected stars: degraded by deepCR", "degraded (%)"),
        repaired: ("(d) stars hit by a cosmic ray: repaired by deepCR", "repaired (%)"),
    }
    for axis, (title, label) in words.items():
        axis.set(title=title, ylabel=label)
    if hit["measurements"].sum():
        style.legend_of(figure, dict(IMAGES.values()), "outside lower center", ncols=2)
    note = f"{style.bars_words(repair)}; open symbols: fewer than {style.FEW} measurements"
    style.set_title(figure, groups, note if len(groups) >= MIN_GROUPS else style.NO_INTERVAL)
    return figure


def _draw_images(axis: Axes, hit: Table, column: str) -> None:
    """Draw a column of the magnitude table for every image."""
    if hit["measurements"].sum():
        rows = style.long_form(hit[hit["measurements"] > 0], [column])
        rows["series"] = [IMAGES[name][0] for name in rows["image"]]
        rows["few"] = rows["measurements"] < style.FEW
        first = hit[hit["image"] == "original"]
        names = [f"{r['mag_lo']:g}–{r['mag_hi']:g} ({r['measurements']})" for r in first]
        rows["place"] = np.searchsorted(first["mag_lo"], rows["mag_lo"]).astype(float)
        rows["place"] += [style.SPREAD * (list(IMAGES).index(name) - 1.5) for name in rows["image"]]
        style.draw_points(axis, rows, "place", dict(IMAGES.values()))
        axis.set_xticks(range(len(names)), names, rotation=90)
    else:
        style.annotate_empty(axis, style.NO_STAR)
    axis.set_xlabel("magnitude (AB mag), number of measurements")


def _draw_areas(axis: Axes, repair: Table, population: str, outcome: str) -> None:
    """Draw the part of a population that meets an outcome, by area; colour as of inpainting."""
    if repair[population].sum():
        rows = style.long_form(repair, [f"{outcome}_fraction"])
        rows["series"] = words = IMAGES["inpaint"][0]
        rows["place"] = [
            f"{row['area_bin'].replace('-', '–')}\n({row[population]})" for row in repair
        ]
        style.draw_points(axis, rows, "place", {words: (*IMAGES["inpaint"][1][:2], "")})
        axis.set_xticks(range(len(repair)), rows["place"])
        axis.set_xlim(-0.5, len(repair) - 0.5)
        top = np.nanmax([*rows["value"], *rows["high"], 1])
        axis.set_ylim(-0.04 * top, 1.06 * top)
    else:
        style.annotate_empty(axis, style.NO_STAR)
    axis.set_xlabel("area of star (px), number of measurements")
