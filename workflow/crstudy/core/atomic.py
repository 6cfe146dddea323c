"""Files that are either complete or absent."""

import ctypes
import errno
import glob
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crstudy.core.errors import StudyError

if TYPE_CHECKING:
    from astropy.table import Table

#: Of Linux's renameat2: paths are as given, and the two exchange their names.
AT_FDCWD, RENAME_EXCHANGE = -100, 2
#: A disk with less room, bytes, is full.
FULL_BYTES = 4_000_000


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

    Raises
    ------
    StudyError
        A folder has this name, or the disk is full.
    """
    final = Path(path)
    if final.is_dir():
        raise StudyError(final, "is a folder instead of a file", "move it away, then run again")
    final.parent.mkdir(parents=True, exist_ok=True)
    part = _part(final)
    try:
        with told_if_full(final.parent):
            yield part
            _sync(part)
        part.replace(final)
        _sync(final.parent)
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
        Final name of the folder; an older folder there is replaced, at once where the file system
        can exchange names (NFS cannot: a kill between two renames leaves neither).

    Yields
    ------
    pathlib.Path
        Folder to write into, beside `path`.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = _part(final)
    old = part.with_name(f".part.{_owner(os.getpid())}.old.{final.name}")
    part.mkdir()
    try:
        with told_if_full(final.parent):
            yield part
            for one in (*part.rglob("*"), part):
                _sync(one)
        if not (final.exists() and _exchange(part, final)):
            if final.exists():
                final.rename(old)
            part.replace(final)
        _sync(final.parent)
    finally:
        for left in (part, old):
            _remove(left)


@contextmanager
def scratch_folder(parent: str | Path | None = None) -> Iterator[Path]:
    """Yield a folder that is there for the block alone; remove those that killed processes left.

    Parameters
    ----------
    parent : path-like, optional
        Folder to make it in: that of TMPDIR if None.

    Yields
    ------
    pathlib.Path
    """
    # Of this machine: the processes of others, which may share the parent, are not seen here.
    prefix = f"crstudy_{platform.node().replace('.', '-')}_"
    parent = Path(parent or tempfile.gettempdir())
    for left in parent.glob(f"{glob.escape(prefix)}*"):
        if _is_left(left.name.removeprefix(prefix)):
            shutil.rmtree(left, ignore_errors=True)
    prefix += f"{_owner(os.getpid())}_"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        yield Path(folder)


def has_room(folder: str | Path) -> bool:
    """Tell whether the disk of a folder is not full."""
    return shutil.disk_usage(folder).free > FULL_BYTES


def is_full(error: Exception) -> bool:
    """Tell whether an error says that a disk, or a user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_is_full(folder: str | Path) -> StudyError:
    """Return the error for a full disk."""
    return StudyError(f"the disk of {folder}", "is full", "make room, then run again")


@contextmanager
def told_if_full(*folders: str | Path) -> Iterator[None]:
    """Say that the disk is full instead of any error that arises while it is.

    Parameters
    ----------
    *folders : path-like
        Where the block writes.

    Raises
    ------
    StudyError
        The disk of one of the folders is full, or the error says so: those of astropy and OpenVINO
        do not.
    """
    try:
        yield
    except StudyError:
        raise
    except Exception as error:
        full = [str(folder) for folder in folders if not has_room(folder)]
        if full or is_full(error):
            disks = " or ".join(full or map(str, folders))
            raise disk_is_full(disks) from error
        raise


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
    except (FileExistsError, NotADirectoryError):
        problem = "is no folder: a file or a link to nothing has its name or one of the path's"
        raise StudyError(folder, problem, "move that away, then run again") from None
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise StudyError(folder, problem, "make it writable or make room, then run again") from None
    if not has_room(folder):
        raise disk_is_full(folder)


def _part(final: Path) -> Path:
    """Return the temporary name of `final` in this process; remove those of killed jobs."""
    for left in final.parent.glob(f".part.*.{glob.escape(final.name)}"):
        if _is_left(left.name.removeprefix(".part.").removesuffix(f".{final.name}")):
            _remove(left)
    return final.with_name(f".part.{_owner(os.getpid())}.{final.name}")


def _remove(path: Path) -> None:
    """Remove a file, a folder, or a link to one of them, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _owner(pid: int | str) -> str:
    """Return the number of a process with its start: a restarted container gives numbers anew."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "gone"
    # The name before the last bracket may hold anything; see proc_pid_stat(5).
    return f"{pid}-{words.rpartition(')')[2].split()[19]}"


def _is_left(rest: str) -> bool:
    """Tell whether what is named after its owner belongs to no running process."""
    named = re.match(r"(\d+)(-\d+)?([._].*)?$", rest)
    return bool(named) and _owner(named[1]) != f"{named[1]}{named[2] or ''}"


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders at once; False where the file system cannot."""
    paths = AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other)
    return ctypes.CDLL(None).renameat2(*paths, RENAME_EXCHANGE) == 0


def _sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
