"""Figures of trends with cosmic-ray density and with date, drawn from tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures.style import (
    COLOURS,
    COMPARISON_STYLE,
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
from crstudy.photometry.summary import ALL

#: Bin of all stars' areas.
ALL_AREAS = "all"
SERIES = list(zip(COLOURS, ("o", "s", "^", "D", "v", "P"), strict=True))
SCORE_WORDS = {"f05": "$F_{0.5}$", "f1": "$F_1$", "f2": "$F_2$"}
COMPARISON_NAMES = {"reference": "reference", "truth": "true cosmic rays"}


def draw_fig6(density: Table, fits: Table, published: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw contaminated and anomalous stars against cosmic-ray density (paper Figure 6).

    Parameters
    ----------
    density : Table
        Rows of `crstudy.photometry.density.tabulate_rungs` of all groups.
    fits : Table
        Of `crstudy.photometry.density_fit.fit_density`.
    published : mapping
        Of `crstudy.figures.style.published_numbers`.

    Returns
    -------
    matplotlib.figure.Figure
        (a) contaminated stars of all areas, (b) anomalous stars by area.
    """
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    least = fits.meta["min_stars"]
    points = density[density["stars"] >= least]
    bins = list(dict.fromkeys(density["area_bin"]))
    _draw_density(left, "contaminated", [ALL_AREAS], points, fits, published)
    by_area = [name for name in bins if name != ALL_AREAS]
    _draw_density(right, "anomalous", by_area, points, fits, published)
    left.set_title("(a) stars that cosmic rays contaminate", loc="left")
    right.set_title("(b) stars with anomalous photometry", loc="left")
    left.set_ylabel("part of the stars (%)")
    for fill, words in (("0.4", "exposure as observed"), ("none", "with cosmic rays added")):
        left.plot([], [], "o", mec="0.4", mfc=fill, label=words)
    legend_below(left)
    legend_below(right)
    few = len(density) - len(points)
    left_out = f"{few} of {len(density)} points with fewer than {least} stars are left out"
    interval = f"in brackets: {fits.meta['interval']}"
    if max(fits["groups"]) < 2:
        interval = "one group: no interval"
    set_title(figure, fits, f"black: {PAPER}; {interval}", left_out if few else "")
    return figure


def _draw_density(
    axis: Axes,
    test: str,
    bins: list[str],
    points: Table,
    fits: Table,
    published: Mapping[str, Mapping[str, Any]],
) -> None:
    """Draw a panel of figure 6: points, lines and what the paper reads off its own lines."""
    fit = {row["quantity"]: row for row in fits}
    axis.set_xlabel("pixels with a cosmic ray (%)")
    for i, name in enumerate(bins):
        colour, marker = SERIES[i % len(SERIES)]
        here = points[points["area_bin"] == name]
        x, y = (100 * np.asarray(here[c], dtype=float) for c in ("cr_fraction", f"{test}_fraction"))
        added = np.asarray(here["step"]) > 0
        axis.plot(x[added], y[added], marker, mec=colour, mfc="none")
        row, numbers = fit[f"{test} {name}"], _published(published, test, name)
        words = f"{_area(name)}: {_fitted(row)}"
        axis.plot(x[~added], y[~added], marker, color=colour, label=words)
        ends = np.array([x.min(), x.max()]) if len(x) else np.empty(0)
        axis.plot(ends, 100 * row["intercept"] + row["slope"] * ends, color=colour)
        if numbers:
            _draw_reading(axis, numbers, marker)
    axis.set_ylim(min(-4, axis.get_ylim()[0]), max(108, axis.get_ylim()[1]))
    axis.set_xlim(left=0)
    if not np.isin(points["area_bin"], bins).any():
        say(axis, NO_STAR)


def _published(
    published: Mapping[str, Mapping[str, Any]], test: str, name: str
) -> dict[str, Mapping[str, Any]]:
    """Return the paper's r, p and reading for a line, if it has that line."""
    line = test if name == ALL_AREAS else f"{test}_{name.replace('-', '_')}"
    found = {kind: published[f"{kind}_{line}"] for kind in "rp" if f"{kind}_{line}" in published}
    for key in published:
        if key.startswith(f"{line}_at_"):
            found["reading"] = published[key]
    return found


def _area(name: str) -> str:
    return "all stars" if name == ALL_AREAS else f"{name.replace('-', '–')} px"


def _fitted(row: Any) -> str:
    """Say what a fit found."""
    if np.isnan(row["slope"]):
        return f"no line ({row['points']} points)"
    words = f"$r$ = {row['pearson_r']:.2f}, {_p_words(row['p_value'])}; "
    words += f"{with_interval(row, 'value_at')} at {100 * row['at_cr_fraction']:g} %"
    return words if row["groups"] > 1 else f"{words} (one group)"


def _p_words(p: float) -> str:
    """Write a p value, such as 3e-5, as a power of ten."""
    if p == 0:
        return r"$p < 10^{-300}$"
    mantissa, exponent = f"{p:.0e}".split("e")
    if int(exponent) > -3:
        return f"$p$ = {p:.2g}"
    return rf"$p = {mantissa}\times10^{{{int(exponent)}}}$"


def _draw_reading(axis: Axes, numbers: Mapping[str, Mapping[str, Any]], marker: str) -> None:
    """Draw in black what the paper reads off its line, and name its r and p."""
    words = f"paper: $r$ = {numbers['r']['value']:.2f}, {_p_words(numbers['p']['value'])}"
    reading = numbers.get("reading")
    if reading:
        words += f"; {reading['published']} at {reading['at_percent']} %"
    x, y = ([reading["at_percent"]], [reading["value"]]) if reading else ([], [])
    axis.plot(x, y, color="k", marker=marker if reading else "", ms=7, ls="none", label=words)


