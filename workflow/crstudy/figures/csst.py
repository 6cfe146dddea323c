"""Figure of masks and photometry on CSST exposures, drawn from tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crstudy.config.groups import SURVEY_EXPTIME_S
from crstudy.config.registry import METHODS
from crstudy.csst.limits import LEVELS
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.figures import style
from crstudy.metrics.names import FULL

#: Rows of the figure: quantity and its axis.
ROWS = {
    "recall": "recall (%)",
    "precision": "precision (%)",
    "anomalous_fraction": "stars with wrong flux (%)",
}
NO_REJECTION = "no rejection"
#: Methods are drawn this much apart, as a factor in exposure time.
APART = 1.018


def draw(scores: Table, photometry: Table, published: Mapping[str, Any]) -> Figure:
    """Draw recall, precision and photometry of all methods against exposure time.

    Parameters
    ----------
    scores : Table
        Of `crstudy.csst.scores.score_table`.
    photometry : Table
        Of `crstudy.csst.photometry.photometry_table`.
    published : mapping
        ``resources/published_csst.yaml``.

    Returns
    -------
    matplotlib.figure.Figure
        Rows: `ROWS`. Columns: default and tuned threshold.
    """
    scored = scores[(scores["field_class"] == ALL) & (scores["region"] == FULL)]
    measured = photometry[photometry["field_class"] == ALL]
    names = list(ROWS)
    parts = [style.long_form(scored, names[:2]), style.long_form(measured, names[2:])]
    rows = vstack(parts, join_type="inner", metadata_conflicts="silent")
    nothing = rows[rows["method"] == ORIGINAL]
    nothing["remedy"] = THRESHOLD
    rows = vstack([rows, nothing], metadata_conflicts="silent")
    methods = list(dict.fromkeys(scores["method"]))
    looks = {NO_REJECTION: ("black", "o", "-")} | style.method_looks(methods)
    labels = {ORIGINAL: NO_REJECTION} | {name: METHODS[name].label for name in methods}
    rows["series"] = [labels[name] for name in rows["method"]]
    number = np.array([list(looks).index(name) for name in rows["series"]])
    rows["time"] = rows["exptime_s"] * APART ** (number - len(looks) / 2)
    order = {UNCHANGED: 0, THRESHOLD: 1}
    rows = rows[np.argsort([order[name] for name in rows["remedy"]], kind="stable")]
    figure = Figure(layout="constrained")
    style.draw_points(figure, rows, "time", looks, share_y="row", col="remedy", row="quantity")
    panels = np.reshape(figure.axes, (len(ROWS), 2))
    for axes, (quantity, label) in zip(panels, ROWS.items(), strict=True):
        axes[0].set_ylabel(label)
        if quantity in scores.colnames:
            for axis in axes:
                _draw_published(axis, published["retrained"], quantity)
    _finish(panels, sorted({float(time) for time in scores["exptime_s"]}))
    looks[f"{published['retrained']['label']}, retrained"] = ("0.6", "", (0, (1, 0)))
    style.legend_of(figure, looks, "outside lower center", ncols=4)
    wrong = f"wrong flux: {photometry.meta['anomalous']}"
    style.set_title(
        figure, scores, style.bars_words(photometry), wrong, *style.missing_words(scores, "inputs")
    )
    return figure


def _draw_published(axis: Axes, published: Mapping[str, Any], score: str) -> None:
    value, error = published[f"{score}_percent"], published[f"{score}_error_percent"]
    axis.axhspan(value - error, value + error, color="0.6", lw=0.8, alpha=0.8, zorder=0)


def _finish(panels: NDArray, times: Sequence[float]) -> None:
    """Set scales, ticks and titles, and draw the lines that help to read the panels."""
    for axis, words in zip(panels[0], ("default threshold", "tuned threshold"), strict=True):
        axis.set_title(words)
    for axis in panels[1:].flat:
        axis.set_title("")
    for axis in panels.flat:
        axis.axvline(SURVEY_EXPTIME_S, color="0.4", ls=":", lw=0.8, zorder=0)
        axis.set_xscale("log")
        axis.set_xticks(times, [f"{time:g}" for time in times])
        axis.minorticks_off()
    for axis in panels[:2].flat:
        axis.set_ylim(top=101)
    for axis in panels[2]:
        axis.set_yscale("symlog", linthresh=1, linscale=0.6)
        axis.set_ylim(-0.1, 130)
        axis.set_yticks([0, 0.5, 1, 5, 10, 50, 100], ["0", "0.5", "1", "5", "10", "50", "100"])
        for level in LEVELS:
            axis.axhline(100 * level, color="0.4", ls="--", lw=0.8, zorder=0)
    for axis in panels[-1]:
        axis.set_xlabel("exposure time (s)")
