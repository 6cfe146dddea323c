"""Figures of the groups and of the photometry, drawn from tables."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crstudy.figures.style import (
    COLOURS,
    NO_STAR,
    PAPER,
    decimal_years,
    draw_intervals,
    legend_below,
    name_years,
    say,
    set_title,
    undefined,
    with_interval,
)
from crstudy.photometry.flux_tests import contaminated, used_rows
from crstudy.photometry.summary import ALL, INSIDE, OUTSIDE

MARKERS = ("o", "s", "^", "D")
#: Flux ratios beyond are drawn as triangles at the edge.
RATIO_RANGE = (0.7, 1.5)
#: Images whose fluxes are compared, from doing nothing to knowing all exposures.
IMAGE_WORDS = {
    "original": "original image",
    "masked": "pixels that deepCR flags left out",
    "inpaint": "pixels that deepCR flags inpainted",
    "clean": "clean image (AstroDrizzle)",
}
#: What fluxes are compared with, by the column that holds it.
TRUE_FLUX = {"flux_scene": "true flux", "flux_clean": "clean flux"}


def draw_fig1(groups: Table, published: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw date, exposure time and cosmic-ray fraction of each group (paper Figure 1).

    Parameters
    ----------
    groups : Table
        Of `crstudy.metrics.group_summary.describe_groups`.
    published : mapping
        Of `crstudy.figures.style.published_numbers`.

    Returns
    -------
    matplotlib.figure.Figure
        (a) exposure time against date, (b) cosmic-ray fraction against exposure time.
    """
    figure = Figure(layout="constrained")
    dates, rays = figure.subplots(1, 2)
    years = decimal_years(groups["mjd"])
    percent = 100 * np.asarray(groups["cr_fraction"], dtype=float)
    for i, (words, here) in enumerate(_by_target(groups)):
        style = {"marker": MARKERS[i], "color": COLOURS[i], "ls": "none", "label": words}
        dates.plot(years[here], groups["exptime"][here], **style)
        rays.plot(groups["exptime"][here], percent[here], **style | {"label": None})
    n, first, last = (published[key] for key in ("n_groups", "first_date", "last_date"))
    ends = [first["value"], last["value"]]
    words = f"{PAPER}: {n['value']} groups,\n{first['published']} to {last['published']}"
    dates.plot(ends, [0.06] * 2, "k|-", transform=dates.get_xaxis_transform(), label=words)
    _draw_rate(rays, groups, published["exptime_at_4_percent"])
    name_years(dates, [*years, *ends])
    dates.set_ylabel("mean exposure time (s)")
    rays.set_xlabel("mean exposure time (s)")
    rays.set_ylabel("pixels with a cosmic ray (%)")
    for axis, title in ((dates, "(a) date and exposure time"), (rays, "(b) cosmic rays")):
        axis.set_ylim(0, 1.1 * axis.dataLim.ymax)
        axis.set_title(title, loc="left")
        legend_below(axis)
    set_title(figure, groups, undefined(percent))
    return figure


def _by_target(groups: Table) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the groups of each target, or all at once where there are too many targets."""
    targets = list(dict.fromkeys(str(name) for name in groups["target"]))
    if len(targets) > len(MARKERS):
        yield f"{len(groups)} groups, {len(targets)} targets", np.ones(len(groups), bool)
        return
    for target in targets:
        here = np.asarray(groups["target"]) == target
        name = target.replace("_", " ") or "no target"
        yield f"{name} (groups: {here.sum()})", here


def _draw_rate(axis: Axes, groups: Table, paper: Mapping[str, Any]) -> None:
    """Draw the mean rate of cosmic rays as a line, and the paper's as a bar."""
    rates = 100 * np.asarray(groups["cr_fraction_per_1000s"], dtype=float)
    rates = rates[np.isfinite(rates)]
    ends = np.array([0, 1.07 * max(paper["high"], *groups["exptime"])])
    axis.set_xlim(*ends)
    if len(rates):
        words = f"mean of the groups: {rates.mean():.1f} % per 1000 s"
        axis.plot(ends, rates.mean() * ends / 1000, "--", color="0.5", label=words, zorder=1)
    words = f"{PAPER}: {paper['at_percent']} % at {paper['low']} to {paper['high']} s"
    axis.plot([paper["low"], paper["high"]], [paper["at_percent"]] * 2, "k|-", lw=1.5, label=words)


