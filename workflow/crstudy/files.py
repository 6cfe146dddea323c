"""Files that are either complete or absent."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` only if the block succeeds.

    Parameters
    ----------
    path : path-like
        Final name of the file; an older file there is replaced.

    Yields
    ------
    pathlib.Path
        Name to write to, in the folder of `path` and with its suffix.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{os.getpid()}.part.{final.name}")
    try:
        yield part
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def complete_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` only if the block succeeds.

    Parameters
    ----------
    path : path-like
        Final name of the folder; an older folder there is replaced.

    Yields
    ------
    pathlib.Path
        Folder to write into, beside `path`.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{final.name}.part.", dir=final.parent))
    part.chmod(0o755)
    try:
        yield part
        if final.exists():
            shutil.rmtree(final)
        part.replace(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)
