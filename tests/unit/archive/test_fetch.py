"""What an exposure must be to enter the study."""

import errno
import gzip
import re
import shutil
import subprocess
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from astropy.io import fits

from advice import advised
from crstudy.archive.check import check_exposure
from crstudy.archive.fetch import (
    exposure_path,
    exposure_url,
    fetch_exposure,
    find_damage,
)
from crstudy.core.errors import StudyError
from crstudy.data.exposure import read_exposure
from project import SHARED
from synthetic_exposures import write_group

SETTINGS = {"s3_url": "https://bucket.example/", "http_url": "http://example.org/hst/"}


@pytest.fixture
def exposure(tmp_path):
    """Return a small exposure."""
    return write_group(tmp_path, shape=(64, 64), n_exposures=1)[0].path


def edited(path, change):
    with fits.open(path, mode="update", checksum=True) as hdus:
        change(hdus)
    return path


def from_mirror(mirror, dataset, expected=None):
    return fetch_exposure(dataset, source="mirror", mirror=mirror, expected=expected, settings={})


def test_addresses():
    path = "mastDownload/HST/jb6v01abq/jb6v01abq_flc.fits"
    assert exposure_path("store", "jb6v01abq").as_posix() == f"store/{path}"
    assert exposure_url("http", "jb6v01abq", SETTINGS) == f"http://example.org/hst/{path}"
    assert (
        exposure_url("s3", "jb6v01abq", SETTINGS)
        == "https://bucket.example/hst/public/jb6v/jb6v01abq/jb6v01abq_flc.fits"
    )
    assert (
        exposure_url("mast", "jb6v01abq", SETTINGS) == "https://mast.stsci.edu/api/v0.1/Download/"
        "file?uri=mast:HST/product/jb6v01abq_flc.fits"
    )


def test_whole_file_is_undamaged(exposure):
    assert find_damage(exposure) is None


@pytest.mark.parametrize("size", [0, 100, 2881, 5760, 9000, 20000, -1, -2880])
def test_truncated_file_is_damaged(exposure, size):
    exposure.write_bytes(exposure.read_bytes()[:size])
    assert find_damage(exposure) is not None


def test_file_that_lacks_its_second_chip_is_damaged(tmp_path):
    path = write_group(tmp_path, n_chips=2, shape=(64, 64), n_exposures=1)[0].path
    with fits.open(path) as hdus:
        end = hdus["SCI", 2].fileinfo()["hdrLoc"]
    path.write_bytes(path.read_bytes()[:end])
    assert find_damage(path) == "truncated: holds 3 of 6 extensions"


@pytest.mark.parametrize("old", [b"NAXIS1  =", b"BITPIX  =", b"XTENSION="])
def test_garbled_header_is_damage(exposure, old):
    content = exposure.read_bytes()
    start = content.index(old, 2880)
    exposure.write_bytes(content[:start] + b"garbled!?" + content[start + 9 :])
    assert find_damage(exposure) is not None


def test_bytes_behind_the_last_extension_are_damage(exposure):
    exposure.write_bytes(exposure.read_bytes() + bytes(5000))
    assert "ends at byte" in find_damage(exposure)


def test_primary_header_alone_is_no_exposure(exposure):
    fits.PrimaryHDU().writeto(exposure, overwrite=True)
    with pytest.raises(StudyError, match="no SCI extension"):
        check_exposure(exposure, "syn00000q", None)


def test_flipped_bit_and_web_page_are_damage(exposure, tmp_path):
    content = bytearray(exposure.read_bytes())
    content[len(content) // 2] ^= 1
    exposure.write_bytes(content)
    assert "verification failed" in find_damage(exposure)
    page = tmp_path / "page_flc.fits"
    page.write_text("<html>502 Bad Gateway</html>", encoding="utf-8")
    assert "not a FITS file" in find_damage(page)


def test_good_exposure_passes(exposure):
    check_exposure(exposure, "syn00000q", "ACS/WFC F606W")
    check_exposure(exposure, "syn00000q", None)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("ROOTNAME", "jother001", "holds exposure jother001, not syn00000q"),
        ("FILTER1", "F814W", r"F814W, not ACS/WFC F606W \(configuration key observed_with\)"),
        ("DETECTOR", "HRC", "taken with ACS/HRC F606W"),
        ("PCTECORR", "OMIT", "not CTE-corrected"),
        ("EXPFLAG", "INTERRUPTED", "failed exposure"),
        ("EXPTIME", 0.0, "EXPTIME 0.0"),
        ("EXPTIME", "long", "EXPTIME 'long'"),
        ("EXPSTART", None, "EXPSTART None"),
        ("EXPEND", "soon", "EXPEND 'soon'"),
        ("DATE-OBS", "01/02/15", "DATE-OBS '01/02/15'"),
        ("READNSEB", 0.0, "READNSEB 0.0"),
        ("CCDAMP", "N/A", "CCDAMP 'N/A'"),
        ("CCDGAIN", None, "CCDGAIN None"),
    ],
)
def test_other_exposure_is_refused(exposure, key, value, expected):
    with fits.open(exposure, mode="update") as hdus:
        hdus[0].header[key] = value
        if value is None:
            del hdus[0].header[key]
    with pytest.raises(StudyError, match=expected) as caught:
        check_exposure(exposure, "syn00000q", "ACS/WFC F606W")
    assert "Fix: " in str(caught.value)


