"""Figure 3: flux ratios of stars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crstudy.figures import style
from crstudy.metrics.bootstrap import MIN_GROUPS
from crstudy.photometry.flux_tests import contaminated, differs, used_rows
from crstudy.photometry.summary import ALL, INSIDE, OUTSIDE

#: Flux ratios beyond are drawn as triangles at the edge.
RATIO_RANGE = (0.7, 1.5)


def draw(photometry: Table, summary: Table, published: Mapping[str, Any]) -> Figure:
    """Draw the flux ratios of stars against magnitude (paper Figure 3).

    Parameters
    ----------
    photometry : Table
        Measurements of all groups.
    summary : Table
        Of `crstudy.photometry.summary.summarise`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        Ratio to the clean flux (a) in the original image and (b) in the image cleaned by deepCR.
    """
    figure = Figure(layout="constrained")
    panels = dict(zip(("original", "inpaint"), figure.subplots(1, 2, sharey=True), strict=True))
    used, sigma = used_rows(photometry), summary.meta["flux_sigma"]
    magnitude = np.asarray(used["mag"])
    dirty = contaminated(used, sigma)
    # None where the truth is not known.
    wrong = dirty & differs(used["flux_clean"], used["flux_scene"], used["sigma"], sigma)
    kinds = (
        (~dirty, "0.55", 1.2),
        (dirty & ~wrong, style.COLOURS[1], 2.0),
        (wrong, style.COLOURS[0], 2.0),
    )
    ratios = {n: np.asarray(used[f"flux_{n}"]) / np.asarray(used["flux_clean"]) for n in panels}
    low, high = RATIO_RANGE
    beyond = {n: int(((r < low) | (r > high)).sum()) for n, r in ratios.items()}
    for name, axis in panels.items():
        _draw_ratios(axis, magnitude, ratios[name], kinds)
        axis.tick_params(labelleft=True)
        axis.set_xlabel("magnitude of the star (AB mag)")
    words = [
        f"{(~dirty).sum()} other measurements",
        f"{dirty.sum()} contaminated: original and clean flux\ndiffer by more than {sigma:g} σ",
        f"{wrong.sum()} of these: clean and true flux differ as much",
    ]
    for (here, colour, _), label in zip(kinds, words, strict=True):
        if here.any() or here is not wrong:
            panels["original"].plot([], [], "o", color=colour, mew=0, label=label)
    panels["original"].set_ylabel("flux / clean flux")
    titles = {"original": "(a) original image", "inpaint": "(b) image cleaned by deepCR"}
    for name, words in titles.items():
        panels[name].set_title(f"{words}; {beyond[name]} beyond the axis")
    _draw_shares(
        panels["inpaint"], summary[summary["group"] == ALL][0], style.published_numbers(published)
    )
    style.legend_below(panels["original"])
    style.legend_below(panels["inpaint"])
    interval = f"in brackets: {summary.meta['interval'].split(';')[0]}, bootstrap over groups"
    # The last row is of all groups.
    if len(summary) - 1 < MIN_GROUPS:
        interval = style.NO_INTERVAL
    note = f"triangles: beyond the axis; {interval}"
    style.set_title(figure, summary, note, style.undefined(magnitude, *ratios.values()))
    return figure


def _draw_ratios(
    axis: Axes,
    magnitude: NDArray[np.floating],
    ratio: NDArray[np.floating],
    kinds: Sequence[tuple[NDArray[np.bool_], str, float]],
) -> None:
    """Draw flux ratios of all kinds: where, colour and size."""
    low, high = RATIO_RANGE
    axis.set_ylim(low - 0.03, high + 0.03)
    if len(ratio) == 0:
        style.annotate_empty(axis, style.NO_STAR)
    for here, colour, size in kinds:
        look = {"color": colour, "mew": 0, "ls": "none", "rasterized": True}
        inside = here & (ratio >= low) & (ratio <= high)
        axis.plot(magnitude[inside], ratio[inside], "o", ms=size, **look)
        for marker, edge, far in (("v", low, ratio < low), ("^", high, ratio > high)):
            x = magnitude[here & far]
            axis.plot(x, np.full(len(x), edge), marker, ms=3.5, **look)


def _draw_shares(axis: Axes, row: Any, published: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the limits of good and anomalous ratios, and say how many pass them."""
    for limits, name, key, word, look in (
        (OUTSIDE, "outside_10_fraction", "outside_10", "outside", "--"),
        (INSIDE, "inside_3_fraction", "inside_3", "inside", ":"),
    ):
        share = style.with_interval(row, name)
        words = f"{word} {limits[0]:g} to {limits[1]:g}: {share} of the contaminated;\n"
        words += f"{style.PAPER}: {published[key]['value']} %"
        for limit, label in zip(limits, (words, None), strict=True):
            axis.axhline(limit, color="k", ls=look, lw=0.7, zorder=3, label=label)
