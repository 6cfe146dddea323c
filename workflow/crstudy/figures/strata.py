"""Table 1 by stratum: what most light of the pixels comes from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures import style
from crstudy.metrics.names import STRATUM_WORDS

STYLE = dict(
    zip(
        STRATUM_WORDS,
        (
            ("0.45", "o"),
            (style.COLOURS[4], "v"),
            (style.COLOURS[0], "s"),
            (style.COLOURS[1], "^"),
            (style.COLOURS[2], "D"),
        ),
        strict=True,
    )
)


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
    model = mixtures.meta["model"]
    labels = table1[table1["comparison"] == "reference_vs_truth"]
    labelled = table1[(table1["comparison"] == "reference") & (table1["model"] == model)]
    looks = {STRATUM_WORDS[name]: (*look, "-") for name, look in STYLE.items()}
    looks[style.PAPER] = style.PAPER_LOOK
    figure = Figure(layout="constrained")
    panels = figure.subplots(2, 2)
    for axis, rows, score in (
        (panels[0, 0], labelled, "recall"),
        (panels[0, 1], labelled, "precision"),
        (panels[1, 0], labels, "recall"),
    ):
        scored = style.score_rows(rows)
        scored["series"] = [STRATUM_WORDS[name] for name in scored["stratum"]]
        scored = style.with_paper(scored, published) if rows is labelled else scored
        scored = scored[(scored["quantity"] == score) & np.isfinite(scored["value"])]
        if len(scored):
            style.draw_points(axis, scored, "region", looks)
        style.finish_scores([axis], [score], rows)
    _draw_mixtures(panels[1, 1], mixtures)
    titles = (
        f"(a) recall of {model} against the labels",
        f"(b) precision of {model} against the labels",
        "(c) recall of the labels against the truth",
        "(d) mixtures not excluded (bars), simulation (symbols)",
    )
    for axis, title in zip(panels.flat, titles, strict=True):
        axis.set_title(title)
    style.legend_of(figure, looks, "outside lower center", ncols=3)
    style.set_title(figure, table1, f"{style.bars_words(table1)} in (a) to (c)", style.FEW_WORDS)
    return figure


def _draw_mixtures(axis: Axes, mixtures: Table) -> None:
    """Draw the range of each weight in mixtures not excluded, and the simulation's weight."""
    regions = list(dict.fromkeys(mixtures["region"]))
    for number, (stratum, (colour, marker)) in enumerate(STYLE.items()):
        shift = style.SPREAD * (number - (len(STYLE) - 1) / 2)
        rows = mixtures[mixtures["stratum"] == stratum]
        x = np.array([regions.index(region) for region in rows["region"]]) + shift
        low, high = (100 * np.asarray(rows[f"{end}_weight"]) for end in ("lowest", "highest"))
        axis.vlines(x, low, high, color=colour, lw=4, alpha=0.5)
        # What a region does not hold has no symbol.
        actual = np.where(rows["pixels"] > 0, 100 * rows["actual_weight"], np.nan)
        look = {"color": colour, "marker": marker, "ms": 4, "ls": ""}
        axis.plot(x, actual, **look)
    for region in dict.fromkeys(mixtures["region"]):
        row = mixtures[mixtures["region"] == region][0]
        if not row["not_excluded"]:
            words = "all excluded" if row["tested"] else "not tested"
            place = regions.index(region) + 0.38, 50  # beside the symbols
            axis.text(*place, words, rotation=90, ha="center", va="center", size=7)
    style.name_regions(axis, regions)
    axis.set(ylim=(-3, 103), ylabel="fraction of the pixels (%)")
