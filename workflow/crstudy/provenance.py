"""What a result was made with: versions, weights, tables and the state of the project."""

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from crstudy.weights import WEIGHTS

#: Packages that shape the numbers, by the name under which they are installed.
PACKAGES = (
    "numpy",
    "scipy",
    "astropy",
    "drizzlepac",
    "deepCR",
    "torch",
    "sep",
    "galsim",
    "snakemake",
)
UNKNOWN = "unknown"


def versions() -> dict[str, str]:
    """Return the versions of Python and of `PACKAGES`; a package may be absent."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed here"
    return found


def commit(folder: str | Path) -> str:
    """Return the git commit of a checkout, and whether files differ from it.

    Parameters
    ----------
    folder : path-like
        Top folder of the project.

    Returns
    -------
    str
        ``unknown`` where the folder is not the top of a git checkout.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    head = _git(folder, "rev-parse", "HEAD")
    # An unpacked archive may lie in somebody else's checkout.
    if not top or not head or Path(top).resolve() != Path(folder).resolve():
        return UNKNOWN
    changed = _git(folder, "status", "--porcelain")
    return head if changed == "" else f"{head}, with changes that are not committed"


def _git(folder: str | Path, *arguments: str) -> str | None:
    """Return what git prints; None where it fails or is absent."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def weights(models: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return name, origin and sha256 of the weights that a study used.

    Parameters
    ----------
    models : iterable of str
        Mask nets; the inpainting net is added.

    Returns
    -------
    list of (name, origin, sha256)
    """
    names = [*models, "inpaint-2-32"]
    return [(name, WEIGHTS[name].origin, WEIGHTS[name].sha256) for name in names]


def checksums(paths: Iterable[str | Path]) -> list[tuple[str, str]]:
    """Return name and sha256 of files."""
    return [
        (Path(path).name, hashlib.sha256(Path(path).read_bytes()).hexdigest()) for path in paths
    ]
