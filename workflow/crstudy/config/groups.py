"""Groups of exposures of one field: the unit that shares a blotted median."""

import csv
import math
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping, Sequence
from pathlib import Path

from crstudy.core.errors import StudyError

#: Groups by name; each is a tuple of dataset names (HST rootnames).
Groups = dict[str, tuple[str, ...]]

#: Names the row of all groups in tables.
POOLED = "all"
#: Exposure time of the CSST survey, s.
SURVEY_EXPTIME_S = 150.0
#: Exposures of a group in Lin et al. 2023, section 2.
PAPER_EXPOSURES = 6
#: A median needs three exposures: two do not tell which one was hit.
MIN_EXPOSURES = 3
#: Advice about an exposure that no study can use.
DROP = "drop it from the group table (docs/archive.md)"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


def simulated_groups(n_groups: int, exposures_per_group: int) -> Groups:
    """Name the groups and exposures of a simulated dataset.

    Parameters
    ----------
    n_groups, exposures_per_group : int
        Numbers of groups and of exposures in each.

    Returns
    -------
    Groups
        Group ``g001`` with exposures ``jsim00101``, ``jsim00102``, ..., and so on.

    Examples
    --------
    >>> simulated_groups(n_groups=2, exposures_per_group=2)
    {'g001': ('jsim00101', 'jsim00102'), 'g002': ('jsim00201', 'jsim00202')}
    """
    return {
        f"g{g:03d}": tuple(f"jsim{g:03d}{e:02d}" for e in range(1, exposures_per_group + 1))
        for g in range(1, n_groups + 1)
    }


def csst_groups(n_fields: int, exptimes_s: Sequence[int]) -> Groups:
    """Name the fields and exposures of a simulated CSST dataset.

    Parameters
    ----------
    n_fields : int
        Number of fields, each of which is a group.
    exptimes_s : sequence of int
        Exposure times, s; a field has one exposure of each.

    Returns
    -------
    Groups
        Field ``csst001`` with exposures such as ``csst001-0150`` of 150 s, and so on.

    Examples
    --------
    >>> csst_groups(n_fields=1, exptimes_s=[50, 150])
    {'csst001': ('csst001-0050', 'csst001-0150')}
    """
    fields = (f"csst{number:03d}" for number in range(1, n_fields + 1))
    return {field: tuple(f"{field}-{time:04d}" for time in exptimes_s) for field in fields}


def survey_time(exptimes_s: Sequence[float]) -> float:
    """Return the exposure time nearest to that of the survey, s."""
    return min(exptimes_s, key=lambda time: abs(math.log(time / SURVEY_EXPTIME_S)))


def read_groups(path: str | Path) -> Groups:
    """Read a group table.

    Parameters
    ----------
    path : path-like
        Tab-separated table (UTF-8, or UTF-16 as spreadsheets write it) with a header and the
        columns ``group`` and ``dataset``; further columns are ignored.

    Returns
    -------
    Groups

    Raises
    ------
    StudyError
        The table is absent, empty, unreadable or no text, a column is missing, a name is empty or
        not made of letters, digits and hyphens, a group is called ``all`` or has fewer than
        `MIN_EXPOSURES`, or a dataset is listed twice.
    """
    path = Path(path)
    text = _read_text(path)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    if not rows or not {"group", "dataset"} <= set(rows[0]):
        raise StudyError(
            path,
            "needs the columns group and dataset, and at least one row",
            "separate columns by a tab",
        )
    groups: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    for row in rows:
        for column in ("group", "dataset"):
            if not NAME.fullmatch(row[column] or ""):
                raise StudyError(
                    path,
                    f"{column} {row[column]!r} is not a valid name",
                    "use letters, digits and hyphens",
                )
        if row["group"] == POOLED:
            raise StudyError(
                path, f"{POOLED!r} is reserved for all groups together", "rename the group"
            )
        if row["dataset"] in seen:
            both = " and ".join(dict.fromkeys((seen[row["dataset"]], row["group"])))
            raise StudyError(
                path, f"dataset {row['dataset']} is listed twice ({both})", "keep one row of it"
            )
        seen[row["dataset"]] = row["group"]
        groups.setdefault(row["group"], []).append(row["dataset"])
    for name, datasets in groups.items():
        if len(datasets) < MIN_EXPOSURES:
            problem = (
                f"group {name} has {len(datasets)} exposure(s), a median needs {MIN_EXPOSURES}"
            )
            raise StudyError(path, problem, "add exposures to the group or drop it")
    return {name: tuple(datasets) for name, datasets in groups.items()}


def _read_text(path: Path) -> str:
    """Read a table's text, with or without a byte-order mark."""
    try:
        data = path.read_bytes()
        encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
        return data.decode(encoding)
    except FileNotFoundError:
        problem, fix = "no such group table", "write it, or set the configuration key groups"
    except OSError as error:
        problem, fix = f"cannot be read ({error.strerror})", "make it a readable file"
    except UnicodeDecodeError:
        problem, fix = "is not text in UTF-8", "save it as UTF-8, with tabs between columns"
    raise StudyError(path, problem, fix)


def group_of(groups: Groups, dataset: str) -> str:
    """Return the name of the group that holds a dataset."""
    return next(name for name, datasets in groups.items() if dataset in datasets)


def few_exposures(sizes: Mapping[str, int]) -> str:
    """Say in one line which groups have fewer exposures than the paper's, and what that does.

    Parameters
    ----------
    sizes : mapping of str to int
        Number of exposures by group.

    Examples
    --------
    >>> few_exposures({"g001": 4, "g002": 6})[:49]
    "g001: fewer than the paper's 6 exposures behind t"
    >>> few_exposures({"g001": 6})
    ''
    """
    few = [name for name, size in sizes.items() if size < PAPER_EXPOSURES]
    if not few:
        return ""
    names = ", ".join(few[:3]) + (f" and {len(few) - 3} more" if len(few) > 3 else "")
    return (
        f"{names}: fewer than the paper's {PAPER_EXPOSURES} exposures behind the labels, which "
        "are then less complete: recall reads too high, precision too low"
    )
