"""Tables of docs/nets.md, from the kept ones; comparison_table.py writes them there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table

from crstudy.core.formatting import NO_BREAK, decimal
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED
from crstudy.metrics.names import FULL
from crstudy.report.measured import Measured, select_rows
from crstudy.report.nets import BASELINE, CSST, FIELDS, ORACLE, REAL, star_net_rows, trained_here

NO_VALUE = "–"
TRANSPLANTED, CSST_AIRY = "sim, transplanted", "csst, other PSF"
#: The net for ACS/WFC, and measures with two digits.
OWN, FINE = "stars-acs-wfc", ("star_cores_flagged", "average_precision", "wrong_fluxes_free")
#: Masks of resources/star_net.ecsv: the thresholds in print.
REFINED, STRICT = "default, refined", "strict"
AT = {MATCHED: "zb20's rate", DEFAULT: "0.5", REFINED: "0.5, refined", STRICT: "0.9", "any": "all"}


class Line(NamedTuple):
    """A row of a table: where in resources/star_net.ecsv it is; {}: the value of no correction."""

    words: str
    mask: str
    measure: str
    region: str = "stars"
    stratum: str = "all"


AREAS = {
    (FULL, "all"): "full frame",
    ("3", "star"): "unsaturated stars above 3 RMS",
    ("20", "star"): "unsaturated stars above 20 RMS",
    ("3", "saturated_star"): "saturated stars above 3 RMS",
}
PIXELS = [
    Line(f"{measure}, {words}", MATCHED, measure, *area)
    for area, words in AREAS.items()
    for measure in ("recall", "precision")
]
STARS = [
    Line("clean star cores flagged", DEFAULT, "star_cores_flagged"),
    Line("wrong fluxes, all stars ({} without correction)", DEFAULT, "wrong_fluxes"),
    Line("wrong fluxes, hit stars", DEFAULT, "wrong_fluxes_hit"),
    Line("wrong fluxes, stars without any charge", DEFAULT, "wrong_fluxes_free"),
    Line("change of hit stars, mmag ({} without correction)", DEFAULT, "bias_hit"),
]
REAL_LINES = [
    Line("average precision", "any", "average_precision", FULL),
    Line("recall", DEFAULT, "recall", FULL),
    Line("precision", DEFAULT, "precision", FULL),
]
#: Columns of `thresholds`.
BY_MASK = [
    Line("recall, full frame", "", "recall", FULL),
    Line("unsaturated stars above 3 RMS", "", "recall", "3", "star"),
    Line("above 20 RMS", "", "recall", "20", "star"),
    Line("precision, saturated stars", "", "precision", "3", "saturated_star"),
    Line("clean star cores flagged", "", "star_cores_flagged"),
    Line("wrong fluxes of hit stars", "", "wrong_fluxes_hit"),
]
#: Region, stratum and comparison of the rows of `reliability`.
PLACES = {
    (FULL, "all", "truth"): "full frame",
    (FULL, "all", "truth_with_rims"): "full frame, with rims",
    ("3", "star", "truth"): "unsaturated stars above 3 RMS",
    ("3", "star", "truth_with_rims"): "the same, with rims",
    ("20", "star", "truth"): "unsaturated stars above 20 RMS",
}


def net_tables(star_net: Table, sim: Mapping[str, Table]) -> dict[str, str]:
    """Draw the tables.

    Parameters
    ----------
    star_net : Table
        ``resources/star_net.ecsv``.
    sim : mapping of str to Table
        calibration, method_scores, objects and star_alarms of the study `sim`.

    Returns
    -------
    dict
        Markdown by the name of the markers.
    """
    drawn = {
        "other-psf": measures(star_net, FIELDS, [*PIXELS, *STARS]),
        "transplanted": measures(star_net, TRANSPLANTED, [*PIXELS, *STARS]),
        "real": measures(star_net, REAL, REAL_LINES),
        "csst": measures(star_net, CSST, [*PIXELS, *STARS]),
        "csst-airy": measures(star_net, CSST_AIRY, [*PIXELS, *STARS]),
        "thresholds": thresholds(star_net),
        "aims": aims(star_net),
        "reliability": reliability(sim["calibration"]),
        "star-cores": core_thresholds(sim),
    }
    return {name: body.replace(NO_BREAK, " ") for name, body in drawn.items()}


def measures(star_net: Table, dataset: str, lines: list[Line]) -> str:
    """Draw what every method reaches on a dataset, and what the nets trained here change."""
    table = select_rows(star_net, dataset=dataset)
    names = [name for name in dict.fromkeys(table["method"]) if name not in ("none", ORACLE)]
    own, oracle = trained_here(names), ORACLE in table["method"]
    head = ["", "at"]
    for name in names:
        head += [name, "change"] if name in own else [name]
    rows = []
    for line in lines:
        where = {"mask": line.mask, "measure": line.measure}
        where |= {"region": line.region, "stratum": line.stratum}
        found = {str(row["method"]): row for row in select_rows(table, **where)}
        bare = _text(found["none"], interval=False) if "none" in found else ""
        cells = [line.words.format(bare), AT[line.mask]]
        for name in names:
            cells.append(_text(found[name], interval=name in (BASELINE, *own)))
            cells += [_text(found[name], "change_zb20")] if name in own else []
        rows.append([*cells, *([_text(found[ORACLE], interval=False)] if oracle else [])])
    return _markdown([*head, *(["oracle"] if oracle else [])], rows)


def thresholds(star_net: Table) -> str:
    """Draw what zb20 and the net reach by threshold, on both kinds of simulated fields."""
    words = {FIELDS: "STDPSF", TRANSPLANTED: "transplanted"}
    rows = []
    for dataset, name in ((one, net) for one in words for net in (BASELINE, OWN)):
        table = select_rows(star_net, dataset=dataset, method=name)
        for mask in [MATCHED] * (name == OWN) + [DEFAULT, REFINED, STRICT]:
            some = select_rows(table, mask=mask)
            found = [
                select_rows(some, measure=one.measure, region=one.region, stratum=one.stratum)
                for one in BY_MASK
            ]
            if len(some):
                at = f"{some['threshold'][0]:.2f}" if mask == MATCHED else AT[mask]
                rows.append([words[dataset], f"`{name}`", at, *(_text(one[0]) for one in found)])
    return _markdown(["fields", "net", "threshold", *(one.words for one in BY_MASK)], rows)


def aims(star_net: Table) -> str:
    """Draw the table of what was aimed at with the net for ACS/WFC, and what it reaches."""
    head = [f"against `{BASELINE}`, at its rate", "aimed at", BASELINE, OWN, "change", "oracle"]
    rows = [
        [
            row["words"],
            row["aim"],
            _text(row["zb20"], interval=False),
            _text(row["net"]),
            _text(row["net"], "change_zb20"),
            NO_VALUE if row["oracle"] is None else _text(row["oracle"], interval=False),
            row["reached"],
        ]
        for row in star_net_rows(star_net, [OWN])
    ]
    return _markdown([*head, "reached"], rows)


def reliability(calibration: Table) -> str:
    """Draw how well probabilities of the net and of zb20 agree with fractions of hit pixels."""
    head = ["", "hit, %", f"ECE of {BASELINE}, %", f"ECE of {OWN}, %"]
    head += [f"Brier score of {BASELINE}, 1e-3", f"of {OWN}", "of a constant"]
    lines = []
    for (region, stratum, compared), words in PLACES.items():
        where = {"region": region, "stratum": stratum, "comparison": compared}
        rows = [select_rows(calibration, method=name, **where)[0] for name in (BASELINE, OWN)]
        cells = [words, f"{100 * rows[0]['positives'] / rows[0]['pixels']:.2f}"]
        cells += [Measured.of(row, "ece", scale=100).text(digits=2) for row in rows]
        cells += [Measured.of(row, "brier", scale=1000).text() for row in rows]
        lines.append([*cells, decimal(1000 * rows[0]["brier_constant"])])
    return _markdown(head, lines)


def core_thresholds(sim: Mapping[str, Table]) -> str:
    """Draw the clean star cores that the net and zb20 flag, and what they find, by threshold."""
    head = ["net", "threshold", "clean star cores flagged", "recall, full frame"]
    lines = []
    for name in (BASELINE, OWN):
        where = {"method": name, "field_class": "all"}
        cores = select_rows(sim["star_alarms"], property="all", dilation_px=0, **where)
        cores.sort("threshold")
        for row in cores:
            where |= {"threshold_kind": row["threshold_kind"]}
            scores = [
                select_rows(sim["method_scores"], region=region, **where)[0]
                for region in (FULL, "3", "20")
            ]
            cells = [f"`{name}`", f"{row['threshold']:.2f}"]
            cells.append(Measured.of(row, "flagged_fraction", scale=100).text(digits=2))
            cells += [Measured.of(one, "recall", scale=100).text() for one in scores]
            kind = {"method": name, "threshold_kind": row["threshold_kind"]}
            centres = select_rows(sim["objects"], property="star_px", low=0, dilation_px=0, **kind)
            cells.append(Measured.of(centres[0], "any_px_fraction", scale=100).text())
            lines.append(cells)
    return _markdown([*head, "above 3 RMS", "above 20 RMS", "touched at star centres"], lines)


def _text(row: Any, column: str = "value", interval: bool = True) -> str:
    """Write a value of resources/star_net.ecsv, in percent, or a change, with its sign."""
    in_mmag = row["measure"] == "bias_hit"
    digits = 0 if in_mmag else 2 if row["measure"] in FINE else 1
    one = Measured.of(row, column, scale=1 if in_mmag else 100)
    if np.isnan(one.value):
        return NO_VALUE
    sign = "+" if column != "value" and one.value > 0 else ""
    return sign + (one.text(digits=digits) if interval else decimal(one.value, digits))


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
