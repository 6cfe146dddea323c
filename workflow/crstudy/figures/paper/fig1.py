"""Figure 1: dates, exposure times and cosmic rays of the groups."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import seaborn as sns
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures import style

MARKERS = ["o", "s", "^", "D"]


def draw(groups: Table, published: Mapping[str, Any]) -> Figure:
    """Draw date, exposure time and cosmic-ray fraction of each group (paper Figure 1).

    Parameters
    ----------
    groups : Table
        Of `crstudy.metrics.group_summary.describe_groups`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        (a) exposure time against date, (b) cosmic-ray fraction against exposure time.
    """
    figure = Figure(layout="constrained")
    dates, rays = figure.subplots(1, 2)
    years = style.decimal_years(groups["mjd"])
    percent = 100 * np.asarray(groups["cr_fraction"], dtype=float)
    words = _target_words(groups)
    kinds = len(set(words))
    look = {
        "hue": words,
        "style": words,
        "palette": style.COLOURS[:kinds],
        "markers": MARKERS[:kinds],
    }
    look |= {"s": 18, "linewidth": 0}
    sns.scatterplot(x=years, y=np.asarray(groups["exptime"]), ax=dates, **look)
    sns.scatterplot(x=np.asarray(groups["exptime"]), y=percent, ax=rays, legend=False, **look)
    numbers = style.published_numbers(published)
    n, first, last = (numbers[key] for key in ("n_groups", "first_date", "last_date"))
    ends = [first["value"], last["value"]]
    words = f"{style.PAPER}: {n['value']} groups,\n{first['published']} to {last['published']}"
    dates.axvspan(*ends, color="0.93", lw=0, zorder=0, label=words)
    _draw_rate(rays, groups, numbers["exptime_at_4_percent"])
    style.name_years(dates, [*years, *ends])
    dates.set_ylabel("mean exposure time (s)")
    rays.set_xlabel("mean exposure time (s)")
    rays.set_ylabel("pixels with a cosmic ray (%)")
    for axis, title in ((dates, "(a) date and exposure time"), (rays, "(b) cosmic rays")):
        axis.set_ylim(0, 1.1 * axis.dataLim.ymax)
        axis.set_title(title)
        style.legend_below(axis)
    style.set_title(figure, groups, style.undefined(percent))
    return figure


def _target_words(groups: Table) -> list[str]:
    """Name the target of each group, or all at once where there are too many targets."""
    count = Counter(str(name) for name in groups["target"])
    if len(count) > len(MARKERS):
        return [f"{len(groups)} groups, {len(count)} targets"] * len(groups)
    words = {name: name.replace("_", " ") or "no target" for name in count}
    return [f"{words[name]} (groups: {count[name]})" for name in map(str, groups["target"])]


def _draw_rate(axis: Axes, groups: Table, paper: Mapping[str, Any]) -> None:
    """Draw the mean rate of cosmic rays as a line, and the paper's as a bar."""
    rates = 100 * np.asarray(groups["cr_fraction_per_1000s"], dtype=float)
    rates = rates[np.isfinite(rates)]
    ends = np.array([0, 1.07 * max(paper["high"], *groups["exptime"])])
    axis.set_xlim(*ends)
    if len(rates):
        words = f"mean of the groups: {rates.mean():.1f} % per 1000 s"
        axis.plot(ends, rates.mean() * ends / 1000, "--", color="0.5", label=words, zorder=1)
    words = f"{style.PAPER}: {paper['at_percent']} % at {paper['low']} to {paper['high']} s"
    axis.plot([paper["low"], paper["high"]], [paper["at_percent"]] * 2, "k|-", lw=1.5, label=words)
