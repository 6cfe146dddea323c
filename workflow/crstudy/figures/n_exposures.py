"""Figure of scores against the number of exposures behind the labels."""

from typing import Any

from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures.style import COLOURS, COMPARISON_STYLE, draw_intervals, percent, set_title
from crstudy.metrics.names import FULL

SCORES = ("recall", "precision")
WORDS = {
    "reference": "deepCR against the labels",
    "truth": "deepCR against the true cosmic rays",
    "reference_vs_truth": "labels against the true cosmic rays",
}
#: Distance of the points of one number.
SPREAD = 0.1
#: Scores of fewer pixels are not drawn.
FEW_PX = 100


def draw(scores: Table, simulated: Table | None = None) -> Figure:
    """Draw recall and precision against the number of exposures behind the labels.

    Parameters
    ----------
    scores : Table
        Of `crstudy.reference.n_exposures.score_numbers`.
    simulated : Table or None
        The same of simulated exposures, drawn beside those of real ones.

    Returns
    -------
    matplotlib.figure.Figure
        Panels: the full frame and a star region, recall and precision.
    """
    figure = Figure(layout="constrained")
    regions = list(dict.fromkeys(scores["region"]))
    panels = figure.subplots(len(SCORES), len(regions), sharex=True, sharey=True, squeeze=False)
    places = ((score, region) for score in SCORES for region in regions)
    for letter, axis, (score, region) in zip("abcd", panels.flat, places, strict=False):
        words = "full frame" if region == FULL else f"stars above {region} RMS"
        axis.set_title(f"({letter}) {words}", loc="left")
        for table, real in ((simulated, False), (scores, simulated is not None)):
            if table is not None:
                _draw_lines(axis, table[table["region"] == region], score, real)
        axis.set_ylabel(f"{score} (%)")
    numbers = sorted(set(scores["n_exposures"]))
    for axis in panels[-1]:
        axis.set_xticks(numbers)
        axis.set_xlabel("exposures behind the labels")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    intervals = (simulated if simulated is not None else scores).meta["interval"]
    few = f"points without {FEW_PX} labelled pixels are omitted" if _few(scores).any() else ""
    set_title(figure, scores, f"bars: {intervals}", few)
    return figure


def _few(table: Table) -> Any:
    """Mark the rows with few pixels to find."""
    return table["tp"] + table["fn"] < FEW_PX


def _draw_lines(axis: Axes, table: Table, score: str, real: bool) -> None:
    """Draw a score against the number, a line per comparison."""
    for i, (comparison, words) in enumerate(WORDS.items()):
        rows = table[(table["comparison"] == comparison) & ~_few(table)]
        if not len(rows):
            continue
        colour, marker = COMPARISON_STYLE[comparison]
        style: dict[str, Any] = {"color": colour, "marker": marker, "mfc": "white", "ls": "--"}
        style["label"] = f"{words}, simulated"
        if real:
            style |= {"color": COLOURS[3], "mfc": COLOURS[3], "ls": "-", "label": f"{words}, real"}
        x = rows["n_exposures"] + SPREAD * (i - 1)
        value, low, high = percent(rows, score)
        axis.plot(x, value, lw=0.9, ms=4, **style)
        draw_intervals(axis, x, low, high, style["color"])
