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
    """Return the package's modules that a file names in its import statements."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    modules = {name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}.")}
    files = (library / f"{module}.py" for module in modules)
    return frozenset(file for file in files if file.is_file())
