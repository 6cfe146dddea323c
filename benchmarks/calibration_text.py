"""The tables of docs/simulator.md, drawn from what `make calibrate` has measured."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.table import Row, Table

from calibration import distances
from marked import replace_marked

METHODS = {
    "zb20-f606w": "deepCR 2-32",
    "zb20-2-4": "deepCR 2-4",
    "lacosmic": "L.A.Cosmic",
    "crnet-BN-16": "CRNet BN",
    "crnet-GN-16": "CRNet GN",
    "crnet-AttBN-16": "CRNet AttBN",
    "crnet-AttGN-16": "CRNet AttGN",
}
TEST_SETS = {"zb20": "Zhang & Bloom 2020", "kwon21": "Kwon et al. 2021"}
#: Points shown on the page; all of them are in the table.
SHOWN = {"zb20-f606w": (0.1, 0.5, 0.9), "lacosmic": (6.0, 10.0, 30.0), "crnet-GN-16": (0.5,)}


def write_document(path: Path, table: Table) -> None:
    """Replace the tables between the markers.

    Parameters
    ----------
    path : pathlib.Path
        File with the markers.
    table : Table
        Of `calibrate.calibrate`.

    Raises
    ------
    StudyError
        The markers are missing.
    """
    replace_marked(path, "calibration", draw(table))


def draw(table: Table) -> str:
    """Return the tables, in Markdown."""
    rows, columns = table.meta["chip_px"]
    first = table[table["source"] == table["source"][0]]
    lines = [
        f"Measured on {table.meta['date']}: {min(table['groups'])} groups a field class and test "
        f"set, {columns}x{rows} px; in brackets the {table.meta['interval']}. "
        + "".join(f"Skipped: {one}." for one in table.meta["skipped"]),
        "",
        "**Median distance of predicted from published points**: of recall in percentage points, "
        "of false positives as a factor (published rates of 0.001 % and more)",
        "",
        *_summary(table),
        "",
        f"**Some of the points** ({first['source'][0]} cosmic rays, masks not dilated), %",
        "",
        *_points(first),
        "",
        "**Labelled pixels**, %",
        "",
        *_labelled(table),
    ]
    return "\n".join(lines)


def _summary(table: Table) -> Iterator[str]:
    yield "| cosmic rays | points | recall | number | false positives | number |"
    yield "|---|---|---|---|---|---|"
    for source in _distinct(table, "source"):
        rows = table[table["source"] == source]
        parts = {"all": np.ones(len(rows), bool)}
        for kind in _distinct(rows, "field_class"):
            for test_set in _distinct(rows, "test_set"):
                here = (rows["field_class"] == kind) & (rows["test_set"] == test_set)
                parts[f"{name_of(kind)}, {TEST_SETS[test_set]}"] = here
        parts |= {METHODS[name]: rows["method"] == name for name in _distinct(rows, "method")}
        parts |= {"dilated masks": rows["dilated"], "masks not dilated": ~rows["dilated"]}
        for words, here in parts.items():
            far = distances(rows[here])
            yield (
                f"| {source} | {words} | {100 * far['recall']:.1f} | {far['points']} | "
                f"{far['fpr']:.2f} | {far['fpr_points']} |"
            )


def _distinct(rows: Table, name: str) -> list[str]:
    return list(dict.fromkeys(str(value) for value in rows[name]))


def name_of(kind: str) -> str:
    """Return a field class in words."""
    return kind.replace("_", " ")


def _points(rows: Table) -> Iterator[str]:
    head = ("field class", "method", "threshold", "recall, published", "predicted")
    yield f"| {' | '.join((*head, 'false positives, published', 'predicted'))} |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows[~rows["dilated"]]:
        if row["threshold"] in SHOWN.get(str(row["method"]), ()):
            yield (
                f"| {name_of(row['field_class'])} | {METHODS[row['method']]} | "
                f"{row['threshold']:g} | {100 * row['published_recall']:.1f} | "
                f"{_interval(row, 'recall', '.1f')} | {100 * row['published_fpr']:.3f} | "
                f"{_interval(row, 'fpr', '.3f')} |"
            )


def _labelled(table: Table) -> Iterator[str]:
    sources = list(table.meta["labelled"])
    yield f"| test set | field class | published | {' | '.join(sources)} |"
    yield "|---|---|---|" + "---|" * len(sources)
    for test_set, kinds in table.meta["labelled_published"].items():
        for kind, value in kinds.items():
            cells = [f"{100 * table.meta['labelled'][s][test_set][kind]:.2f}" for s in sources]
            words = f"{TEST_SETS[test_set]} | {name_of(kind)} | {100 * value:.2f}"
            yield f"| {words} | {' | '.join(cells)} |"


def _interval(row: Row, name: str, form: str) -> str:
    value, low, high = (100 * row[f"{name}{end}"] for end in ("", "_lo", "_hi"))
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"
