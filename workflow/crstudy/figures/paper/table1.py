"""Table 1: recall and precision of deepCR."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from crstudy.figures import style
from crstudy.metrics.names import COMPARISON_WORDS, WITH_RIMS, all_strata

PAPER_WORDS = "paper (Lin et al. 2023): detector against its reference"


def draw(table: Table, published: Mapping[str, Any]) -> Figure:
    """Draw recall and precision against star region (paper Table 1).

    Parameters
    ----------
    table : Table
        Of `crstudy.metrics.table1.make_table1`.
    published : mapping
        ``resources/published.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels at the width of two columns.
    """
    table = all_strata(table)
    models = list(dict.fromkeys(table["model"][table["comparison"] == "reference"]))
    looks, series = {PAPER_WORDS: style.PAPER_LOOK}, []
    for row in table:
        words, look = _series(row["comparison"], row["model"], models)
        series.append(words)
        looks[words] = look
    table["series"] = series
    rows = style.score_rows(table)
    # Recall is the same with rims: they are no cosmic rays.
    rims = np.array([name.endswith(WITH_RIMS) for name in rows["comparison"]])
    rows = rows[~(rims & (rows["quantity"] == "recall"))]
    figure = Figure(layout="constrained")
    style.draw_points(
        figure, style.with_paper(rows, published, PAPER_WORDS), "region", looks, col="quantity"
    )
    style.finish_scores(figure.axes, style.SCORES, table)
    style.legend_of(figure, looks, "outside lower center", ncols=2)
    style.set_title(figure, table, style.bars_words(table), style.FEW_WORDS)
    return figure


def _series(comparison: str, model: str, models: list[str]) -> tuple[str, style.Look]:
    """Return words and look of a comparison."""
    rims = comparison.endswith(WITH_RIMS)
    colour, marker = style.COMPARISON_STYLE[comparison]
    words = COMPARISON_WORDS[comparison.removesuffix(WITH_RIMS)]
    words = words.split(" (")[0].split(",")[0] + ", with rims" * rims
    if model not in models:
        return words, (colour, marker, ":" if rims else "-")
    words = f"{model}: {words}" if len(models) > 1 else words
    return words, (
        colour,
        marker,
        ":" if rims else style.LINES[models.index(model) % len(style.LINES)],
    )
