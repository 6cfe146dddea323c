"""Compare the methods in README, docs/results.md and docs/nets.md, from the kept tables.

make comparison
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.config.registry import METHODS
from crstudy.core.formatting import decimal
from crstudy.metrics.names import FULL, all_strata
from crstudy.photometry.method_fluxes import TRUE_MASK, UNREPAIRED
from crstudy.report.measured import select_rows
from marked import replace_marked
from net_tables import NO_VALUE, net_tables

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "resources" / "expected" / "sim"
NAMES = ("recall", "method_scores", "star_alarms", "method_fluxes", "calibration", "objects")
STAR_NET = ROOT / "resources" / "star_net.ecsv"
#: The false-positive rate of the matched thresholds, and the star region that is shown.
RATE, STARS = 0.0005, "3"
KINDS, SCORES = ("default", "matched"), ("recall", "precision")
HEAD = (
    "| | recall, full frame | recall above 3 RMS | flagged per true pixel | star cores flagged "
    "| wrong fluxes |",
    "|---|---|---|---|---|---|",
)
#: Shown on the front page, and by field class: the nets that do best, and the rivals of a survey.
CHOSEN = ("zb20-f606w", "kwon21-acs-wfc", "lacosmic", "median", "oracle-scene")
CLASSES = {
    "extragalactic": "extragalactic",
    "globular_cluster": "globular clusters",
    "resolved_galaxy": "resolved galaxies",
}
CLASS_HEAD = (
    "| | field class | recall, full frame | precision, full frame | recall above 3 RMS "
    "| precision above 3 RMS | star cores flagged | wrong fluxes |",
    "|---|---|---|---|---|---|---|---|",
)


def comparison(tables: Mapping[str, Table], shown: Collection[str] = METHODS) -> str:
    """Draw the table.

    Parameters
    ----------
    tables : mapping of str to Table
        `NAMES` of a simulated study.
    shown : collection of str
        The methods in it.

    Returns
    -------
    str
        Markdown: a row for no correction, for each method, the best in the full frame first, and
        for the oracles. Percent, but for the flagged pixels per true one.
    """
    recall = select_rows(all_strata(tables["recall"]), comparison="truth", region=FULL, fpr=RATE)
    order = np.argsort(-np.nan_to_num(np.asarray(recall["recall"], float), nan=-1))
    names = [str(name) for name in recall["method"][order] if name in shown]
    oracles = [name for name in names if METHODS[name].is_oracle]
    methods = [name for name in names if name not in oracles]
    fluxes = tables["method_fluxes"]
    lines = [_bare("no correction", fluxes, UNREPAIRED)]
    lines += [_line(name, tables) for name in [*methods, *oracles]]
    lines.append(_bare("true mask, inpainted", fluxes, TRUE_MASK))
    return "\n".join([*HEAD, *lines])


def by_class(tables: Mapping[str, Table]) -> str:
    """Draw the table of the `CHOSEN` methods by field class."""
    lines = []
    for name in (one for one in CHOSEN if not METHODS[one].is_oracle):
        for field_class, words in CLASSES.items():
            where = {"method": name, "field_class": field_class}
            pixels = [
                select_rows(tables["method_scores"], region=region, **where)
                for region in (FULL, STARS)
            ]
            cores = select_rows(tables["star_alarms"], property="all", dilation_px=0, **where)
            fluxes = select_rows(tables["method_fluxes"], **where)
            n_cores, n_stars = int(cores["cores"][0]), int(fluxes["stars"][0])
            cells = [
                METHODS[name].label,
                words,
                *(_pair(rows, score, 100, 1) for rows in pixels for score in SCORES),
                f"{_pair(cores, 'flagged_fraction', 100, 1)} (of {n_cores:,})",
                f"{_pair(fluxes, 'anomalous_fraction', 100, 1)} (of {n_stars:,})",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*CLASS_HEAD, *lines])


def _line(name: str, tables: Mapping[str, Table]) -> str:
    """Return the row of a method."""
    everywhere = {"method": name, "field_class": "all"}
    pixels = select_rows(tables["method_scores"], region=FULL, **everywhere)
    cores = select_rows(tables["star_alarms"], property="all", dilation_px=0, **everywhere)
    fluxes = select_rows(tables["method_fluxes"], **everywhere)
    cells = [
        METHODS[name].label,
        *(_recall(tables["recall"], name, region) for region in (FULL, STARS)),
        _pair(pixels, "width", 1, 2),
        _pair(cores, "flagged_fraction", 100, 1),
        _pair(fluxes, "anomalous_fraction", 100, 1),
    ]
    return f"| {' | '.join(cells)} |"


def _bare(label: str, fluxes: Table, name: str) -> str:
    """Return a row that has nothing but fluxes."""
    row = select_rows(fluxes, method=name, field_class="all")[0]
    value = _with_interval(row, "anomalous_fraction")
    return f"| {label} | {' | '.join([NO_VALUE] * 4)} | {value} |"


def _recall(table: Table, name: str, region: str) -> str:
    row = select_rows(all_strata(table), comparison="truth", region=region, fpr=RATE, method=name)[
        0
    ]
    return _with_interval(row, "recall")


def _with_interval(row: Any, name: str) -> str:
    value, *ends = (100 * float(row[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
    if np.isnan(value):
        return NO_VALUE
    words = decimal(value)
    return words if np.isnan(ends[0]) else f"{words} [{decimal(ends[0])}, {decimal(ends[1])}]"


def _pair(table: Table, name: str, scale: float, digits: int) -> str:
    """Return a value at the default and at the matched threshold."""
    values = []
    for kind in KINDS:
        rows = select_rows(table, threshold_kind=kind)
        value = scale * float(rows[0][name]) if len(rows) else np.nan
        values.append(NO_VALUE if np.isnan(value) else decimal(value, digits))
    return " / ".join(values)


def write_pages(root: Path) -> None:
    """Replace the tables between the markers of the pages in a folder."""
    read = {name: Table.read(TABLES / f"{name}.ecsv") for name in NAMES}
    replace_marked(root / "README.md", "comparison", comparison(read, CHOSEN))
    replace_marked(root / "docs" / "results.md", "comparison", comparison(read))
    replace_marked(root / "docs" / "results.md", "by-class", by_class(read))
    for name, body in net_tables(Table.read(STAR_NET), read).items():
        replace_marked(root / "docs" / "nets.md", name, body)


if __name__ == "__main__":
    write_pages(ROOT)
