"""Find the library modules that a script depends on, so that editing one reruns its users."""

import ast
from functools import cache
from pathlib import Path

PACKAGE = "crstudy"


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
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}:{node.lineno}: relative import; use {PACKAGE}.<package>")
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = set()
    for name in names:
        top, *parts = name.split(".")
        if top == PACKAGE:
            files |= {library.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)}
            files.add(library.joinpath(*parts).with_suffix(".py"))
    return frozenset(file for file in files if file.is_file())