def without(key):
    return lambda hdus: hdus["SCI"].header.remove(key)


def singular(hdus):
    hdus["SCI"].header["CD2_2"] = hdus["SCI"].header["CD2_1"] = 0.0


def hit(hdus):
    hdus["SCI"].data[5, 5] = 1e30


def scaled(factor, offset):
    def change(hdus):
        hdus["SCI"].data = hdus["SCI"].data * np.float32(factor) + np.float32(offset)

    return change


def twice(hdus):
    hdus.append(hdus["SCI"].copy())


def of_floats(hdus):
    hdus["DQ"].data = hdus["DQ"].data.astype(np.float32)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (singular, "SCI,1 has no regular CD matrix"),
        (without("CD1_1"), "SCI,1 has no regular CD matrix"),
        (without("CRVAL2"), "SCI,1 has CRVAL2 None"),
        (without("PHOTFLAM"), "SCI,1 has PHOTFLAM None"),
        (twice, "has SCI,1 more than once"),
        (of_floats, "DQ,1 holds .*f4, not integers"),
        (hit, r"SCI,1 has a pixel of 1e\+30 e-"),
        (scaled(1, -2000), "SCI,1 has a sky of -1.96e[+]03 e-, far below zero"),
        (scaled(1 / 500, 0), "SCI,1 has a noise of .* count rates"),
    ],
)
def test_exposure_that_would_fail_later_is_refused(exposure, change, expected):
    edited(exposure, change)
    with pytest.raises(StudyError, match=expected) as caught:
        check_exposure(exposure, "syn00000q", None)
    assert "\n" not in str(caught.value)


def test_mirror(exposure, tmp_path, monkeypatch):
    with pytest.raises(StudyError, match="CRSTUDY_MIRROR"):
        from_mirror("", "syn00000q")
    with pytest.raises(StudyError, match=r"has no folder .* at mastDownload/HST/<name>/<name>_flc"):
        from_mirror(tmp_path, "syn00000q")
    path = exposure_path(tmp_path, "syn00000q")
    path.mkdir(parents=True)
    with pytest.raises(StudyError, match=r"flc.fits: cannot be read or written \(Is a directory"):
        from_mirror(tmp_path, "syn00000q")
    path.rmdir()
    with pytest.raises(StudyError, match=r"no such file in the mirror[.] Fix: add it"):
        from_mirror(tmp_path, "syn00000q")
    flt = path.with_name("syn00000q_flt.fits")
    shutil.copy(exposure, flt)
    with pytest.raises(StudyError, match=r"but syn00000q_flt.fits, .* CTE losses. Fix: fetch its"):
        from_mirror(tmp_path, "syn00000q")
    shutil.copy(exposure, path)
    with monkeypatch.context() as patch:
        denied = PermissionError(errno.EACCES, "Permission denied")
        patch.setattr(Path, "open", Mock(side_effect=denied))
        for read in (from_mirror, lambda *_: read_exposure(path)):
            with pytest.raises(StudyError, match=r"flc.fits: cannot .* \(Permission denied\)"):
                read(tmp_path, "syn00000q")
    assert from_mirror(tmp_path, "syn00000q", "ACS/WFC F606W") == path
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(StudyError, match=r"is compressed \(gzip\)") as caught:
        from_mirror(tmp_path, "syn00000q")
    advice = advised("data/fits_sizes: unpack it: ", caught.value)
    command = re.search("unpack it: (.*) > COPY; put the copy", advice)[1]
    path.write_bytes(subprocess.check_output(command, shell=True, cwd=path.parent))
    assert from_mirror(tmp_path, "syn00000q") == path
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(StudyError, match="truncated"):
        from_mirror(tmp_path, "syn00000q")


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "x_flc", "jb6v01abq&uri=x", "j b"])
def test_names_that_lead_elsewhere_are_refused(name, tmp_path):
    with pytest.raises(StudyError, match="not a valid HST rootname"):
        from_mirror(tmp_path, name)


def test_real_exposures_pass(shared):
    folder = SHARED / "mast-mirror"
    for path in sorted(folder.rglob("*_flc.fits")):
        name = path.name.split("_")[0]
        assert from_mirror(folder, name, "WFC3/UVIS F350LP") == path
    with pytest.raises(StudyError, match="WFC3/UVIS F350LP, not ACS/WFC F606W"):
        from_mirror(folder, name, "ACS/WFC F606W")
