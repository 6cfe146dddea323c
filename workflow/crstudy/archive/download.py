"""Download a file with resume and retries; rename it into place only after verification."""

import errno
import logging
import math
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock
from requests.utils import get_auth_from_url

from crstudy.archive.mast import TransientError, mast_client, retry
from crstudy.core.errors import StudyError, without_passwords

logger = logging.getLogger(__name__)

#: A partial file is continued if it is younger: the archive may recalibrate, s.
PART_LIFETIME_S = 86400
#: Time between two messages on progress, s.
PROGRESS_EVERY_S = 10.0
MORE_ROOM = "raise archive.max_disk_gb, or delete downloads that are not needed"


def download(
    what: str,
    url: str,
    path: Path,
    find_damage: Callable[[Path], str | None],
    check: Callable[[Path], None],
    *,
    store: Path,
    max_disk_gb: float | None,
    attempts: int,
    timeout_s: float,
    backoff_s: float,
) -> None:
    """Download a file unless it is there undamaged.

    A partial file ``<path>.part`` is resumed where the server allows it. Of several processes that
    need the same file one downloads it and the others wait.

    Parameters
    ----------
    what : str
        Name of the file, for messages.
    url : str
        Its address, with user and password if they are needed.
    path : path
        Destination; appears only when complete and checked.
    find_damage : callable
        Describes damage of the file, None if there is none; damaged files are fetched again.
    check : callable
        Raises `StudyError` if the undamaged file is not the right one.
    store : path
        Folder whose size `max_disk_gb` limits.
    max_disk_gb : float or None
        Largest size of `store`, GB.
    attempts, timeout_s, backoff_s
        See `crstudy.archive.mast.retry` and `crstudy.archive.mast.mast_client`.

    Raises
    ------
    StudyError
        The file does not exist, is not public or not the right one, the attempts are used up, or
        the disk is too small.
    """
    _make_folder(path.parent)
    part = path.with_name(f"{path.name}.part")
    job = _Download(what, url, part, find_damage, check, store, max_disk_gb, mast_client(timeout_s))
    with FileLock(path.with_name(f".{path.name}.lock")):
        if path.is_file():
            problem = find_damage(path)
            if problem is None:
                logger.info("%s already exists", path)
                check(path)
                return
            logger.warning("%s %s: fetched again", path, problem)
            path.unlink()
        retry(what, job.run, attempts=attempts, backoff_s=backoff_s, advanced=job.has_grown)
        part.replace(path)
        _forget(part)


