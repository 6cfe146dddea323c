"""Files that are either complete or absent."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from crstudy.core.errors import StudyError

if TYPE_CHECKING:
    from astropy.table import Table


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
    part = _part(final)
    try:
        yield part
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)


def write_table(table: "Table", path: str | Path) -> None:
    """Write a table, complete or not at all.

    Parameters
    ----------
    table : Table
        Table with its metadata.
    path : path-like
        Final name of the file; ``.parquet`` is written as Parquet, any other name as ECSV.
    """
    kind = "parquet" if Path(path).suffix == ".parquet" else "ascii.ecsv"
    with complete_file(path) as part:
        table.write(part, format=kind)


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
    part = _part(final)
    part.mkdir()
    try:
        yield part
        if final.exists():
            shutil.rmtree(final)
        part.replace(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_full(error: Exception) -> bool:
    """Tell whether an error says that a disk, or a user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def check_writable(folder: str | Path) -> None:
    """Create a folder if necessary, and check that it can be written.

    Parameters
    ----------
    folder : path-like
        Where results will lie.

    Raises
    ------
    StudyError
        The folder cannot be made or written.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise StudyError(folder, problem, "make it writable or make room, then run again") from None


def _part(final: Path) -> Path:
    """Return the temporary name of `final` in this process; remove those of killed jobs."""
    for left in final.parent.glob(f".part.*.{final.name}"):
        if not psutil.pid_exists(int(left.name.split(".")[2])):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return final.with_name(f".part.{os.getpid()}.{final.name}")