def draw_fig7(
    stability: Table, trends: Table, published: Mapping[str, Mapping[str, Any]]
) -> Figure:
    """Draw the F scores on stars against date (paper Figure 7).

    Parameters
    ----------
    stability : Table
        Of `crstudy.photometry.stability.score_groups`.
    trends : Table
        Of `crstudy.photometry.stability.find_trends`.
    published : mapping
        Of `crstudy.figures.style.published_numbers`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each of F0.5, F1 and F2.
    """
    figure = Figure(layout="constrained")
    axes = figure.subplots(1, len(SCORE_WORDS), sharey=True)
    trend = {row["quantity"]: row for row in trends}
    for axis, letter, name in zip(axes, "abc", SCORE_WORDS, strict=True):
        if f"{name}_mean" in published:
            _draw_band(axis, published[f"{name}_mean"], published[f"{name}_spread"]["value"])
        for comparison in COMPARISON_NAMES:
            rows = stability[stability["comparison"] == comparison]
            if len(rows):
                _draw_score(axis, rows, name, comparison, trend[f"{name} {comparison}"])
        if not np.isfinite(stability[name]).any():
            say(axis, "no pixel to score")
        name_years(axis, stability["year"])
        axis.set_title(f"({letter}) {SCORE_WORDS[name]}", loc="left")
        legend_below(axis)
    axes[0].set_ylabel(f"score on {stability.meta['region'].removeprefix('pixels of ')} (%)")
    note = "mean ± standard deviation of the groups, drift in percentage points; in brackets: "
    # What follows the semicolon is about fewer than six groups.
    interval = trends.meta["interval"]
    note += interval if max(trends["groups"]) < 6 else interval.split(";")[0]
    set_title(figure, trends, note if np.isfinite(trends["slope_per_decade"]).any() else "")
    return figure


def _draw_band(axis: Axes, mean: Mapping[str, Any], spread: float) -> None:
    value = mean["value"]
    axis.axhspan(value - spread, value + spread, color="k", alpha=0.12, lw=0)
    axis.axhline(value, color="k", label=f"{PAPER}: {value} ± {spread} %")


def _draw_score(axis: Axes, rows: Table, name: str, comparison: str, trend: Any) -> None:
    """Draw a score of every group against date and its mean."""
    colour, marker = COMPARISON_STYLE[comparison]
    y = 100 * np.asarray(rows[name], dtype=float)
    style = {"mec": colour, "mfc": colour if comparison == "reference" else "none"}
    lines = [f"against the {COMPARISON_NAMES[comparison]}:", _mean(trend), _drift(trend)]
    words = "\n".join(filter(None, [*lines, undefined(y)]))
    axis.plot(rows["year"], y, marker, color=colour, label=words, **style)
    if np.isfinite(trend["mean"]):
        style = "-" if comparison == "reference" else "--"
        axis.axhline(100 * trend["mean"], color=colour, ls=style, lw=0.8, zorder=1)


def _mean(trend: Any, form: str = ".1f") -> str:
    if np.isnan(trend["mean"]):
        return "no group with a score"
    if np.isnan(trend["std"]):
        return f"{100 * trend['mean']:{form}} %, one group: no interval"
    return f"mean {100 * trend['mean']:{form}} ± {100 * trend['std']:{form}} %"


def _drift(trend: Any, form: str = "+.1f") -> str:
    """Say how a quantity drifts, in percentage points."""
    if np.isnan(trend["slope_per_decade"]):
        return "" if trend["groups"] < 2 else "too few groups for a drift"
    return with_interval(trend, "slope_per_decade", form, "points/decade")


def draw_fig8(summary: Table, trends: Table, published: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw the RMS of the flux ratios of each group against date (paper Figure 8).

    Parameters
    ----------
    summary : Table
        Of `crstudy.photometry.summary.summarise`.
    trends : Table
        Of `crstudy.photometry.stability.find_trends`.
    published : mapping
        Of `crstudy.figures.style.published_numbers`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel, with the mean of the groups and three standard deviations about it.
    """
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    rows = summary[summary["group"] != ALL]
    years = decimal_years(rows["mjd"])
    value, low, high = (100 * np.asarray(rows[f"rms_trimmed{e}"]) for e in ("", "_lo", "_hi"))
    if not np.isfinite(value).any():
        say(axis, NO_STAR)
    draw_intervals(axis, years, low, high, COLOURS[0])
    axis.plot(years, value, "o", color=COLOURS[0], label="group")
    row = trends[trends["quantity"] == "rms_trimmed"][0]
    mean, std = 100 * row["mean"], 100 * row["std"]
    if np.isfinite(mean):
        words = "\ndrift ".join(filter(None, [_mean(row, ".3f"), _drift(row, "+.3f")]))
        axis.axhline(mean, color=COLOURS[1], label=words)
    if np.isfinite(std):
        within = int((np.abs(value - mean) <= 3 * std).sum())
        words = f"mean ± 3 standard deviations: {within} of {row['groups']} groups within;\n"
        words += f"{PAPER}: {published['rms_within_3_std']['published']}"
        for line in (mean - 3 * std, mean + 3 * std):
            axis.axhline(line, color=COLOURS[2], ls="--", label=words)
            words = None
    axis.set_ylabel("RMS of flux ratio − 1 (%)")
    name_years(axis, years)
    legend_below(axis)
    note = f"bars: {summary.meta['interval'].split(';')[0]} over the group's stars"
    set_title(figure, summary, note, undefined(value))
    return figure
