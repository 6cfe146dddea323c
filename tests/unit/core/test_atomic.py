"""Files appear whole or not at all, and folders are tried before they are needed."""

import errno
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from astropy.table import Table

from advice import follow
from crstudy.core import atomic
from crstudy.core.atomic import (
    check_writable,
    complete_file,
    complete_folder,
    scratch_folder,
    write_table,
)
from crstudy.core.errors import StudyError


def test_failed_writes_leave_nothing(tmp_path):
    (tmp_path / "old.txt").write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), complete_file(tmp_path / "old.txt") as part:
        part.write_text("half", encoding="utf-8")
        raise RuntimeError
    with pytest.raises(RuntimeError), complete_folder(tmp_path / "new") as part:
        (part / "file").write_text("half", encoding="utf-8")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("start", ["", "-1"])
@pytest.mark.parametrize("pid", ["own", 4_000_000_000])
def test_what_a_killed_run_left_is_no_obstacle(tmp_path, pid, start):
    """A restarted container gives the number of the killed process to the next one."""
    pid = os.getpid() if pid == "own" else pid
    (tmp_path / f".part.{pid}{start}.new").mkdir()
    (tmp_path / f".part.{pid}{start}.file").write_text("half", encoding="utf-8")
    # Of a process that runs.
    other = tmp_path / f".part.{atomic._owner(os.getppid())}.new"
    other.mkdir()
    with complete_folder(tmp_path / "new"), complete_file(tmp_path / "file") as part:
        part.write_text("whole", encoding="utf-8")
    assert set(tmp_path.iterdir()) == {tmp_path / "new", tmp_path / "file", other}


def test_scratch_of_a_killed_run_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as folder, scratch_folder() as second:
        assert folder.is_dir()
        assert second.is_dir()
        left = folder.name.replace(atomic._owner(os.getpid()), f"{os.getpid()}-1")
    (tmp_path / left).mkdir()
    (tmp_path / "other").mkdir()
    with scratch_folder() as folder:
        assert set(tmp_path.iterdir()) == {folder, tmp_path / "other"}


@pytest.mark.parametrize("exchange", [True, False])
def test_folder_is_there_at_every_moment(tmp_path, monkeypatch, exchange):
    """Also while the old one is removed, file by file."""
    final, remove = tmp_path / "maps", shutil.rmtree
    seen = []

    def look(path, **more):
        remove(path, **more)
        seen.append((final / "file").read_text(encoding="utf-8"))

    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    monkeypatch.setattr(shutil, "rmtree", look)
    for text in ("old", "new"):
        with complete_folder(final) as part:
            (part / "file").write_text(text, encoding="utf-8")
    assert seen == ["new"]
    assert list(tmp_path.iterdir()) == [final]


def test_folder_replaces_a_link_to_one(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "maps").symlink_to("there")
    for _ in range(2):
        with complete_folder(tmp_path / "maps"):
            pass
    assert {path.name: path.is_symlink() for path in tmp_path.iterdir()} == {
        "there": False,
        "maps": False,
    }


def test_bytes_reach_the_disk_before_the_name(tmp_path, monkeypatch):
    events, replace = [], Path.replace

    def sync(descriptor):
        events.append(Path(f"/proc/self/fd/{descriptor}").readlink().name.split(".")[-1])

    def rename(path, target):
        events.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", rename)
    with complete_file(tmp_path / "table") as part:
        part.write_text("text", encoding="utf-8")
    with complete_folder(tmp_path / "maps") as part:
        (part / "sub").mkdir()
        (part / "sub" / "file").write_text("text", encoding="utf-8")
    place = tmp_path.name
    assert events == ["table", "rename", place, "sub", "file", "maps", "rename", place]


def test_tables_are_written_by_suffix(tmp_path):
    table = Table({"n": [1, 2]}, meta={"dataset": "sim-mini"})
    for name, form in (("t.ecsv", "ascii.ecsv"), ("t.parquet", "parquet")):
        write_table(table, tmp_path / name)
        back = Table.read(tmp_path / name, format=form)
        assert list(back["n"]) == [1, 2]
        assert back.meta["dataset"] == "sim-mini"


def test_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "results").write_text("a file", encoding="utf-8")
    (tmp_path / "link").symlink_to("nothing")
    for name in ("results", "results/sim", "link", "link/sim"):
        with pytest.raises(StudyError, match=rf"{name}: is no folder.*Fix: move that away"):
            check_writable(tmp_path / name)
    for name in ("results", "link"):
        folder, away = tmp_path / name, tmp_path / f"{name}-away"
        what = "core/atomic: move that away, then run again"
        follow(what, partial(check_writable, folder / "sim"), partial(folder.rename, away))
    check_writable(tmp_path / "other/sim")

    def write():
        with complete_file(tmp_path / "other/sim") as part:
            part.touch()

    what = "core/atomic: move it away, then run again"
    follow(what, write, lambda: (tmp_path / "other/sim").rename(tmp_path / "sim"))
    room = {"free": 0}
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(**room))
    what = "core/atomic: make room, then run again"
    follow(what, lambda: check_writable(tmp_path / "other"), lambda: room.update(free=1e9))
    closed = OSError(errno.EACCES, "Permission denied")
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", Mock(side_effect=closed))
        what = "core/atomic: make it writable or make room, then run again"
        follow(what, lambda: check_writable(tmp_path / "other"), patch.undo)
