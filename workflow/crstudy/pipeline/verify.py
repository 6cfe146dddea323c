"""Check whether a dataset's tables are reproduced within stated tolerances.

``python -m crstudy.pipeline.verify results/<dataset> resources/expected/<dataset>`` compares every
table in the second folder with the table of that name in the first one's folder ``tables``. Nothing
is recomputed. Tolerances are in ``tolerances.yaml`` beside the folders of expected tables.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Column, Table

from crstudy.core.errors import StudyError
from crstudy.pipeline.check import exit_status

ENDS = ("_lo", "_hi")
#: Kinds of dtypes that have a tolerance.
NUMBERS = "iuf"
SECTIONS = ("default", "columns", "tables")


@dataclass(frozen=True)
class Tolerance:
    """Allowed difference: ``atol + rtol * |expected|``; NaN equals NaN only."""

    atol: float = 0.0
    rtol: float = 0.0

    def text(self) -> str:
        """Return the tolerance as text, e.g. ``'3 + 2 %'``."""
        parts = [f"{self.atol:g}"] if self.atol or not self.rtol else []
        return " + ".join([*parts, *([f"{100 * self.rtol:g} %"] if self.rtol else [])])


@dataclass(frozen=True)
class Rules:
    """Key columns of a table, and tolerances of its cells."""

    default: Tolerance = Tolerance()
    columns: Mapping[str, Tolerance] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def tolerance(self, column: str) -> Tolerance:
        """Return the tolerance of a column; the ends of an interval have that of the value."""
        value = column[:-3] if column.endswith(ENDS) else column
        return self.columns.get(column, self.columns.get(value, self.default))


def read_rules(path: Path, table: str) -> Rules:
    """Read the tolerances of a table.

    Parameters
    ----------
    path : pathlib.Path
        YAML file with ``default``, ``columns`` (of any table) and ``tables`` (a table's own
        ``keys``, ``columns`` and columns to ``ignore``).
    table : str
        Name of the table.
    """
    if not path.is_file():
        raise StudyError(path, "no such file", "restore it: git checkout resources/expected")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if unknown := set(content) - set(SECTIONS):
        raise StudyError(path, f"unknown keys {sorted(unknown)}", f"use {', '.join(SECTIONS)}")
    own = content.get("tables", {}).get(table, {})
    columns = content.get("columns", {}) | own.get("columns", {})
    return Rules(
        Tolerance(**content["default"]),
        {name: Tolerance(**limits) for name, limits in columns.items()},
        tuple(own.get("keys", ())),
        tuple(own.get("ignore", ())),
    )


def differences(name: str, expected: Table, found: Table, rules: Rules) -> list[str]:
    """Compare two tables.

    Parameters
    ----------
    name : str
        Of the table, for the lines.
    expected, found : Table
    rules : Rules
        Without ``keys``, the columns of text name a row.

    Returns
    -------
    list of str
        One line for every difference.
    """
    lines = [f"{name}: column {c} is missing" for c in expected.colnames if c not in found.colnames]
    lines += [f"{name}: extra column {c}" for c in found.colnames if c not in expected.colnames]
    keys = rules.keys or tuple(c for c in expected.colnames if expected[c].dtype.kind in "US")
    if any(key not in found.colnames for key in keys):
        return lines
    old, new = _rows(name, expected, keys), _rows(name, found, keys)
    lines += [f"{name}, {key}: row is missing" for key in old if key not in new]
    lines += [f"{name}, {key}: extra row" for key in new if key not in old]
    shared = [key for key in old if key in new]
    one, other = expected[[old[key] for key in shared]], found[[new[key] for key in shared]]
    for column in expected.colnames:
        if column not in found.colnames or column in (*keys, *rules.ignore):
            continue
        a, b = one[column], other[column]
        if a.unit != b.unit:
            lines.append(f"{name}, {column}: expected unit {a.unit}, found {b.unit}")
        numbers = a.dtype.kind in NUMBERS and b.dtype.kind in NUMBERS
        tolerance = rules.tolerance(column)
        limit = tolerance.text() if numbers else "none"
        # Rounding errors must not decide at the very edge.
        rtol, atol = tolerance.rtol * (1 + 1e-9), tolerance.atol * (1 + 1e-9)
        for key, x, y in zip(shared, _cells(a), _cells(b), strict=True):
            alike = np.isclose(y, x, rtol, atol, equal_nan=True) if numbers else x is y or x == y
            if not alike:
                lines.append(f"{name}, {key}, {column}: expected {x}, found {y}, tolerance {limit}")
    return lines


def _rows(name: str, table: Table, keys: tuple[str, ...]) -> dict[str, int]:
    """Return the numbers of the rows by their key."""
    cells = zip(*(_cells(table[key]) for key in keys), strict=True)
    rows: dict[str, int] = {}
    for number, values in enumerate(cells):
        key = " ".join(map(str, values))
        if key in rows:
            problem = f"several rows are called {key!r}"
            fix = f"name the columns that tell rows apart: tables: {name}: keys in tolerances.yaml"
            raise StudyError(f"table {name}", problem, fix)
        rows[key] = number
    return rows


def _cells(column: Column) -> list[Any]:
    """Return the cells as Python values; a masked one is NaN."""
    return [np.nan if cell is None else cell for cell in column.tolist()]


def _missing(results: Path, table: str) -> str:
    """Report that a table is missing, and the command that makes it."""
    path = results / "tables" / f"{table}.ecsv"
    config = Path("config") / f"{results.name}.yaml"
    option = f" --configfile {config}" if config.is_file() else ""
    return f"{table}: missing; make it with: .venv/bin/snakemake --cores 2{option} {path}"


def verify(results: Path, expected: Path) -> tuple[list[str], int]:
    """Compare the tables of a dataset with the expected ones.

    Parameters
    ----------
    results : pathlib.Path
        Results folder of the dataset.
    expected : pathlib.Path
        Folder of expected tables, in a folder with ``tolerances.yaml``.

    Returns
    -------
    report : list of str
        A line per table or difference, and the outcome.
    n_differences : int
    """
    paths = sorted(expected.glob("*.ecsv"))
    if not paths:
        kept = sorted({path.parent.name for path in expected.parent.glob("*/*.ecsv")})
        fix = f"name one of the datasets whose tables are kept: {', '.join(kept)}"
        raise StudyError(expected, "no expected tables", fix)
    report, n = [], 0
    for path in paths:
        file = results / "tables" / path.name
        table = Table.read(path)
        rules = read_rules(expected.parent / "tolerances.yaml", path.stem)
        if file.is_file():
            lines = differences(path.stem, table, Table.read(file), rules)
        else:
            lines = [_missing(results, path.stem)]
        n += len(lines)
        size = f"{len(table)} rows x {len(table.colnames)} columns"
        report += lines or [f"{path.stem}: {size} within tolerance"]
    report.append("reproduced" if n == 0 else f"NOT reproduced: {n} differences")
    return report, n


if __name__ == "__main__":
    sys.exit(exit_status(verify, *sys.argv[1:]))
