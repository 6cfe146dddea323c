"""The manifest: what is pinned, what passes, what stops."""

import errno
import logging
import shutil
import subprocess
import sys
from unittest.mock import Mock

import pytest
from astropy.io import fits
from astropy.table import Table

from crstudy.archive import manifest
from crstudy.archive.manifest import (
    check_distinct,
    compare_with_pinned,
    describe_file,
    fetched_files,
    forget,
    pin_new,
    stack,
)
from crstudy.core.errors import StudyError
from synthetic_exposures import write_group


@pytest.fixture
def exposure(tmp_path):
    """Return a small exposure of two chips."""
    return write_group(tmp_path, n_chips=2, shape=(64, 64), n_exposures=1)[0].path


def row(path, name="syn00000q"):
    return describe_file(path, name, "mirror")


def compare(path, pinned, name="syn00000q"):
    compare_with_pinned(row(path, name)[0], pinned, path)


def edit(path, change, name="new"):
    copy = path.with_name(f"{name}_flc.fits")
    shutil.copy(path, copy)
    with fits.open(copy, mode="update", checksum=True) as hdus:
        change(hdus)
    return copy


def test_row_holds_sums_of_file_and_pixels(exposure):
    table = row(exposure)
    (found,) = table
    assert found["bytes"] == exposure.stat().st_size
    assert len(found["sha256"]) == 64
    assert found["cal_ver"] == "simulated"
    with fits.open(exposure) as hdus:
        for name in ("SCI", "ERR", "DQ"):
            for ver in (1, 2):
                stored = int(hdus[name, ver].header["DATASUM"])
                assert found[f"datasum_{name.lower()}{ver}"] == stored
    assert all(table[name].description for name in table.colnames)


def test_fetched_file_that_is_gone_or_has_changed_stops(exposure, tmp_path):
    record = tmp_path / "record.ecsv"
    table = row(exposure)
    table["path"] = [str(exposure)]
    table.write(record)
    assert fetched_files([record]) == {"syn00000q": exposure}
    content = bytearray(exposure.read_bytes())
    content[-1] ^= 1
    exposure.write_bytes(content)
    with pytest.raises(StudyError, match=f"has changed .* Fix: delete {record} and run again"):
        fetched_files([record])
    exposure.unlink()
    with pytest.raises(StudyError, match="no longer exists"):
        fetched_files([record])


def test_manifest_keeps_pinned_rows_and_adds_new_ones(exposure, tmp_path):
    pinned = tmp_path / "manifest" / "paper.ecsv"
    one_chip = edit(exposure, lambda hdus: hdus.__delitem__(slice(4, 7)), "one")
    first = stack([row(exposure, "jb"), row(one_chip, "ja")])
    assert pin_new(first, pinned) == ["ja", "jb"]
    before = pinned.read_bytes()
    assert pin_new(first, pinned) == []
    assert pinned.read_bytes() == before
    changed = edit(exposure, lambda hdus: hdus["SCI", 1].data.__setitem__((3, 3), 1e5))
    assert pin_new(stack([row(changed, "ja"), row(changed, "jc")]), pinned) == ["jc"]
    table = Table.read(pinned)
    assert list(table["dataset"]) == ["ja", "jb", "jc"]
    assert table["datasum_sci1"][0] == table["datasum_sci1"][1] != table["datasum_sci1"][2]
    assert list(table["datasum_sci2"].mask) == [True, False, False]
    compare(one_chip, pinned, "ja")


def test_manifest_that_cannot_be_written_stops_nothing(exposure, tmp_path, monkeypatch, caplog):
    pinned = tmp_path / "paper.ecsv"
    pin_new(row(exposure, "ja"), pinned)
    denied = OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr(manifest, "FileLock", Mock(side_effect=denied))
    assert pin_new(row(exposure, "ja"), pinned) == []
    assert caplog.messages == []
    assert pin_new(stack([row(exposure, "ja"), row(exposure, "jb")]), pinned) == []
    assert caplog.messages == [f"{pinned} cannot be written: jb not pinned"]


