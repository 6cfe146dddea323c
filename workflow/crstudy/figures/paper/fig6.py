"""Figure 6: contaminated and anomalous stars against cosmic-ray density."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures import style
from crstudy.metrics.bootstrap import MIN_GROUPS

#: Bin of all stars' areas.
ALL_AREAS = "all"
SERIES = list(zip(style.COLOURS, ("o", "s", "^", "D", "v", "P"), strict=True))


def draw(density: Table, fits: Table, published: Mapping[str, Any]) -> Figure:
    """Draw contaminated and anomalous stars against cosmic-ray density (paper Figure 6).

    Parameters
    ----------
    density : Table
        Rows of `crstudy.photometry.density.tabulate_steps` of all groups.
    fits : Table
        Of `crstudy.photometry.density_fit.fit_density`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        (a) contaminated stars of all areas, (b) anomalous stars by area.
    """
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    least = fits.meta["min_stars"]
    numbers = style.published_numbers(published)
    points = density[density["stars"] >= least]
    bins = list(dict.fromkeys(density["area_bin"]))
    _draw_density(left, "contaminated", [ALL_AREAS], points, fits, numbers)
    by_area = [name for name in bins if name != ALL_AREAS]
    _draw_density(right, "anomalous", by_area, points, fits, numbers)
    left.set_title("(a) contaminated stars")
    right.set_title("(b) stars with anomalous photometry")
    left.set_ylabel("fraction of stars (%)")
    for fill, words in (("0.4", "exposure as observed"), ("none", "with cosmic rays added")):
        left.plot([], [], "o", mec="0.4", mfc=fill, label=words)
    right.tick_params(labelleft=True)
    style.legend_below(left)
    style.legend_below(right)
    few = len(density) - len(points)
    left_out = f"{few} of {len(density)} points with fewer than {least} stars are omitted"
    interval = f"in brackets: {fits.meta['interval']}"
    if max(fits["groups"]) < MIN_GROUPS:
        interval = style.NO_INTERVAL
    style.set_title(figure, fits, f"black: {style.PAPER}; {interval}", left_out if few else "")
    return figure


def _draw_density(
    axis: Axes,
    test: str,
    bins: list[str],
    points: Table,
    fits: Table,
    published: Mapping[str, Mapping[str, Any]],
) -> None:
    """Draw a panel: points, lines and the values that the paper reads from its lines."""
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
        line = np.clip(100 * row["intercept"] + row["slope"] * ends, 0, 100)
        look = {"ls": "-"} if row["groups"] >= MIN_GROUPS else {"ls": ":", "lw": 0.6}
        axis.plot(ends, line, color=colour, **look)
        if numbers:
            _draw_reading(axis, numbers, marker)
    axis.set_ylim(min(-4, axis.get_ylim()[0]), max(108, axis.get_ylim()[1]))
    axis.set_xlim(left=0)
    if not np.isin(points["area_bin"], bins).any():
        style.annotate_empty(axis, style.NO_STAR)


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
    """Describe the result of a fit."""
    if np.isnan(row["slope"]):
        return f"no fit ({row['points']} points)"
    words = f"$r$ = {row['pearson_r']:.2f}, {_p_words(row['p_value'])}; "
    words += f"{style.with_interval(row, 'value_at')} at {100 * row['at_cr_fraction']:g} %"
    return words if row["groups"] >= MIN_GROUPS else f"{words} (too few groups)"


def _p_words(p: float) -> str:
    """Write a p value, such as 3e-5, as a power of ten."""
    if p == 0:
        return r"$p < 10^{-300}$"
    mantissa, exponent = f"{p:.0e}".split("e")
    if int(exponent) > -3:
        return f"$p$ = {p:.2g}"
    return rf"$p = {mantissa}\times10^{{{int(exponent)}}}$"


def _draw_reading(axis: Axes, numbers: Mapping[str, Mapping[str, Any]], marker: str) -> None:
    """Draw in black the value that the paper reads from its line, with its r and p."""
    words = f"paper: $r$ = {numbers['r']['value']:.2f}, {_p_words(numbers['p']['value'])}"
    reading = numbers.get("reading")
    if reading:
        words += f"; {reading['published']} at {reading['at_percent']} %"
    x, y = ([reading["at_percent"]], [reading["value"]]) if reading else ([], [])
    axis.plot(x, y, color="k", marker=marker if reading else "", ms=7, ls="none", label=words)
