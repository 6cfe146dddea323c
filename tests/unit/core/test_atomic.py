"""Files appear whole or not at all, and folders are tried before they are needed."""

import pytest
from astropy.table import Table

from crstudy.core.atomic import check_writable, complete_file, complete_folder, write_table
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


def test_tables_are_written_by_suffix(tmp_path):
    table = Table({"n": [1, 2]}, meta={"dataset": "sim-mini"})
    for name, form in (("t.ecsv", "ascii.ecsv"), ("t.parquet", "parquet")):
        write_table(table, tmp_path / name)
        back = Table.read(tmp_path / name, format=form)
        assert list(back["n"]) == [1, 2]
        assert back.meta["dataset"] == "sim-mini"


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "results").write_text("a file", encoding="utf-8")
    with pytest.raises(StudyError, match=r"results/sim: cannot be written \(Not a directory\)"):
        check_writable(tmp_path / "results/sim")
    check_writable(tmp_path / "other/sim")
