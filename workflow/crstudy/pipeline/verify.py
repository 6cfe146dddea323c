"""Say whether a dataset's tables are reproduced within stated tolerances.

``python -m crstudy.pipeline.verify results/<dataset> resources/expected/<dataset>`` compares every
table in the second folder with the table of that name in the first one's folder ``tables``. Nothing
is computed anew. Tolerances are in ``tolerances.yaml`` beside the folders of expected tables.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table

from crstudy.core.errors import StudyError

ENDS = ("_lo", "_hi")
SECTIONS = ("default", "columns", "tables")


@dataclass(frozen=True)
class Tolerance:
    """Allowed difference: ``atol + rtol * |expected|``."""

    atol: float = 0.0
    rtol: float = 0.0

    def allows(self, expected: Any, found: Any) -> bool:
        """Tell whether two cells are the same within the tolerance; NaN is the same as NaN only."""
        if not (_is_number(expected) and _is_number(found)):
            return bool(expected == found)
        if expected == found or (np.isnan(expected) and np.isnan(found)):
            return True
        # Rounding errors must not decide at the very edge.
        limit = (self.atol + self.rtol * abs(expected)) * (1 + 1e-9)
        return bool(abs(float(found) - float(expected)) <= limit)

    def words(self) -> str:
        """Return the tolerance as text, e.g. ``'3 + 2 %'``."""
        parts = [f"{self.atol:g}"] if self.atol or not self.rtol else []
        return " + ".join([*parts, *([f"{100 * self.rtol:g} %"] if self.rtol else [])])


@dataclass(frozen=True)
class Rules:
    """What names a row of a table, and how far its cells may differ."""

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

    Returns
    -------
    Rules
    """
    if not path.is_file():
        raise StudyError(path, "no such file", "restore it: git checkout resources/expected")
    content = yaml.safe_load(path.read_text())
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
    old, new = _by_key(name, expected, keys), _by_key(name, found, keys)
    lines += [f"{name}, {key}: row is missing" for key in old if key not in new]
    lines += [f"{name}, {key}: extra row" for key in new if key not in old]
    for column in expected.colnames:
        if column not in found.colnames or column in (*keys, *rules.ignore):
            continue
        units = expected[column].unit, found[column].unit
        if units[0] != units[1]:
            lines.append(f"{name}, {column}: expected unit {units[0]}, found {units[1]}")
        tolerance = rules.tolerance(column)
        for key in [key for key in old if key in new]:
            a, b = old[key][column], new[key][column]
            if not tolerance.allows(a, b):
                limit = tolerance.words() if _is_number(a) and _is_number(b) else "none"
                lines.append(f"{name}, {key}, {column}: expected {a}, found {b}, tolerance {limit}")
    return lines


def _by_key(name: str, table: Table, keys: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the rows, as plain values, by their key."""
    rows: dict[str, dict[str, Any]] = {}
    for row in table:
        values = {column: _plain(row[column]) for column in table.colnames}
        key = " ".join(str(values[column]) for column in keys)
        if key in rows:
            problem = f"several rows are called {key!r}"
            fix = f"name the columns that tell rows apart: tables: {name}: keys in tolerances.yaml"
            raise StudyError(f"table {name}", problem, fix)
        rows[key] = values
    return rows


def _plain(cell: Any) -> Any:
    """Return a cell as a Python value; a masked one is NaN."""
    return np.nan if cell is np.ma.masked else cell.item() if hasattr(cell, "item") else cell


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def missing(results: Path, table: str) -> str:
    """Say that a table is missing, and what makes it.

    Parameters
    ----------
    results : pathlib.Path
        Results folder of the dataset.
    table : str
        Name of the table.

    Returns
    -------
    str
    """
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
        raise StudyError(expected, "no expected tables", "name a folder that holds *.ecsv files")
    report, n = [], 0
    for path in paths:
        file = results / "tables" / path.name
        table = Table.read(path)
        rules = read_rules(expected.parent / "tolerances.yaml", path.stem)
        if file.is_file():
            lines = differences(path.stem, table, Table.read(file), rules)
        else:
            lines = [missing(results, path.stem)]
        n += len(lines)
        size = f"{len(table)} rows x {len(table.colnames)} columns"
        report += lines or [f"{path.stem}: {size} within tolerance"]
    report.append("reproduced" if n == 0 else f"NOT reproduced: {n} differences")
    return report, n


def main(results: str, expected: str) -> int:
    """Print the report and return the exit status: 0 if the tables are reproduced."""
    try:
        report, n_differences = verify(Path(results), Path(expected))
    except StudyError as error:
        report, n_differences = [str(error)], 1
    print("\n".join(report))
    return int(n_differences > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
