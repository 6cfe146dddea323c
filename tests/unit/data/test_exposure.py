"""Bad exposures are refused with the file, the problem and the fix."""

from functools import partial

import numpy as np
import pytest
from astropy.io import fits

from advice import follow
from crstudy.core.errors import StudyError
from crstudy.data.exposure import (
    observed_with,
    read_exposure,
    read_images,
    read_shapes,
    write_images,
)


def write(path, *, dq=True, unit="ELECTRONS", value=1.0, change=lambda hdus: None):
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.full((40, 30), value, ">f4"))])
    hdus[0].header["ROOTNAME"] = "jtest0001"
    hdus[1].name, hdus[1].header["BUNIT"] = "SCI", unit
    if dq:
        hdus.append(fits.ImageHDU(np.zeros((40, 30), np.int16), name="DQ"))
    change(hdus)
    hdus.writeto(path, overwrite=True)
    return path


def test_good_file_is_read_native_endian(tmp_path):
    exposure = read_exposure(write(tmp_path / "a_flc.fits"))
    assert exposure.name == "jtest0001"
    (chip,) = exposure.chips
    assert chip.sci.dtype == np.float32
    assert chip.sci.dtype.isnative
    assert chip.dq.dtype == np.int32


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dq": False}, "no DQ,1"),
        ({"unit": "ELECTRONS/S"}, "BUNIT 'ELECTRONS/S'"),
        ({"value": np.nan}, "no finite pixel"),
    ],
)
def test_unusable_exposures(tmp_path, options, expected):
    path = write(tmp_path / "a_flc.fits", **options)
    with pytest.raises(StudyError, match=expected) as caught:
        read_exposure(path)
    assert str(path) in str(caught.value)
    assert "Fix: " in str(caught.value)
    assert "\n" not in str(caught.value)


def without_data(value):
    def change(hdus):
        hdus["DQ"].data, hdus["DQ"].header["PIXVALUE"] = None, value

    return change


def small_flags(hdus):
    hdus["DQ"].data = hdus["DQ"].data.astype(np.uint8)


def overflow(hdus):
    hdus["SCI"].data = hdus["SCI"].data.astype(">f8")
    hdus["SCI"].data[5, 5] = 1e300


def garbled_name(hdus):
    more = [hdu.copy() for hdu in hdus[1:]]
    more[0].name = "SGI"
    for hdu in more:
        hdu.ver = 2
        hdus.append(hdu)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without_data("abc"), "DQ,1 has PIXVALUE 'abc', not an integer of 16 bits"),
        (without_data(99999), "DQ,1 has PIXVALUE 99999"),
        (small_flags, "DQ,1 holds uint8, not integers of 16 bits or more"),
        (overflow, "overflow encountered in cast"),
        (garbled_name, "has DQ,2 but no SCI,2 extension"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_damaged_chips(tmp_path, change, expected):
    path = write(tmp_path / "a_flc.fits", change=change)
    with pytest.raises(StudyError, match=expected) as caught:
        read_exposure(path)
    assert "\n" not in str(caught.value)


def test_size_of_an_exposure_that_is_gone(tmp_path):
    """Whether a run makes it again is tried by tests/workflow/test_reruns.py."""
    path, what = tmp_path / "a_flc.fits", "data/exposure: run the study without naming results"
    assert follow(what, lambda: read_shapes(path), lambda: write(path)) == [(40, 30)]


def to_electrons(path):
    with fits.open(path, mode="update") as hdus:
        hdus["SCI"].data = hdus["SCI"].data * np.float32(1.0)
        hdus["SCI"].header["BUNIT"] = "ELECTRONS"


CALIBRATED = "data/exposure: use a calibrated _flc.fits file"


@pytest.mark.parametrize(
    ("options", "what", "act"),
    [
        ({"dq": False}, CALIBRATED, write),
        ({"change": small_flags}, CALIBRATED, write),
        ({"change": lambda hdus: hdus.pop(1)}, CALIBRATED, write),
        ({"change": overflow}, "data/exposure: put a complete copy in its place", write),
        ({"change": garbled_name}, "data/exposure: put a complete copy in its place", write),
        ({"unit": "ELECTRONS/S"}, "data/exposure: use the calibrated _flc.fits file, or", write),
        (
            {"unit": "ELECTRONS/S"},
            "data/exposure: use the calibrated _flc.fits file, or",
            to_electrons,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_advice_helps(tmp_path, options, what, act):
    path = write(tmp_path / "a_flc.fits", **options)
    assert len(follow(what, lambda: read_exposure(path), lambda: act(path)).chips) == 1


def test_flags_without_data_are_one_value(tmp_path):
    path = write(tmp_path / "a_flc.fits", change=without_data(16))
    assert (read_exposure(path).chips[0].dq == np.full((40, 30), 16)).all()


@pytest.mark.parametrize("keep", [0, 100, 2880, 5000, 7000])
def test_truncated_files(tmp_path, keep):
    path = write(tmp_path / "a_flc.fits")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StudyError) as caught:
        read_exposure(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"INSTRUME": "WFC3", "DETECTOR": "UVIS", "FILTER": "F350LP"}, "WFC3/UVIS F350LP"),
        (
            {
                "INSTRUME": "ACS   ",
                "DETECTOR": "WFC",
                "FILTER1": "F606W  ",
                "FILTER2": "CLEAR2L",
                "CAL_VER": "simulated",
            },
            "simulated ACS/WFC F606W",
        ),
    ],
)
def test_camera_and_filter_are_named(cards, expected):
    assert observed_with(cards) == expected


def test_other_files_and_absent_files(tmp_path):
    page = tmp_path / "b_flc.fits"
    page.write_text("<html>502 Bad Gateway</html>", encoding="utf-8")
    with pytest.raises(StudyError, match="not a FITS file"):
        read_exposure(page)
    with pytest.raises(StudyError, match="no such file"):
        read_exposure(tmp_path / "absent.fits")


def test_images_come_back_as_written(tmp_path):
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_images(tmp_path / "x.fits", {("A", 1): image, ("B", 2): image > 3}, {"DARK_E": 1.5})
    assert (read_images(tmp_path / "x.fits", "A")[1] == image).all()
    assert (read_images(tmp_path / "x.fits", "B")[2] == (image > 3)).all()
    assert fits.getheader(tmp_path / "x.fits")["DARK_E"] == 1.5
    what = f"data/exposure: delete {tmp_path} and run again"
    again = partial(write_images, tmp_path / "x.fits", {("C", 1): image})
    follow(what, partial(read_images, tmp_path / "x.fits", "C"), again, match="no C extension")
