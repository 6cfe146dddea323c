"""The tables of docs/simulator.md, drawn from what `make calibrate` has measured."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Row, Table

from calibration import FROZEN, LABELS
from marked import replace_marked

NET = "zb20-f606w"
METHODS = {NET: "deepCR (zb20)", "lacosmic": "L.A.Cosmic"}
#: Columns of the table of moved parameters: quantity, method, format and head.
FOLLOWED = (
    ("pixels_per_1000s", "", ".1f", "pixels hit per 1000 s"),
    ("median_electrons", "", ".0f", "median e-"),
    ("recall against reference, full", NET, ".1f", "deepCR, labels"),
    ("recall against truth, full", NET, ".1f", "deepCR, truth"),
    ("recall against truth, 3", NET, ".1f", "deepCR, truth, 3 RMS"),
    ("recall against truth, 10", NET, ".1f", "10 RMS"),
    ("recall against truth, 3", LABELS, ".1f", "labels, truth, 3 RMS"),
    ("recall against truth, 10", LABELS, ".1f", "10 RMS"),
)


def write_document(path: Path, table: Table, targets: Mapping[str, Any]) -> None:
    """Replace the tables between the markers.

    Parameters
    ----------
    path : pathlib.Path
        File with the markers.
    table : Table
        Of `calibrate.calibrate`.
    targets : mapping
        ``resources/calibration.yaml``.

    Raises
    ------
    StudyError
        The markers are missing.
    """
    replace_marked(path, "calibration", draw(table, targets))


def draw(table: Table, targets: Mapping[str, Any]) -> str:
    """Return the tables, in Markdown."""
    frozen = table[table["rays"] == FROZEN]
    rows, columns = table.meta["chip_px"]
    lines = [
        f"Measured on {table.meta['date']}: {table.meta['groups']} groups of {columns}x{rows} px; "
        f"in brackets the {table.meta['interval']}.",
        "",
        "**The parameters**",
        "",
        *_parameters(table.meta["frozen"], targets["parameters"]),
        "",
        "**Recall against AstroDrizzle's labels, %**",
        "",
        *_recall(frozen, targets["recall"]),
        "",
        "**Other targets**",
        "",
        *_others(frozen, targets),
        "",
        "**Each parameter varied to the ends of its range**, recall in % (deepCR at threshold 0.5)",
        "",
        *_moved(table, targets["recall"]),
    ]
    return "\n".join(lines)


def deviations(rows: Table, targets: Mapping[str, Any]) -> list[float]:
    """Return measured less published recall, percentage points, of a set of parameters."""
    return [float(row["value"]) - value for row, value in _compared(rows, targets)]


def _compared(rows: Table, targets: Mapping[str, Any]) -> Iterator[tuple[Row, float]]:
    recall = rows[rows["quantity"] == "recall"]
    for kind, published in targets["published"].items():
        for method, values in published.items():
            for rate, value in zip(targets["rates"], values, strict=True):
                here = (recall["field_class"] == kind) & (recall["method"] == method)
                (row,) = recall[here & np.isclose(recall["fpr"], rate)]
                yield row, value


def _parameters(frozen: Mapping[str, float], ranges: Mapping[str, Any]) -> list[str]:
    lines = ["| `simulation.cosmic_rays` | value | plausible | why |", "|---|---|---|---|"]
    for name, one in ranges.items():
        ends = f"{one['low']:g} to {one['high']:g}"
        lines.append(f"| `{name}` | {frozen[name]:g} | {ends} | {one['why']} |")
    return lines


def _recall(frozen: Table, targets: Mapping[str, Any]) -> list[str]:
    lines = [
        "| field | method | false positives | published | simulated | difference |",
        "|---|---|---|---|---|---|",
    ]
    for row, value in _compared(frozen, targets):
        off = float(row["value"]) - value
        mark = "" if abs(off) <= targets["tolerance"] else " *"
        name = str(row["field_class"]).replace("_", " ")
        lines.append(
            f"| {name} | {METHODS[str(row['method'])]} | {100 * row['fpr']:g} % | {value:.1f} | "
            f"{_number(row)} | {off:+.1f}{mark} |"
        )
    return [*lines, "", f"\\* differs by more than {targets['tolerance']:g} percentage points"]


def _others(frozen: Table, targets: Mapping[str, Any]) -> list[str]:
    lines = ["| | target | simulated | from |", "|---|---|---|---|"]
    for name, one in targets["rays"].items():
        (row,) = frozen[frozen["quantity"] == name]
        mark = "" if one["low"] <= row["value"] <= one["high"] else " *"
        ends = f"{one['low']:g} to {one['high']:g}"
        lines.append(f"| {one['words']} | {ends} | {row['value']:.4g}{mark} | {one['source']} |")
    paper = targets["paper"]
    for score in ("recall", "precision"):
        row = _one(frozen, f"{score} against reference, full", NET)
        mark = "" if abs(row["value"] - paper[score]) <= paper["tolerance"] else " *"
        words = f"{score} of deepCR at 0.5 against labels, full frame, %"
        lines.append(f"| {words} | {paper[score]} | {_number(row)}{mark} | {paper['source']} |")
    cores = targets["star_cores"]
    for method, name in METHODS.items():
        row = _one(frozen[frozen["field_class"] == "all"], "star cores flagged", method)
        ends, source = cores.get(method), cores["source"] if method in cores else ""
        wanted = f"{ends['low']:g} to {ends['high']:g}" if ends else ""
        words = f"star cores without cosmic ray that {name} flags, %"
        lines.append(f"| {words} | {wanted} | {_number(row)} | {source} |")
    for quantity in ("labelled pixels per 1000 s", "true pixels per 1000 s"):
        row = _one(frozen[frozen["field_class"] == "all"], quantity, "")
        lines.append(f"| {quantity}, % | | {_number(row)} | |")
    return [*lines, "", "\\* outside the target"]


def _moved(table: Table, targets: Mapping[str, Any]) -> list[str]:
    heads = [
        "",
        "RMS difference from published",
        f"of 12 within {targets['tolerance']:g}",
        *(head for *_, head in FOLLOWED),
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for name in dict.fromkeys(table["rays"]):
        rows = table[table["rays"] == name]
        off = np.array(deviations(rows, targets))
        within = np.count_nonzero(abs(off) <= targets["tolerance"])
        cells = [str(name), f"{np.sqrt(np.mean(off**2)):.1f}", str(within)]
        cells += [f"{_one(rows, q, m)['value']:{form}}" for q, m, form, _ in FOLLOWED]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _one(rows: Table, quantity: str, method: str) -> Row:
    here = rows["quantity"] == quantity
    if method:
        here &= rows["method"] == method
    (row,) = rows[here]
    return row


def _number(row: Row) -> str:
    return f"{row['value']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"
