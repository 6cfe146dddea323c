"""Figure of the audit of the reference, drawn from tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from matplotlib.figure import Figure, SubFigure

from crstudy.figures import style
from crstudy.metrics.names import all_strata
from crstudy.reference.audit import GROUP, LEAVE_ONE_OUT
from crstudy.reference.corrected_table1 import ESTIMATORS

#: The corrected row: the estimator that counts, and the other.
HEADLINE, CHECK = ESTIMATORS
CORRECTED = {
    HEADLINE: ("paper, corrected to the truth", (style.COLOURS[3], "D", "-")),
    CHECK: (f"paper, corrected by {CHECK} (check)", (style.COLOURS[4], "X", ":")),
}


def draw(audit: Table, corrected: Table) -> Figure:
    """Draw the labels against the truth, and Table 1 of the paper corrected to perfect labels.

    Parameters
    ----------
    audit : Table
        Of `crstudy.reference.audit_table.make_audit`; metadata driz_cr_snr and driz_cr_scale, of
        the reference.
    corrected : Table
        Of `crstudy.reference.corrected_table1.correct_table1`.

    Returns
    -------
    matplotlib.figure.Figure
        (a) recall and precision of the labels by star region, a line per setting; (b) the paper's
        row and the simulation's, against labels and truth, and the paper's corrected.
    """
    audit, corrected = all_strata(audit), all_strata(corrected)
    figure = Figure(layout="constrained")
    above, below = figure.subfigures(2, 1)
    labels = audit[(audit["comparison"] == "reference_vs_truth") & (audit["cleaned_by"] == "truth")]
    labels = labels[(labels["median"] == GROUP) | _of_study(labels)]
    looks, labels["series"] = _settings(labels)
    _draw(above, style.score_rows(labels), looks, labels, "(a) labels against the true cosmic rays")
    above.legends[0].set_title("driz_cr_scale, driz_cr_snr", {"size": 7})
    looks = {f"{style.PAPER}: deepCR against its labels": style.PAPER_LOOK}
    rows = vstack(
        [*_simulated(audit, corrected, looks), *_published(corrected, looks)],
        join_type="inner",
        metadata_conflicts="silent",
    )
    _draw(below, rows, looks, labels, "(b) Table 1 of the paper")
    style.set_title(figure, audit, style.bars_words(audit), style.FEW_WORDS, _lacking(corrected))
    return figure


def _draw(
    part: SubFigure, rows: Table, looks: Mapping[str, style.Look], labels: Table, title: str
) -> None:
    """Draw recall and precision by region."""
    style.draw_points(part, rows, "region", looks, col="quantity")
    style.finish_scores(part.axes, style.SCORES, labels)
    part.axes[0].set_title(title)
    style.legend_of(part, looks, "outside lower center", ncols=3 if len(looks) > 5 else 2)


def _settings(labels: Table) -> tuple[dict[str, style.Look], list[str]]:
    """Return the looks of the settings, the reference's own with both medians, and their rows'."""
    snrs, scales = (list(dict.fromkeys(labels[n])) for n in ("driz_cr_snr", "driz_cr_scale"))
    looks, series = {}, []
    for row, own in zip(labels, _of_study(labels), strict=True):
        snr, number = snrs.index(row["driz_cr_snr"]), scales.index(row["driz_cr_scale"])
        words = f"{row['driz_cr_scale']}, {row['driz_cr_snr']}"
        look = (
            style.COLOURS[number % 6],
            style.MARKERS[number % 7],
            style.LINES[snr % len(style.LINES)],
        )
        if row["median"] == LEAVE_ONE_OUT:
            words, look = "this study, leave-one-out median", (style.COLOURS[5], "X", "-.")
        elif own:
            words += " (this study)"
        looks[words] = look
        series.append(words)
    return dict(sorted(looks.items(), key=lambda item: "one-out" in item[0])), series


def _simulated(audit: Table, corrected: Table, looks: dict[str, style.Look]) -> list[Table]:
    """Return the simulation's scores for the reference's own setting; add their looks."""
    model, parts = corrected.meta["model"], []
    ours = (audit["cleaned_by"] == "reference") & (audit["model"] == model)
    ours &= (audit["median"] == GROUP) & _of_study(audit)
    for comparison, words in (("reference", "labels"), ("truth", "truth")):
        parts.append(style.score_rows(audit[ours & (audit["comparison"] == comparison)]))
        parts[-1]["series"] = words = f"{model}, simulated, against {words}"
        looks[words] = (*style.COMPARISON_STYLE[comparison], "-")
    return parts


def _published(corrected: Table, looks: dict[str, style.Look]) -> list[Table]:
    """Return the paper's scores, and corrected ones where it is reproduced; add their looks."""
    of_own = corrected[_of_study(corrected)]
    paper = of_own[of_own["estimator"] == HEADLINE]
    for score in style.SCORES:
        paper[score] = paper[f"published_{score}"]
        paper[f"{score}_lo"] = paper[f"{score}_hi"] = np.nan
    parts = [style.long_form(paper, style.SCORES)]
    parts[0]["series"] = next(iter(looks))
    for estimator, (words, look) in CORRECTED.items():
        if of_own["reproduced"].any():
            parts.append(style.long_form(of_own[of_own["estimator"] == estimator], style.SCORES))
            parts[-1]["series"], looks[words] = words, look
    for part in parts:
        part["few"] = False
    return parts


def _of_study(table: Table) -> Any:
    """Return the rows of the setting with which the study makes its reference."""
    return (table["driz_cr_snr"] == table.meta["driz_cr_snr"]) & (
        table["driz_cr_scale"] == table.meta["driz_cr_scale"]
    )


def _lacking(corrected: Table) -> str:
    """Say in how many regions nothing is corrected."""
    drawn = corrected[_of_study(corrected) & (corrected["estimator"] == HEADLINE)]
    lacking = int((~np.asarray(drawn["reproduced"])).sum())
    words = f"not reproduced, hence not corrected: {lacking} of {len(drawn)} regions of the paper"
    return words if lacking else ""