def draw_fig3(
    photometry: Table, summary: Table, published: Mapping[str, Mapping[str, Any]]
) -> Figure:
    """Draw the flux ratios of stars against magnitude (paper Figure 3).

    Parameters
    ----------
    photometry : Table
        Measurements of all groups.
    summary : Table
        Of `crstudy.photometry.summary.summarise`.
    published : mapping
        Of `crstudy.figures.style.published_numbers`.

    Returns
    -------
    matplotlib.figure.Figure
        Ratio to the clean flux (a) of the original and (b) of deepCR's image.
    """
    figure = Figure(layout="constrained")
    panels = dict(zip(("original", "inpaint"), figure.subplots(1, 2, sharey=True), strict=True))
    used, sigma = used_rows(photometry), summary.meta["flux_sigma"]
    magnitude = np.asarray(used["mag"])
    ratios = {n: np.asarray(used[f"flux_{n}"]) / np.asarray(used["flux_clean"]) for n in panels}
    low, high = RATIO_RANGE
    beyond = {n: int(((r < low) | (r > high)).sum()) for n, r in ratios.items()}
    for name, axis in panels.items():
        _draw_ratios(axis, magnitude, ratios[name], contaminated(used, sigma))
        axis.set_xlabel("magnitude of the star (AB mag)")
    _name_dots(panels["original"], contaminated(used, sigma), sigma)
    panels["original"].set_ylabel("flux / clean flux")
    for name, words in (("original", "(a) original image"), ("inpaint", "(b) deepCR's image")):
        panels[name].set_title(f"{words}; {beyond[name]} beyond the axis", loc="left")
    _draw_shares(panels["inpaint"], summary[summary["group"] == ALL][0], published)
    legend_below(panels["original"])
    legend_below(panels["inpaint"])
    interval = f"in brackets: {summary.meta['interval'].split(';')[0]}, bootstrap over groups"
    if len(summary) < 3:
        interval = "one group: no interval"
    note = f"triangles: beyond the axis; {interval}"
    set_title(figure, summary, note, undefined(magnitude, *ratios.values()))
    return figure


def _draw_ratios(
    axis: Axes,
    magnitude: NDArray[np.floating],
    ratio: NDArray[np.floating],
    dirty: NDArray[np.bool_],
) -> None:
    """Draw flux ratios, those of contaminated stars over the others."""
    low, high = RATIO_RANGE
    axis.set_ylim(low - 0.03, high + 0.03)
    if len(ratio) == 0:
        say(axis, NO_STAR)
    for here, colour, size in ((~dirty, COLOURS[5], 1.2), (dirty, COLOURS[1], 2.0)):
        style = {"color": colour, "mew": 0, "ls": "none", "rasterized": True}
        inside = here & (ratio >= low) & (ratio <= high)
        axis.plot(magnitude[inside], ratio[inside], "o", ms=size, **style)
        for marker, edge, far in (("v", low, ratio < low), ("^", high, ratio > high)):
            x = magnitude[here & far]
            axis.plot(x, np.full(len(x), edge), marker, ms=3.5, **style)


def _name_dots(axis: Axes, dirty: NDArray[np.bool_], sigma: float) -> None:
    words = f"{dirty.sum()} contaminated: original and clean flux\ndiffer by more than {sigma:g} σ"
    axis.plot([], [], "o", color=COLOURS[1], mew=0, label=words)
    axis.plot([], [], "o", color=COLOURS[5], mew=0, label=f"{(~dirty).sum()} other measurements")