@dataclass
class _Download:
    """The parameters of `download`, the best attempt, the announced and the largest size, bytes."""

    what: str
    url: str
    part: Path
    find_damage: Callable[[Path], str | None]
    check: Callable[[Path], None]
    store: Path
    max_disk_gb: float | None
    client: Any
    farthest: int = 0
    size: int | None = None
    most: float = math.inf

    def run(self) -> None:
        """Attempt the download once."""
        session = self.client._session
        # A failed resume of astroquery leaves its Range header, which breaks the next request.
        session.headers.pop("Range", None)
        # A compressed response differs in length from the file.
        session.headers["Accept-Encoding"] = "identity"
        # Messages and notes have the address alone.
        user = any(auth := get_auth_from_url(self.url))
        url = without_passwords(self.url)
        hooks = {"response": [*session.hooks["response"], self._guard]}
        options = {"auth": auth if user else None, "hooks": hooks}
        self.size = size = _prepare(session, url, self.part, options)
        with FileLock(self.store / ".room.lock"):
            self.most = _check_room(self.what, self.part, size, self.store, self.max_disk_gb)
            self.part.touch()
        self._transfer(url, size, options)
        try:
            if problem := _wrong_size(self.part, size) or self.find_damage(self.part):
                raise TransientError(problem)
            self.check(self.part)
        except Exception:
            _forget(self.part)
            raise

    def _guard(self, response: requests.Response, **_: Any) -> None:
        """Refuse an answer whose length is no number or that is encoded; count what arrives."""
        length = response.headers.get("Content-Length", "0")
        if not re.fullmatch(r"\d{1,18}", length):
            raise TransientError(f"the server announced a length of {length[:40]!r}")
        encoding = response.headers.get("Content-Encoding", "identity")
        if response.ok and encoding != "identity":
            raise StudyError(
                self.what,
                f"the server sends it with Content-Encoding {encoding}, not the file as it is",
                "have the server send files as they are, or set another source",
            )
        blocks = response.iter_content
        before = _present(self.part) if response.status_code == requests.codes.partial else 0

        def counted(size: int | None) -> Iterator[bytes]:
            arrived = before
            for block in blocks(size):
                arrived += len(block)
                if arrived > self.most:
                    response.close()
                    _forget(self.part)
                    raise self._too_long()
                yield block

        response.iter_content = counted

    def _too_long(self) -> Exception:
        if self.size is not None:
            return TransientError(f"the server sends more than the {self.size} bytes announced")
        problem = f"is larger than the {self.most / 1e6:.1f} MB that archive.max_disk_gb leaves"
        return StudyError(self.what, problem, MORE_ROOM)

    def _transfer(self, url: str, size: int | None, options: dict[str, Any]) -> None:
        """Fetch the file, or its missing end, by astroquery."""
        try:
            with _progress(self.what, self.part, size):
                self.client._download_file(
                    url, str(self.part), cache=True, continuation=True, head_safe=True, **options
                )
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # A partial file would keep the disk full.
            _forget(self.part)
            raise _no_room(self.what, "the disk is full", self.store) from None

    def has_grown(self) -> bool:
        """Tell whether the last attempt got further than all before."""
        before, self.farthest = self.farthest, max(self.farthest, _present(self.part))
        return self.farthest > before


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            folder, f"cannot be created ({error.strerror})", "set archive.downloads to a folder"
        ) from None


def _prepare(
    session: requests.Session, url: str, part: Path, options: dict[str, Any]
) -> int | None:
    """Return the size announced by the server, bytes; drop a partial file of another version."""
    answer = session.request("HEAD", url, **options)
    answer.raise_for_status()
    tells = answer.headers
    version = [url, *(tells.get(n, "") for n in ("ETag", "Last-Modified", "Content-Length"))]
    note = _note(part)
    if part.exists() and (
        not note.is_file()
        or note.read_text(encoding="utf-8").splitlines() != version
        or time.time() - part.stat().st_mtime > PART_LIFETIME_S
    ):
        _forget(part)
    note.write_text("\n".join(version), encoding="utf-8")
    return int(tells["Content-Length"]) if "Content-Length" in tells else None


def _note(part: Path) -> Path:
    """Return the file that records the version of a partial file."""
    return part.with_name(f".{part.name}.from")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


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


def _present(file: Path) -> int:
    """Return the size of a file, bytes; another process may move it away at any moment."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _wrong_size(part: Path, size: int | None) -> str | None:
    present = _present(part)
    if size is None or present == size:
        return None
    return f"has {present} bytes, the server announced {size}"


def _check_room(
    what: str, part: Path, size: int | None, store: Path, max_disk_gb: float | None
) -> float:
    """Refuse a download that would not fit; return the most bytes that it may bring."""
    needed = 0 if size is None else max(0, size - _present(part))
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise _no_room(
            what, f"needs {needed / 1e6:.1f} MB, the disk has {free / 1e6:.1f} MB left", store
        )
    if max_disk_gb is None:
        return math.inf if size is None else size
    # Files that other jobs are downloading will be about as large as this one.
    used = sum(
        max(_present(file), size or 0) if file.suffix == ".part" else _present(file)
        for file in store.rglob("*.fits*")
        if file != part
    )
    if used + (size or 0) > max_disk_gb * 1e9:
        raise StudyError(
            what,
            f"would bring {store} to {(used + (size or 0)) / 1e9:.2f} GB, "
            f"the limit is {max_disk_gb:g} GB",
            MORE_ROOM,
        )
    return max_disk_gb * 1e9 - used if size is None else size


def _no_room(what: str, problem: str, store: Path) -> StudyError:
    return StudyError(
        what, problem, f"make room, or set archive.downloads to another disk ({store})"
    )
