"""Damaged files are refused: by their headers, before any array is made, then by the arrays."""

import gzip
import os
import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from advice import follow, nothing
from crstudy.archive.fetch import find_damage
from crstudy.cleaning.frames import read_hst, read_other
from crstudy.core.errors import StudyError
from crstudy.data import fits_sizes
from crstudy.data.exposure import read_exposure
from crstudy.data.fits_sizes import check_file

CAMERA = fits.Header({"INSTRUME": "ACS", "DETECTOR": "WFC"})


def header(**cards):
    """Return the block of an image's header."""
    return fits.Header({"XTENSION": "IMAGE", "BITPIX": -32, "NAXIS": 2} | cards).tostring().encode()


def primary():
    return fits.PrimaryHDU(header=CAMERA).header.tostring().encode()


def sparse(path, wide, high):
    """Write an image of zeros that takes no room."""
    content = primary() + header(NAXIS1=wide, NAXIS2=high, EXTNAME="SCI")
    path.write_bytes(content)
    with path.open("ab") as file:
        file.truncate(len(content) + -(-4 * wide * high // 2880) * 2880)


def cards_of_bomb(path, **cards):
    """Write a tile-compressed image that announces more than it holds."""
    image = fits.CompImageHDU(np.zeros((8, 8), np.float32), name="SCI")
    fits.HDUList([fits.PrimaryHDU(header=CAMERA), image]).writeto(path)
    with fits.open(path, disable_image_compression=True, mode="update") as hdus:
        hdus[1].header.update(cards)


def card(path, image):
    """Write an exposure with a card that is not valid."""
    path.write_bytes(primary().replace(b"END".ljust(80), image.ljust(80) + b"END", 1)[:2880])


def packed(path, pack):
    path.write_bytes(pack(primary() + bytes(2880)))


CASES = {
    "wider than the file": (
        lambda p: p.write_bytes(primary() + header(NAXIS1=2**31, NAXIS2=1) + bytes(2880)),
        "truncated: HDU 1 announces 8,589,934,592 bytes, 2,880 are there",
    ),
    "2^31 wide": (lambda p: sparse(p, 2**31, 1), "2,147,483,648 pixels, more than 268,435,456"),
    "tile-compressed": (
        lambda p: cards_of_bomb(p, ZNAXIS1=2**20, ZNAXIS2=2**20),
        "1,099,511,627,776 pixels",
    ),
    "one vast tile": (lambda p: cards_of_bomb(p, ZTILE1=2**31), "2,147,483,648 pixels"),
    "gzip": (
        lambda p: packed(p, gzip.compress),
        r"is compressed \(gzip\). Fix: unpack it: gzip -dc ",
    ),
    "negative": (
        lambda p: p.write_bytes(primary() + header(NAXIS1=-5, NAXIS2=1)),
        "HDU 1 has no valid size",
    ),
    "text": (
        lambda p: p.write_bytes(primary() + header(NAXIS1="wide", NAXIS2=1)),
        "HDU 1 has no valid size",
    ),
    "no end": (lambda p: p.write_bytes(primary().replace(b"END", b"   ")), "has no END"),
    "no type": (
        lambda p: p.write_bytes(primary() + header(NAXIS1=1, NAXIS2=1, BITPIX=7) + bytes(2880)),
        r"HDU 1 has no valid size \(BITPIX 7\)",
    ),
    "NaN": (lambda p: card(p, b"EXPTIME = NaN"), "HDU 0 has a card .*'EXPTIME = NaN'. Fix: corr"),
    "no closing quote": (lambda p: card(p, b"BUNIT   = 'E"), "HDU 0 has a card .*BUNIT"),
    "no ASCII": (lambda p: card(p, b"HISTORY \xe9"), r"HDU 0 has a card .*'HISTORY \\xe9'"),
    "NUL": (lambda p: card(p, b"PI_NAME = 'A' / \0 x"), r"HDU 0 has a card .*PI_NAME .*\\x00"),
    "pipe": (os.mkfifo, "is a pipe"),
    "many": (lambda p: p.write_bytes(primary() + 1000 * header(NAXIS=0)), "more than 1000 HDUs"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_before_any_array_is_made(tmp_path, name):
    write, expected = CASES[name]
    path = tmp_path / "a_flc.fits"
    write(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (read_exposure, read_hst, lambda p: read_other(p, ["1"], "1")):
        with pytest.raises(StudyError, match=expected) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
    assert find_damage(path) in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 100_000  # kB


def changed(place, new):
    """Return a function that changes bytes of a file at a place that depends on its content."""

    def change(path):
        content = bytearray(path.read_bytes())
        start = place(content)
        content[start : start + len(new)] = new
        path.write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (changed(lambda c: c.index(b"SCI") + 2880, b"\xff"), "Checksum verification .* renew its"),
        (changed(len, bytes(100)), "what can be read ends at byte"),
        (lambda p: fits.setval(p, "BSCALE", value=0.0, ext=1), "BSCALE of HDU 1 is 0"),
        (changed(lambda c: c.index(b"GZIP_COMP") // 2880 * 2880 + 2880, b"U" * 2048), "decompr"),
    ],
)
def test_damage_of_arrays_is_one_line(tmp_path, damage, expected):
    path = tmp_path / "a_flc.fits"
    image = np.ones((128, 128), np.float32)
    hdus = [fits.PrimaryHDU(header=CAMERA), fits.ImageHDU(image, name="SCI")]
    hdus.append(fits.CompImageHDU(image, quantize_level=16))
    fits.HDUList(hdus).writeto(path, checksum="verification" in expected)
    damage(path)
    for read in (read_hst, lambda p: read_other(p, ["1"], "1")):
        with pytest.raises(StudyError, match=expected) as caught:
            read(path)
        assert find_damage(path) in str(caught.value)


def whole(path):
    path.unlink()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((8, 8)))]).writeto(path)


def correct(path):
    path.write_bytes(path.read_bytes().replace(b"EXPTIME = NaN", b"EXPTIME = 1.0"))


def cut(path):
    data = np.ones((4, 8))
    path.unlink()
    fits.HDUList([fits.PrimaryHDU(data), fits.ImageHDU(data)]).writeto(path)


def edited(path):
    fits.PrimaryHDU(np.ones((8, 8))).writeto(path, checksum=True)
    path.write_bytes(
        path.read_bytes().replace(np.float64(1).tobytes()[::-1], b"\x40" + bytes(7), 1)
    )


def renew(path):
    """As astropy's documentation of `add_checksum` shows."""
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            hdu.add_checksum()


@pytest.mark.parametrize(
    ("write", "what", "act"),
    [
        (CASES["text"][0], "data/fits_sizes: put a complete copy in its place", whole),
        (CASES["no end"][0], "data/fits_sizes: put a complete copy in its place", whole),
        (edited, "data/fits_sizes: put a complete copy in its place; if you edited it", whole),
        (edited, "data/fits_sizes: put a complete copy in its place; if you edited it", renew),
        (CASES["NaN"][0], "data/fits_sizes: correct that card, or put a complete copy", correct),
        (whole, "data/fits_sizes: cut it into smaller images, or leave it out", cut),
    ],
)
def test_advice_about_a_file_helps(tmp_path, monkeypatch, write, what, act):
    path = tmp_path / "a.fits"
    path.touch()
    write(path)
    monkeypatch.setattr(fits_sizes, "MAX_PIXELS", 64 - (act == cut))
    follow(what, lambda: check_file(path, together=False), lambda: act(path))


@pytest.mark.parametrize(
    ("write", "what"),
    [(os.mkfifo, "data/fits_sizes: give a file"), (id, "data/fits_sizes: check its name")],
)
def test_advice_to_give_another_file_helps(tmp_path, write, what):
    path, good = tmp_path / "a.fits", tmp_path / "b.fits"
    write(path)
    good.touch()
    whole(good)
    follow(
        what,
        lambda: check_file(path, together=True),
        nothing,
        lambda: check_file(good, together=True),
    )


@pytest.fixture
def of_nobody():
    """Return a folder of a user who may not read every file, as root may."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)
    if root:
        os.seteuid(0)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_permissions_that_are_changed_help(of_nobody, closed):
    path = of_nobody / "a.fits"
    path.touch()
    whole(path)
    place = path if closed == "file" else of_nobody
    place.chmod(0)
    what = "core/errors: change its permissions or those of its folder"
    follow(what, lambda: check_file(path, together=True), lambda: place.chmod(0o700))


@pytest.mark.parametrize("wrong", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_file_in_the_place_of_something_else_helps(tmp_path, wrong):
    path = tmp_path / "a.fits"
    wrong(path)

    def put():
        path.rename(tmp_path / "away")
        path.touch()
        whole(path)

    what = "core/errors: put a readable file in its place"
    follow(what, lambda: check_file(path, together=True), put)


def test_gzip_tiles_are_unpacked_up_to_a_limit(tmp_path, monkeypatch):
    path = tmp_path / "a.fits"
    image = np.arange(4096, dtype=np.float32).reshape(64, 64)
    packed = fits.CompImageHDU(
        image, compression_type="GZIP_1", tile_shape=(64, 64), quantize_level=0
    )
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    monkeypatch.setattr(fits_sizes, "MAX_TILE", image.nbytes)
    assert (read_other(path, ["1"], "1")[0].electrons == image).all()
    monkeypatch.setattr(fits_sizes, "MAX_TILE", image.nbytes - 1)
    with pytest.raises(StudyError, match="a tile holds more than 16,383 bytes"):
        read_other(path, ["1"], "1")
    path.write_bytes(path.read_bytes().replace(b"\x1f\x8b\x08", b"\x1f\x8b\x00"))
    with pytest.raises(StudyError, match="no gzip data"):
        read_other(path, ["1"], "1")
