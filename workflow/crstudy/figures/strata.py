"""Table 1 by stratum: what most light of the pixels comes from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures.style import COLOURS, PAPER, draw_intervals, name_regions, percent, set_title
from crstudy.metrics.names import STRATUM_WORDS
from crstudy.metrics.published_table1 import published_table1

STYLE = dict(
    zip(
        STRATUM_WORDS,
        (("0.45", "o"), (COLOURS[4], "v"), (COLOURS[0], "s"), (COLOURS[1], "^"), (COLOURS[2], "D")),
        strict=True,
    )
)
SPREAD = 0.1
#: A score of fewer pixels has an open symbol.
FEW_PX = 100


def draw(table1: Table, mixtures: Table, published: Mapping[str, Any]) -> Figure:
    """Draw Table 1 by stratum, and the mixtures that the paper's does not exclude.

    Parameters
    ----------
    table1 : Table
        Of `crstudy.metrics.table1.make_table1`, of simulated exposures.
    mixtures : Table
        Of `crstudy.metrics.mixtures.mixture_table`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        By star region: (a) recall and (b) precision of deepCR against the labels, with the
        paper's, (c) recall of the labels against the truth, (d) weights of the strata.
    """
    regions = list(dict.fromkeys(table1["region"]))
    model = mixtures.meta["model"]
    labels = table1[table1["comparison"] == "reference_vs_truth"]
    labelled = table1[(table1["comparison"] == "reference") & (table1["model"] == model)]
    figure = Figure(layout="constrained")
    panels = figure.subplots(2, 2)
    _draw_score(panels[0, 0], labelled, "recall", regions)
    _draw_score(panels[0, 1], labelled, "precision", regions)
    _draw_score(panels[1, 0], labels, "recall", regions)
    paper = published_table1(published)
    paper = paper[np.isin(paper["region"], regions)]
    x = [regions.index(region) for region in paper["region"]]
    for axis, score in zip(panels[0], ("recall", "precision"), strict=True):
        axis.plot(x, 100 * paper[score], "k*--", label=PAPER, zorder=3)
    mixed = list(dict.fromkeys(mixtures["region"]))
    _draw_mixtures(panels[1, 1], mixtures, mixed)
    titles = (
        f"(a) recall of {model} against the labels",
        f"(b) precision of {model} against the labels",
        "(c) recall of the labels against the truth",
        "(d) mixtures not excluded (bars), simulation (symbols)",
    )
    shown = (regions, regions, regions, mixed)
    for axis, title, names in zip(panels.flat, titles, shown, strict=True):
        axis.set_title(title, loc="left")
        axis.set(ylim=(-3, 103), ylabel=f"{title.split()[1]} (%)")
        axis.set_xlim(-0.5, len(names) - 0.5)
        name_regions(axis, names)
    panels[1, 1].set_ylabel("fraction of the pixels (%)")
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    notes = (
        f"bars in (a) to (c): {table1.meta['interval']}; none where too few groups contribute",
        f"open symbols: a score of fewer than {FEW_PX} pixels",
    )
    set_title(figure, table1, *notes)
    return figure


def _shift(stratum: str) -> float:
    return SPREAD * (list(STYLE).index(stratum) - (len(STYLE) - 1) / 2)


def _draw_score(axis: Axes, rows: Table, score: str, regions: list[str]) -> None:
    """Draw a line for each stratum that has a score anywhere."""
    for stratum, (colour, marker) in STYLE.items():
        here = rows[rows["stratum"] == stratum]
        value, low, high = percent(here, score)
        if not np.isfinite(value).any():
            continue
        x = np.array([regions.index(region) for region in here["region"]]) + _shift(stratum)
        style = {"color": colour, "marker": marker, "ms": 4, "lw": 0.8}
        axis.plot(x, value, label=STRATUM_WORDS[stratum], **style)
        few = here["tp"] + here["fn" if score == "recall" else "fp"] < FEW_PX
        axis.plot(x[few], value[few], **style | {"mfc": "white", "ls": ""})
        draw_intervals(axis, x, low, high, colour)


def _draw_mixtures(axis: Axes, mixtures: Table, regions: list[str]) -> None:
    """Draw the range of each weight in mixtures not excluded, and the simulation's weight."""
    for stratum, (colour, marker) in STYLE.items():
        rows = mixtures[mixtures["stratum"] == stratum]
        x = np.array([regions.index(region) for region in rows["region"]]) + _shift(stratum)
        low, high = (100 * np.asarray(rows[f"{end}_weight"]) for end in ("lowest", "highest"))
        axis.vlines(x, low, high, color=colour, lw=4, alpha=0.5)
        # What a region does not hold has no symbol.
        actual = np.where(rows["pixels"] > 0, 100 * rows["actual_weight"], np.nan)
        style = {"color": colour, "marker": marker, "ms": 4, "ls": ""}
        axis.plot(x, actual, **style)
    for region in dict.fromkeys(mixtures["region"]):
        row = mixtures[mixtures["region"] == region][0]
        if not row["not_excluded"]:
            words = "all excluded" if row["tested"] else "not tested"
            place = regions.index(region) + 0.38, 50  # beside the symbols
            axis.text(*place, words, rotation=90, ha="center", va="center", size=7)
