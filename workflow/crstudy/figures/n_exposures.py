"""Figure of scores against the number of exposures behind the labels."""

from astropy.table import Table, vstack
from matplotlib.figure import Figure

from crstudy.figures import style
from crstudy.metrics.names import FULL

WORDS = {
    "reference": "deepCR against the labels",
    "truth": "deepCR against the true cosmic rays",
    "reference_vs_truth": "labels against the true cosmic rays",
}


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
    looks, parts = {}, []
    for table, real in ((simulated, False), (scores, simulated is not None)):
        if table is None:
            continue
        table = table[table["tp"] + table["fn"] >= style.FEW]
        for comparison, words in WORDS.items():
            rows = style.score_rows(table[table["comparison"] == comparison])
            if len(rows):
                words += ", real" if real else ", simulated"
                colour, marker = style.COMPARISON_STYLE[comparison]
                looks[words] = (style.COLOURS[3], "D", "-") if real else (colour, marker, "--")
                rows["series"], rows["number"] = words, rows["n_exposures"].astype(str)
                parts.append(rows)
    rows = vstack(parts, metadata_conflicts="silent")
    figure = Figure(layout="constrained")
    regions = list(dict.fromkeys(scores["region"]))
    facets = {
        "col": "region",
        "row": "quantity",
        "order": {"col": regions, "row": list(style.SCORES)},
    }
    style.draw_points(figure, rows, "number", looks, share_y=True, **facets)
    for i, axis in enumerate(figure.axes):
        region = regions[i % len(regions)]
        words = "full frame" if region == FULL else f"stars above {region} RMS"
        axis.set_title(f"({'abcdefgh'[i]}) {words}")
        axis.set(
            ylabel=f"{style.SCORES[i // len(regions)]} (%)", xlabel="exposures behind the labels"
        )
        numbers = list(dict.fromkeys(rows["number"]))
        axis.set_xticks(range(len(numbers)), numbers)
    style.legend_of(figure, looks, "outside lower center", ncols=2)
    left_out = len(scores) > (scores["tp"] + scores["fn"] >= style.FEW).sum()
    few = f"points without {style.FEW} labelled pixels are omitted" if left_out else ""
    style.set_title(
        figure, scores, style.bars_words(scores if simulated is None else simulated), few
    )
    return figure
