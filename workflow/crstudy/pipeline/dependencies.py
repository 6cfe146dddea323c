"""Find the library modules that a script depends on, so that editing one reruns its users."""

import re
from functools import cache
from pathlib import Path

#: What is imported from, or a dot, and what; or the module that is imported. Parsing the files
#: would take a fifth of Snakemake's start, in every job of a cluster.
IMPORT = re.compile(
    r"^[ \t]*(?:from (\.|crstudy[\w.]*).* import (\([^)]*\)|.*)|import (crstudy[\w.]*))",
    re.MULTILINE,
)


@cache
def sources(script: Path, library: Path) -> tuple[Path, ...]:
    """Return the library modules that a script imports, directly or not.

    Parameters
    ----------
    script : pathlib.Path
        Python file.
    library : pathlib.Path
        Folder of the package.

    Returns
    -------
    tuple of pathlib.Path
        Sorted module files, without the script itself.
    """
    found: set[Path] = set()
    pending = [script]
    while pending:
        new = _imported(pending.pop(), library) - found
        found |= new
        pending += new
    return tuple(sorted(found))


@cache
def _imported(path: Path, library: Path) -> frozenset[Path]:
    """Return the modules that a file names in its import statements, with their packages.

    Importing ``crstudy.a.b`` runs ``crstudy/a/__init__.py`` first, so that file counts as well.
    """
    names = set()
    for package, items, module in IMPORT.findall(path.read_text(encoding="utf-8")):
        if package == ".":
            raise ValueError(f"{path}: relative import; use crstudy.<package>")
        names |= {module or package, *(f"{package}.{word}" for word in re.findall(r"\w+", items))}
    files = set()
    for name in names:
        _, *parts = name.split(".")
        files |= {library.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)}
        files.add(library.joinpath(*parts).with_suffix(".py"))
    return frozenset(file for file in files if file.is_file())
