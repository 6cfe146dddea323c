"""Masks and photometry before and after mask refinement on stars."""

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from crstudy.figures import style
from crstudy.metrics.names import all_strata
from crstudy.refinement.settings import NONE, RESIDUALS, THRESHOLD

LABELS = {NONE: "deepCR, unmodified", THRESHOLD: "another threshold on stars", RESIDUALS: RESIDUALS}
LOOKS = {
    LABELS[NONE]: (style.COLOURS[0], "o", "-"),
    LABELS[THRESHOLD]: (style.COLOURS[3], "^", "--"),
    LABELS[RESIDUALS]: (style.COLOURS[1], "s", "-"),
}
#: Stars in the photometric panel, and their looks.
STARS = {
    "anomalous_fraction": ("all stars", (style.COLOURS[0], "o", "")),
    "anomalous_hit_fraction": ("hit", (style.COLOURS[1], "s", "")),
    "anomalous_free_fraction": ("unaffected", (style.COLOURS[2], "D", "")),
}


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
    scores = scores[scores["comparison"] == comparison]
    scores["series"] = [LABELS[name] for name in scores["remedy"]]
    figure = Figure(layout="constrained")
    above, below = figure.subfigures(2, 1)
    style.draw_points(above, style.score_rows(scores), "region", LOOKS, col="quantity")
    style.finish_scores(above.axes, style.SCORES, scores)
    for axis, title in zip(above.axes, ("(a) recall", "(b) precision"), strict=True):
        axis.set_title(f"{title} against {style.COMPARED_WITH[comparison]}")
    style.legend_of(above, LOOKS, "outside lower center", ncols=3)
    axis = below.subplots()
    axis.set_title("(c) stars with anomalous flux after repair")
    rows = style.long_form(photometry, list(STARS))
    rows["series"] = [STARS[name][0] for name in rows["quantity"]]
    style.draw_points(axis, rows, "remedy", dict(STARS.values()))
    images = [str(name) for name in photometry["remedy"]]
    names = [LABELS.get(name, name).replace(", ", ",\n") for name in images]
    axis.set_xticks(range(len(images)), names)
    axis.set(xlabel="image (mask)", ylabel="anomalous (%)", title="(c) ")
    axis.set_title("(c) stars with anomalous flux after repair")
    style.legend_of(axis, dict(STARS.values()), "best")
    if not np.isfinite(photometry["anomalous_fraction"]).any():
        style.annotate_empty(axis, style.NO_STAR)
    words = style.undefined(*(scores[name] for name in style.SCORES))
    style.set_title(figure, scores, style.bars_words(scores), style.FEW_WORDS, words)
    return figure
