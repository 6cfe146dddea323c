"""What ``crstudy clean`` and ``crstudy.clean`` advise helps."""

import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

import crstudy
from advice import advised, follow, nothing
from crstudy.cleaning.command import main
from crstudy.deepcr.weights import WEIGHTS, fetch_weights
from synthetic_exposures import write_group

A, B = "a_flc.fits", "other/a_flc.fits"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work, with nets that find nothing, in a folder with exposures and other FITS files."""
    blind = SimpleNamespace(
        name="blind",
        instrument="",
        weights="0",
        probability=np.zeros_like,
        inpaint=lambda image, mask: image,
    )
    # Not `load_mask_net` of arrays: what it returns is kept for the tests that follow.
    for name in ("files.load_mask_net", "files.load_inpainting_net", "arrays._mask_net"):
        monkeypatch.setattr(f"crstudy.cleaning.{name}", lambda *_: blind)
    monkeypatch.chdir(tmp_path)
    exposure = write_group(tmp_path, shape=(64, 64), n_exposures=1)[0].path
    Path("other").mkdir()
    for place in ("a_flc.fits", "other/a_flc.fits"):
        shutil.copy(exposure, place)
    shutil.copy("a_flc.fits", "blank_flc.fits")
    with fits.open("blank_flc.fits", mode="update", checksum=True) as hdus:
        hdus["SCI", 1].data[:] = np.nan
    image = fits.ImageHDU(np.full((64, 64), 20, np.float32), name="SCI")
    image.header["ATODGAIN"] = 2.0
    blank = fits.ImageHDU(np.full((8, 8), np.nan, np.float32), name="BLANK")
    large = fits.ImageHDU(np.full((8, 8), 1e300), name="LARGE")
    fits.HDUList([fits.PrimaryHDU(), image, blank]).writeto("x.fits")
    fits.HDUList([fits.PrimaryHDU(), large]).writeto("large.fits")
    fits.HDUList([fits.PrimaryHDU(), *[image] * 7]).writeto("many.fits")
    monkeypatch.setattr("crstudy.data.fits_sizes.MAX_HDUS", 7)
    Path("bad.yaml").write_text("name: mine\n", encoding="utf-8")
    fetch_weights("kwon21-acs-wfc", "net.pth")
    found = WEIGHTS["kwon21-acs-wfc"]
    keys = "name: mine\npath: net.pth\narchitecture: {}\nsha256: {}\nchannels: {}\n"
    mine = keys.format(found.architecture, found.sha256, found.channels)
    Path("mine.yaml").write_text(mine, encoding="utf-8")


#: Advice; words of a command, those with which it is refused, and those in their place.
CASES = [
    ("cleaning/command: give both", "x.fits --ext 1", "", "--scale 2"),
    ("cleaning/command: give its files: ", "", "other", "other/a_flc.fits"),
    ("cleaning/command: make room, or choose another folder with --out", A, "--out x.fits/1", ""),
    ("cleaning/command: clean them one by one with different --out", A, "other/a_flc.fits", ""),
    ("cleaning/files: choose another --out", A, "--out .", "--out 1"),
    ("cleaning/files: add --overwrite or choose --out", B, "--out .", "--out 1"),
    ("cleaning/files: add --overwrite or choose --out", B, "--out .", "--out . --overwrite"),
    ("cleaning/files: clean the original file", "", "done/a_flc.fits", "a_flc.fits"),
    ("cleaning/files: use ", A, "--dq-bit 16", "--dq-bit 4096"),
    ("cleaning/frames: use one of ", "x.fits --scale 1", "--ext 7", "--ext 1"),
    ("cleaning/frames: name its images and", "x.fits", "", "--ext SCI --scale ATODGAIN"),
    ("cleaning/frames: name another one with --ext", "x.fits --scale 1", "--ext 0", "--ext 1"),
    ("cleaning/frames: give the electrons per", "x.fits --ext 1", "--scale GAIN", "--scale 2"),
    ("cleaning/frames: leave it out", "x.fits --ext 1 --scale 1", "--ext 2", ""),
    ("cleaning/frames: put a complete copy", "--ext 1 --scale 1", "large.fits", "x.fits"),
    ("cleaning/nets: use one of ", A, "--model kwon", "--model zb20-f606w"),
    ("cleaning/nets: use one of ", A, "--model kwon", "--model mine.yaml"),
    ("cleaning/nets: give it the keys of methods.own", A, "--model bad.yaml", "--model mine.yaml"),
    ("cleaning/stars: leave --refine out", "x.fits --ext 1 --scale 1", "--refine", ""),
    ("data/exposure: leave it out", A, "blank_flc.fits", ""),
    ("data/fits_sizes: leave it out", A, "many.fits", ""),
]


@pytest.mark.parametrize(("what", "words", "wrong", "right"), CASES)
@pytest.mark.filterwarnings("ignore:overflow")
def test_advice_of_the_command_helps(what, words, wrong, right, capsys):
    if "original" in what:
        assert main(["clean", "a_flc.fits", "--inpaint", "--out", "done"]) == 0
    assert main(["clean", *f"{words} {wrong}".split()]) == 1
    advised(what, capsys.readouterr().err.splitlines()[0])
    shutil.rmtree("cleaned", ignore_errors=True)
    assert main(["clean", *f"{words} {right}".split()]) == 0


def test_advice_of_the_function_helps():
    image = np.full((64, 64), 20, np.float32)
    clean = partial(crstudy.clean, image)
    what = "cleaning/arrays: give one from 0 to 1"
    mask, _ = follow(what, partial(clean, threshold=2), nothing, partial(clean, threshold=1))
    assert not mask.any()
