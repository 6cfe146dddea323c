"""Figure of the audit of the reference, drawn from tables."""

from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from crstudy.figures.style import (
    COLOURS,
    COMPARISON_STYLE,
    LINES,
    PAPER,
    draw_intervals,
    name_regions,
    percent,
    set_title,
)
from crstudy.metrics.names import all_strata
from crstudy.reference.audit import GROUP, LEAVE_ONE_OUT
from crstudy.reference.corrected_table1 import ESTIMATORS

SCORES = ("recall", "precision")
MARKERS = "os^vDP"
#: The corrected row: the estimator that counts, and the other.
HEADLINE, CHECK = ESTIMATORS
CORRECTED = COLOURS[3]
SPREAD = 0.08


def draw(audit: Table, corrected: Table, scale: Table) -> Figure:
    """Draw the labels against the truth, and Table 1 of the paper corrected to perfect labels.

    Parameters
    ----------
    audit : Table
        Of `crstudy.reference.audit_table.make_audit`; metadata driz_cr_snr and driz_cr_scale, of
        the reference.
    corrected, scale : Table
        Of `crstudy.reference.corrected_table1.correct_table1` and
        `crstudy.reference.corrected_table1.fit_scale`.

    Returns
    -------
    matplotlib.figure.Figure
        (a) recall and precision of the labels by star region, a line per setting; (b) the paper's
        row and the simulation's, against labels and truth, and the paper's corrected.
    """
    audit, corrected = all_strata(audit), all_strata(corrected)
    regions = list(dict.fromkeys(audit["region"]))
    figure = Figure(layout="constrained")
    above, below = figure.subfigures(2, 1)
    labels = audit[(audit["comparison"] == "reference_vs_truth") & (audit["cleaned_by"] == "truth")]
    _lay_out(above, regions, "(a) AstroDrizzle's labels against the true cosmic rays")
    _draw_labels(above, labels, regions)
    _lay_out(below, regions, "(b) Table 1 of the paper")
    _draw_row(below, audit, corrected, regions)
    for part, title in ((above, "driz_cr_scale, driz_cr_snr"), (below, "")):
        handles = part.axes[0].get_legend_handles_labels()
        part.legend(*handles, loc="outside lower center", ncols=3, title=title, title_fontsize=7)
    notes = f"bars: {audit.meta['interval']}", scale.meta["reading"]
    set_title(figure, audit, *notes, _lacking(corrected))
    return figure


def _lay_out(part: SubFigure, regions: list[str], title: str) -> None:
    panels = part.subplots(1, 2, sharey=True)
    panels[0].set_title(title, loc="left")
    for axis, score in zip(panels, SCORES, strict=True):
        axis.set(xlim=(-0.6, len(regions) - 0.4), ylim=(-3, 103), ylabel=f"{score} (%)")
        name_regions(axis, regions)


def _draw_labels(part: SubFigure, labels: Table, regions: list[str]) -> None:
    """Draw a line per setting, and one for the reference's own with the median of the others."""
    snrs, scales = (list(dict.fromkeys(labels[n])) for n in ("driz_cr_snr", "driz_cr_scale"))
    own = labels.meta["driz_cr_snr"], labels.meta["driz_cr_scale"]
    settings = [(GROUP, snr, scale) for snr in snrs for scale in scales]
    if LEAVE_ONE_OUT in labels["median"]:
        settings.append((LEAVE_ONE_OUT, *own))
    for i, (median, snr, scale) in enumerate(settings):
        rows = labels[
            (labels["median"] == median)
            & (labels["driz_cr_snr"] == snr)
            & (labels["driz_cr_scale"] == scale)
        ]
        number = scales.index(scale)
        style = {
            "color": COLOURS[number % len(COLOURS)],
            "ls": LINES[snrs.index(snr) % len(LINES)],
            "marker": MARKERS[number % len(MARKERS)],
            "label": f"{scale}, {snr}",
        }
        if (snr, scale) == own:
            style["label"] += " (this study)"
        if median == LEAVE_ONE_OUT:
            style |= {"mfc": "white", "ls": "-.", "label": "this study, leave-one-out median"}
        shift = SPREAD * (i - (len(settings) - 1) / 2)
        for axis, score in zip(part.axes, SCORES, strict=True):
            _draw_line(axis, rows, regions, score, shift, **style)


def _draw_row(part: SubFigure, audit: Table, corrected: Table, regions: list[str]) -> None:
    """Draw the paper's row, the simulation's for the reference's own setting, and corrections."""
    ours = audit[
        (audit["median"] == GROUP)
        & (audit["cleaned_by"] == "reference")
        & (audit["model"] == corrected.meta["model"])
        & _of_study(audit)
    ]
    of_own = corrected[_of_study(corrected)]
    model = corrected.meta["model"]
    for axis, score in zip(part.axes, SCORES, strict=True):
        paper = of_own[of_own["estimator"] == HEADLINE]
        x = [regions.index(region) for region in paper["region"]]
        label = f"{PAPER}: deepCR against its labels"
        axis.plot(x, 100 * paper[f"published_{score}"], "k*--", label=label)
        for comparison, words, shift in (("reference", "labels", -1.5), ("truth", "truth", -0.5)):
            colour, marker = COMPARISON_STYLE[comparison]
            rows = ours[ours["comparison"] == comparison]
            style = {
                "color": colour,
                "marker": marker,
                "label": f"{model}, simulated, against {words}",
            }
            _draw_line(axis, rows, regions, score, shift * SPREAD, **style)
        if not of_own["reproduced"].any():
            continue
        style = {"color": CORRECTED, "marker": "D", "label": "paper, corrected to the truth"}
        _draw_line(axis, paper, regions, score, 0.5 * SPREAD, **style)
        check = of_own[of_own["estimator"] == CHECK]
        style |= {"mfc": "white", "ls": ":", "label": f"paper, corrected by {CHECK} (check)"}
        _draw_line(axis, check, regions, score, 1.5 * SPREAD, **style)


def _of_study(table: Table) -> Any:
    """Return the rows of the setting with which the study makes its reference."""
    return (table["driz_cr_snr"] == table.meta["driz_cr_snr"]) & (
        table["driz_cr_scale"] == table.meta["driz_cr_scale"]
    )


def _draw_line(
    axis: Axes, rows: Table, regions: list[str], score: str, shift: float, **style: Any
) -> None:
    """Draw a score by region, with its interval where there is one."""
    x = np.array([regions.index(region) for region in rows["region"]]) + shift
    value, low, high = percent(rows, score)
    axis.plot(x, value, lw=0.8, ms=3, **style)
    draw_intervals(axis, x, low, high, style["color"])


def _lacking(corrected: Table) -> str:
    """Say in how many regions nothing is corrected."""
    drawn = corrected[_of_study(corrected) & (corrected["estimator"] == HEADLINE)]
    lacking = int((~np.asarray(drawn["reproduced"])).sum())
    words = f"not reproduced, hence not corrected: {lacking} of {len(drawn)} regions of the paper"
    return words if lacking else ""