def _draw_shares(axis: Axes, row: Any, published: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the limits of good and anomalous ratios, and say how many pass them."""
    for limits, name, key, word, style in (
        (OUTSIDE, "outside_10_fraction", "outside_10", "outside", "--"),
        (INSIDE, "inside_3_fraction", "inside_3", "inside", ":"),
    ):
        share = with_interval(row, name)
        words = f"{word} {limits[0]:g} to {limits[1]:g}: {share} of the contaminated;\n"
        words += f"{PAPER}: {published[key]['value']} %"
        for limit, label in zip(limits, (words, None), strict=True):
            axis.axhline(limit, color="k", ls=style, lw=0.7, zorder=3, label=label)


def draw_accuracy(magnitudes: Table, repair: Table, groups: Table) -> Figure:
    """Draw the accuracy of each image's fluxes, and who is harmed (beyond the paper).

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
        (a) bias and (b) wrong fluxes of stars that a cosmic ray hit, against magnitude;
        (c) harmed and (d) repaired stars by area.
    """
    figure = Figure(layout="constrained")
    (bias, beyond), (harmed, repaired) = figure.subplots(2, 2)
    sigma, flux = magnitudes.meta["flux_sigma"], TRUE_FLUX[magnitudes.meta["reference"]]
    hit = magnitudes[np.asarray(magnitudes["population"], dtype=str) == "hit"]
    # Linear within 1 %, logarithmic beyond: medians reach from 0.1 % to 50 %.
    bias.set_yscale("symlog", linthresh=1)
    _draw_images(bias, hit, "bias")
    _draw_images(beyond, hit, "beyond_fraction")
    bias.axhline(0, color="0.5", lw=0.6)
    bias.yaxis.set_major_formatter("{x:g}")
    bias.set_ylabel(f"flux / {flux} − 1 (%)")
    beyond.set_ylabel(f"more than {sigma:g} σ off (%)")
    _draw_areas(harmed, repair, "free", "harmed")
    _draw_areas(repaired, repair, "hit", "repaired")
    harmed.set_ylabel("harmed (%)")
    repaired.set_ylabel("repaired (%)")
    titles = {
        bias: "(a) stars that a cosmic ray hit: median bias",
        beyond: f"(b) the same: flux off from {flux}",
        harmed: "(c) stars without cosmic ray: harmed by deepCR",
        repaired: "(d) stars that a cosmic ray hit: repaired by deepCR",
    }
    for axis, title in titles.items():
        axis.set_title(title, loc="left")
    handles, labels = bias.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    note = f"bars: {repair.meta['interval']}"
    set_title(figure, groups, note if len(groups) > 1 else "one group: no interval")
    return figure


def _draw_images(axis: Axes, hit: Table, column: str) -> None:
    """Draw a column of the magnitude table for every image."""
    axis.set_xlabel("magnitude (AB mag), number of measurements")
    if not hit["measurements"].sum():
        say(axis, NO_STAR)
        return
    for i, (image, words) in enumerate(IMAGE_WORDS.items()):
        rows = hit[(hit["image"] == image) & (hit["measurements"] > 0)]
        x = (rows["mag_lo"] + rows["mag_hi"]) / 2 + 0.12 * (i - 1.5)
        value, low, high = (100 * np.asarray(rows[f"{column}{e}"]) for e in ("", "_lo", "_hi"))
        draw_intervals(axis, x, low, high, COLOURS[i])
        style = {"marker": MARKERS[i], "color": COLOURS[i], "lw": 0.6}
        axis.plot(x, value, label=words, **style)
    first = hit[hit["image"] == "original"]
    axis.set_xticks(
        (first["mag_lo"] + first["mag_hi"]) / 2,
        [f"{r['mag_lo']:g}–{r['mag_hi']:g}\n({r['measurements']})" for r in first],
    )


def _draw_areas(axis: Axes, repair: Table, population: str, outcome: str) -> None:
    """Draw the part of a population that meets an outcome, by area of the star."""
    axis.set_xlabel("area of the star (px), number of measurements")
    if not repair[population].sum():
        say(axis, NO_STAR)
        return
    x = np.arange(len(repair))
    name = f"{outcome}_fraction"
    value, low, high = (100 * np.asarray(repair[f"{name}{e}"]) for e in ("", "_lo", "_hi"))
    draw_intervals(axis, x, low, high, COLOURS[2])
    axis.plot(x, value, "D", color=COLOURS[2])
    axis.set_xticks(
        x, [f"{row['area_bin'].replace('-', '–')}\n({row[population]})" for row in repair]
    )
    axis.set_xlim(-0.5, len(repair) - 0.5)
    top = np.nanmax([*value, *high, 1])
    axis.set_ylim(-0.04 * top, 1.06 * top)
