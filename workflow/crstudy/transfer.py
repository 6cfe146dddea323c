"""Bring a file from the web to its place: resumed, retried, checked before it gets its name."""

import errno
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from crstudy.archive import TransientError, mast_client, patiently
from crstudy.errors import StudyError

logger = logging.getLogger(__name__)

#: A partial file is continued if it is younger: the archive may recalibrate, s.
PART_LIFETIME_S = 86400
#: Time between two messages on progress, s.
PROGRESS_EVERY_S = 10.0


def download(
    what: str,
    url: str,
    path: Path,
    find_damage: Callable[[Path], str | None],
    *,
    store: Path,
    max_disk_gb: float | None,
    attempts: int,
    timeout_s: float,
    backoff_s: float,
) -> None:
    """Download a file unless it is there.

    A partial file ``<path>.part`` is continued where the server allows it. Of several processes
    that ask for the same file one downloads and the others wait.

    Parameters
    ----------
    what : str
        Name of the file, for messages.
    url : str
        Where it is.
    path : path
        Where it shall be; appears only when complete and undamaged.
    find_damage : callable
        Tells what is wrong with a downloaded file, None if nothing.
    store : path
        Folder whose size `max_disk_gb` limits.
    max_disk_gb : float or None
        Largest size of `store`, GB.
    attempts, timeout_s, backoff_s
        See `crstudy.archive.patiently` and `crstudy.archive.mast_client`.

    Raises
    ------
    StudyError
        The file is not there or not public, the tries are used up, or the disk is too small.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    client = mast_client(timeout_s)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if path.is_file():
            return
        if part.exists() and time.time() - part.stat().st_mtime > PART_LIFETIME_S:
            part.unlink()

        def try_once() -> None:
            size = _size(client, url)
            _check_room(what, part, size, store, max_disk_gb)
            _transfer(client, what, url, part, size)
            problem = _wrong_size(part, size) or find_damage(part)
            if problem:
                part.unlink()
                raise TransientError(problem)

        try:
            patiently(what, try_once, attempts=attempts, backoff_s=backoff_s)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # The space is needed elsewhere more than the beginning of a file here.
            part.unlink(missing_ok=True)
            raise _no_room(what, "the disk is full", store) from None
        part.replace(path)


def _size(client: Any, url: str) -> int | None:
    """Return the size that the server announces, bytes."""
    answer = client._session.request("HEAD", url)
    answer.raise_for_status()
    announced = answer.headers.get("Content-Length")
    return None if announced is None else int(announced)


def _transfer(client: Any, what: str, url: str, part: Path, size: int | None) -> None:
    """Let astroquery fetch the file, or its missing end."""
    # What a failed continuation leaves there spoils the next request.
    client._session.headers.pop("Range", None)
    # A compressed answer has another length than the file.
    client._session.headers["Accept-Encoding"] = "identity"
    with _progress(what, part, size):
        client._download_file(url, str(part), cache=True, continuation=True, head_safe=True)


@contextmanager
def _progress(what: str, part: Path, size: int | None) -> Iterator[None]:
    """Log size and rate while a file grows."""
    done = threading.Event()
    begun, before = time.monotonic(), _present(part)
    total = "" if size is None else f" of {size / 1e6:.1f}"

    def report() -> None:
        present = _present(part)
        rate = max(0, present - before) / 1e6 / max(time.monotonic() - begun, 1e-3)
        logger.info("%s: %.1f%s MB, %.2f MB/s", what, present / 1e6, total, rate)

    def watch() -> None:
        while not done.wait(PROGRESS_EVERY_S):
            report()

    if before:
        logger.info("%s: continued after %.1f MB", what, before / 1e6)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        report()


def _present(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _wrong_size(part: Path, size: int | None) -> str | None:
    present = _present(part)
    if size is None or present == size:
        return None
    return f"has {present} bytes, the server announced {size}"


def _check_room(
    what: str, part: Path, size: int | None, store: Path, max_disk_gb: float | None
) -> None:
    """Refuse a download that would not fit, before it begins."""
    needed = 0 if size is None else max(0, size - _present(part))
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise _no_room(
            what, f"needs {needed / 1e6:.1f} MB, the disk has {free / 1e6:.1f} MB left", store
        )
    if max_disk_gb is None:
        return
    # Files that others download at this moment will be about as large as this one.
    used = sum(
        max(file.stat().st_size, size or 0) if file.suffix == ".part" else file.stat().st_size
        for file in store.rglob("*")
        if file.is_file() and file != part
    )
    if used + (size or 0) > max_disk_gb * 1e9:
        raise StudyError(
            what,
            f"would bring {store} to {(used + (size or 0)) / 1e9:.2f} GB, "
            f"the limit is {max_disk_gb:g} GB",
            "raise archive.max_disk_gb, or delete downloads that are not needed",
        )


def _no_room(what: str, problem: str, store: Path) -> StudyError:
    return StudyError(
        what, problem, f"make room, or set archive.downloads to another disk ({store})"
    )
