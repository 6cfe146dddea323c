"""Recall and cost of the methods."""

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from crstudy.config.registry import METHODS
from crstudy.figures import style
from crstudy.metrics.names import all_strata


def draw(recall: Table, speed: Table, rate: float) -> Figure:
    """Draw recall at one false-positive rate, and the cost of each method.

    Parameters
    ----------
    recall : Table
        Of `crstudy.metrics.curves.roc_tables.recall_table`.
    speed : Table
        Columns method, cpu_s_per_mpx, max_rss_mb.
    rate : float
        False-positive rate, one of the table's.

    Returns
    -------
    matplotlib.figure.Figure
        (a) recall by star region, against the truth if it is known, (b) cost.
    """
    recall = all_strata(recall)
    comparison = "truth" if "truth" in recall["comparison"] else "reference"
    rows = recall[(recall["comparison"] == comparison) & (recall["fpr"] == rate)]
    regions = list(dict.fromkeys(rows["region"]))
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    shown, others = style.split_methods(rows["method"])
    looks = style.looks_with_others(shown, others)
    for name in others:
        one = rows[rows["method"] == name]
        places = [regions.index(region) for region in one["region"]]
        style.draw_other(left, places, 100 * np.asarray(one["recall"]))
    lines = style.long_form(rows[np.isin(rows["method"], shown)], ["recall"])
    lines["series"] = [METHODS[name].label for name in lines["method"]]
    style.draw_points(left, lines, "region", looks)
    words = (
        f"(a) recall at {100 * rate:g} % false positives, against {style.COMPARED_WITH[comparison]}"
    )
    left.set(title=words, ylabel="recall (%)", ylim=(-2, 102))
    style.name_regions(left, regions)
    y = np.arange(len(speed))[::-1]
    colours = [style.GREY if m in others else style.look_of(m)[0] for m in speed["method"]]
    right.scatter(speed["cpu_s_per_mpx"], y, color=colours)
    right.set_yticks(y, [METHODS[m].label for m in speed["method"]])
    right.set(xscale="log", xlabel="CPU time (s per Mpx)", ylim=(-0.5, len(speed) - 0.5))
    right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.xaxis.set_major_formatter("{x:g}")
    right.xaxis.set_minor_formatter(NullFormatter())
    right.set_title("(b) cost")
    style.legend_of(figure, looks, "outside lower center", ncols=3)
    few = style.undefined(rows["recall"])
    lacking = few and f"{few}: no threshold of the scan reaches this rate in the region"
    style.set_title(figure, recall, style.bars_words(recall), lacking, *style.missing_words(recall))
    return figure
