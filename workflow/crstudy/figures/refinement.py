"""Masks and photometry before and after mask refinement on stars."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures.style import (
    COLOURS,
    COMPARED_WITH,
    NO_STAR,
    annotate_empty,
    draw_intervals,
    name_regions,
    percent,
    set_title,
    undefined,
)
from crstudy.metrics.names import all_strata
from crstudy.refinement.settings import NONE, REFINEMENTS, RESIDUALS, THRESHOLD

LABELS = {NONE: "deepCR, unmodified", THRESHOLD: "another threshold on stars", RESIDUALS: RESIDUALS}
STYLE = dict(
    zip(REFINEMENTS, ((COLOURS[0], "o"), (COLOURS[3], "^"), (COLOURS[1], "s")), strict=True)
)
#: Stars in the photometric panel, and how the bars of each are filled.
STARS = {"anomalous": "all", "anomalous_hit": "hit", "anomalous_free": "unaffected"}
SPREAD = 0.12


def draw(scores: Table, photometry: Table) -> Figure:
    """Draw masks and photometry before and after refinement.

    Parameters
    ----------
    scores, photometry : Table
        Of `crstudy.refinement.tables.mask_score_table` and `repair_table`, with metadata dataset
        and observed_with.

    Returns
    -------
    matplotlib.figure.Figure
        (a) recall and (b) precision by star region, against the truth where it is known, else
        against the labels; (c) anomalous stars by image.
    """
    scores = all_strata(scores)
    comparison = "truth" if "truth" in scores["comparison"] else "reference"
    rows = scores[scores["comparison"] == comparison]
    figure = Figure(layout="constrained")
    panels = figure.subplot_mosaic([["recall", "precision"], ["stars", "stars"]])
    for letter, name in zip("ab", ("recall", "precision"), strict=True):
        panels[name].set_title(f"({letter}) {name} against {COMPARED_WITH[comparison]}", loc="left")
        _draw_score(panels[name], rows, name)
    handles = panels["recall"].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    _draw_anomalies(panels["stars"], photometry)
    words = undefined(*(rows[name] for name in ("recall", "precision")))
    set_title(figure, scores, f"bars: {scores.meta['interval']}", words)
    return figure


def _draw_score(axis: Axes, rows: Table, score: str) -> None:
    regions = list(dict.fromkeys(rows["region"]))
    for i, remedy in enumerate(REFINEMENTS):
        here = rows[rows["remedy"] == remedy]
        colour, marker = STYLE[remedy]
        shift = SPREAD * (i - (len(REFINEMENTS) - 1) / 2)
        x = np.array([regions.index(region) for region in here["region"]]) + shift
        value, low, high = percent(here, score)
        axis.plot(x, value, color=colour, marker=marker, ms=4, lw=0.8, label=LABELS[remedy])
        draw_intervals(axis, x, low, high, colour)
    name_regions(axis, regions)
    axis.set_ylabel(f"{score} (%)")
    axis.set_ylim(-3, 103)


def _draw_anomalies(axis: Axes, photometry: Table) -> None:
    """Draw the fraction of anomalous stars of each image: all, hit and not hit."""
    axis.set_title("(c) stars with anomalous flux after repair", loc="left")
    images = [str(name) for name in photometry["remedy"]]
    for i, (name, words) in enumerate(STARS.items()):
        y = np.arange(len(images)) + 2 * SPREAD * (i - 1)
        value, low, high = percent(photometry, f"{name}_fraction")
        axis.plot(value, y, ls="", marker="osD"[i], ms=4, color=COLOURS[i], label=words)
        middle, half = (low + high) / 2, (high - low) / 2
        axis.errorbar(middle, y, xerr=half, fmt="none", ecolor=COLOURS[i], elinewidth=0.8)
    axis.set_yticks(range(len(images)), [LABELS.get(name, name) for name in images])
    axis.invert_yaxis()
    axis.set(xlabel="anomalous (%)")
    axis.legend(title="stars", title_fontsize=7)
    if not np.isfinite(photometry["anomalous_fraction"]).any():
        annotate_empty(axis, NO_STAR)