def test_other_bytes_with_the_same_pixels_pass_with_a_note(exposure, tmp_path, caplog):
    pinned = tmp_path / "paper.ecsv"
    pin_new(row(exposure), pinned)
    newer = edit(exposure, lambda hdus: hdus[0].header.__setitem__("CAL_VER", "10.4.0"))
    with caplog.at_level(logging.WARNING, "crstudy"):
        compare(newer, pinned)
    (record,) = caplog.records
    assert "same pixels" in record.getMessage()
    assert "10.4.0" in record.getMessage()


@pytest.mark.parametrize("extension", ["SCI", "ERR", "DQ"])
def test_other_pixels_stop_and_say_how_to_accept(exposure, tmp_path, extension):
    pinned = tmp_path / "paper.ecsv"
    pin_new(row(exposure), pinned)
    damaged = edit(exposure, lambda hdus: hdus[extension, 2].data.__setitem__((5, 5), 64))
    newer = edit(damaged, lambda hdus: hdus[0].header.__setitem__("DATE", "2031-01-14"), "newest")
    with pytest.raises(StudyError) as caught:
        compare(newer, pinned)
    message = str(caught.value)
    assert f"pixels of {extension.lower()}2 differ" in message
    assert "recalibrated" in message
    command = "make accept DATASET=paper EXPOSURES=syn00000q"
    assert command in message

    # Other pixels under the same header are not the archive's.
    with pytest.raises(
        StudyError, match=f"{extension.lower()}2 differ .* damaged or edited"
    ) as one:
        compare(damaged, pinned)
    assert "accept" not in str(one.value)
    assert str(damaged) in str(one.value)

    # A manifest that is older than one of the columns tells no other calibration.
    old = Table.read(pinned)
    old.remove_column("date")
    old.write(tmp_path / "old.ecsv")
    with pytest.raises(StudyError, match="damaged or edited"):
        compare(damaged, tmp_path / "old.ecsv")

    # What that command runs:
    words = [sys.executable, "-m", "crstudy.archive.manifest", pinned, "syn00000q"]
    subprocess.run(words, check=True)
    compare(newer, pinned)
    pin_new(row(newer), pinned)
    with pytest.raises(StudyError, match="differ"):
        compare(exposure, pinned)


def test_a_lost_chip_stops(exposure, tmp_path):
    pinned = tmp_path / "paper.ecsv"
    pin_new(row(exposure), pinned)
    one_chip = edit(exposure, lambda hdus: hdus.__delitem__(slice(4, 7)))
    with pytest.raises(StudyError, match="pixels of dq2, err2, sci2 differ"):
        compare(one_chip, pinned)


def test_exposure_that_is_not_pinned_passes(exposure, tmp_path):
    compare(exposure, tmp_path / "absent.ecsv")
    pin_new(row(exposure, "other"), tmp_path / "paper.ecsv")
    compare(exposure, tmp_path / "paper.ecsv")


def test_only_what_is_pinned_can_be_accepted(exposure, tmp_path):
    pinned = tmp_path / "paper.ecsv"
    pin_new(stack([row(exposure, "ja"), row(exposure, "jb")]), pinned)
    with pytest.raises(StudyError, match=r"no such manifest. Fix: give DATASET, of paper\."):
        forget(tmp_path / "absent.ecsv", [])
    with pytest.raises(StudyError, match="does not list jx"):
        forget(pinned, ["jx"])
    assert forget(pinned, ["ja"]) == ["ja"]
    assert forget(pinned, []) == ["jb"]
    assert not pinned.exists()


def test_one_exposure_under_two_names_stops_its_group(exposure):
    other = edit(exposure, lambda hdus: hdus["SCI", 2].data.__setitem__((3, 3), 1e5))
    check_distinct("g", stack([row(exposure, "ja"), row(other, "jb")]))
    edited = edit(exposure, lambda hdus: hdus[0].header.__setitem__("ROOTNAME", "jb"), "jb")
    with pytest.raises(StudyError, match="group g: exposures ja and jb have the same pixels"):
        check_distinct("g", stack([row(exposure, "ja"), row(edited, "jb")]))
