"""Figure of the reliability of probabilities."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.config.registry import METHODS
from crstudy.figures import style
from crstudy.metrics.names import SKY, all_strata

#: Of both axes, by the logit.
LIMITS = (3e-6, 1 - 1e-4)
TICKS = {1e-5: "0.001", 1e-3: "0.1", 0.1: "10", 0.5: "50", 0.9: "90", 0.999: "99.9"}
MEANING = (
    "triangles: bars that go on beyond the axis; Brier: mean squared error of the probability; "
    "ECE: mean distance of observed fraction and probability, bin by bin (the less, the better)"
)
#: Height of a line of scores, in units of a panel.
LINE = 0.044


def draw(reliability: Table, calibration: Table) -> Figure:
    """Draw reliability diagrams.

    Parameters
    ----------
    reliability, calibration : Table
        Of `crstudy.metrics.curves.reliability.reliability_table` and
        `crstudy.metrics.curves.reliability.calibration_table`.

    Returns
    -------
    matplotlib.figure.Figure
        Columns: the sky, and two star regions. Rows: the data taken as the truth.
    """
    reliability, calibration = all_strata(reliability), all_strata(calibration)
    regions = style.shown_regions(reliability, SKY)
    fraction = reliability["observed_fraction"]
    # The scale has no place for bins without pixels, or of which none or all hold a cosmic ray.
    rows = reliability[np.isin(reliability["region"], regions) & (fraction > 0) & (fraction < 1)]
    comparisons = [name for name in style.COMPARED_WITH if name in rows["comparison"]]
    rows["series"] = [METHODS[name].label for name in rows["method"]]
    rows["value"] = rows["observed_fraction"]
    for end in ("low", "high"):
        rows[end] = np.clip(rows[f"observed_fraction_{end[:2]}"], *LIMITS)
    looks = style.method_looks(dict.fromkeys(rows["method"]))
    rows.sort(["mean_probability"])
    figure = Figure(layout="constrained")
    order = {"col": regions, "row": comparisons}
    facets = {"col": "region", "row": "comparison", "order": order}
    style.draw_points(figure, rows, "mean_probability", looks, share_y=True, **facets)
    places = ((comparison, region) for comparison in comparisons for region in regions)
    for axis, (comparison, region) in zip(figure.axes, places, strict=True):
        here, scores = (
            table[(table["comparison"] == comparison) & (table["region"] == region)]
            for table in (rows, calibration)
        )
        axis.axline((0.5, 0.5), (0.6, 0.6), color="0.6", lw=0.8)
        for end, marker, edge in (("low", "v", LIMITS[0]), ("high", "^", LIMITS[1])):
            x = here["mean_probability"][here[end] == edge]
            x = x[(x > LIMITS[0]) & (x < LIMITS[1])]
            if len(x):
                axis.plot(x, np.full(len(x), edge), marker, color="0.3", ms=3, clip_on=False)
        _write_scores(axis, scores)
        axis.set(xscale="logit", yscale="logit", xlim=LIMITS, ylim=LIMITS)
        axis.set_xticks(list(TICKS), list(TICKS.values()))
        axis.set_yticks(list(TICKS), list(TICKS.values()))
        axis.minorticks_off()
        words = "sky" if region == SKY else f"stars above {region} RMS"
        label = f"pixels with a cosmic ray (%),\n{style.COMPARED_WITH[comparison]}"
        axis.set(title=words, xlabel="probability (%)", ylabel=label)
    style.legend_of(figure, looks, "outside lower center", ncols=3)
    style.set_title(
        figure,
        reliability,
        style.bars_words(reliability),
        MEANING,
        *style.missing_words(reliability),
    )
    return figure


def _write_scores(axis: Axes, scores: Table) -> None:
    """Write Brier score and calibration error of each method, in its colour."""
    lines = [("Brier, ECE", "black")]
    lines += [
        (f"{row['brier']:#.2g}, {row['ece']:#.2g}", style.look_of(row["method"])[0])
        for row in scores
    ]
    for i, (words, colour) in enumerate(lines):
        place = {"transform": axis.transAxes, "va": "top"}
        axis.text(0.03, 0.97 - LINE * i, words, size=5.8, color=colour, **place)
