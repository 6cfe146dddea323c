"""The command ``crstudy clean``: the study's masks in files that keep everything else."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from numpy.testing import assert_array_equal

import crstudy
from crstudy.cleaning.command import main
from crstudy.cleaning.nets import cache_folder, find_model, load_mask_net
from crstudy.core.errors import StudyError
from crstudy.data.exposure import read_exposure, read_images
from crstudy.data.score_maps import read_scores
from crstudy.deepcr.predict import map_exposures, read_chips
from crstudy.deepcr.weights import WEIGHTS

NET = "zb20-f606w"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory, net_cache):
    """Nets go to a cache folder of this module."""
    folder = tmp_path_factory.mktemp("cache")
    shutil.copytree(net_cache, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def exposure(tiny_mirror):
    return tiny_mirror / "mastDownload/HST/jsim00101/jsim00101_flc.fits"


def clean(*words):
    return main(["clean", *map(str, words)])


def blocks(path):
    """Return the bytes of each HDU."""
    with fits.open(path, checksum=True) as hdus:  # a wrong checksum is a warning, so an error
        ends = [hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus]
    content = path.read_bytes()
    return [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def cards(header):
    """Return what a header says, but for checksums and history."""
    return [c.image for c in header.cards if c.keyword not in ("CHECKSUM", "DATASUM", "HISTORY")]


def masks_of_study(path, folder):
    """Return the masks that the study makes of an exposure, by way of its stored maps."""
    detector = load_mask_net(find_model(NET), "cpu", 1)
    for _ in map_exposures(detector, [read_chips(path)], folder, lambda f, *rest: f(*rest)):
        maps = read_scores(folder, read_exposure(path).name)
    return {ver: probability > 0.5 for ver, probability in maps.items()}


def assert_cleaned(source, target, masks, *, changed):
    """Check a cleaned file against the file it was made of; `changed` are numbers of HDUs."""
    for number, (before, after) in enumerate(zip(blocks(source), blocks(target), strict=True)):
        assert (before == after) == (number not in changed), number
    with fits.open(source) as old, fits.open(target) as new:
        for before, after in zip(old, new, strict=True):
            assert cards(before.header) == cards(after.header)
        for ver, mask in masks.items():
            dq, was = new["DQ", ver].data, old["DQ", ver].data
            assert_array_equal((dq & 8192) > 0, mask)
            assert_array_equal(dq & ~8192, was & ~8192)


def test_flags_are_those_of_the_study(exposure, tmp_path, capsys):
    masks = masks_of_study(exposure, tmp_path)
    assert clean(exposure, "--out", tmp_path, "--probability", "--threads", 2) == 0
    target = tmp_path / exposure.name
    assert_cleaned(exposure, target, masks, changed={0, 3, 6})
    kept = read_images(tmp_path / "jsim00101_probability.fits", "PROBABILITY")
    for ver, probability in read_images(
        tmp_path / "jsim00101_flc_probability.fits", "PROBABILITY"
    ).items():
        assert_array_equal(probability, kept[ver])
    with fits.open(tmp_path / "jsim00101_flc_probability.fits") as hdus, fits.open(exposure) as old:
        told = [hdus[0].header[key] for key in ("SOURCE", "CREATOR", "SHA256")]
        assert told == [exposure.name, f"crstudy {crstudy.__version__}", WEIGHTS[NET].sha256]
        for ver in masks:
            ours, theirs = (WCS(h.header) for h in (hdus["PROBABILITY", ver], old["SCI", ver]))
            assert ours.sip is not None
            assert_array_equal(ours.all_pix2world([[9, 7]], 0), theirs.all_pix2world([[9, 7]], 0))
    flagged = sum(mask.sum() for mask in masks.values())
    printed = capsys.readouterr()
    assert re.fullmatch(
        rf"jsim00101_flc.fits: {flagged:,} of 147,456 px flagged \(.*%\), .* s, written to .*\n",
        printed.out,
    )
    lines = fits.getheader(target)["HISTORY"]
    (date,) = (line for line in lines if line.startswith("on "))
    assert abs(Time(date[3:-4]) - Time.now()).to_value("min") < 60
    history = "\n".join(lines)
    for word in ("crstudy 0.1.0", NET, "above 0.5", WEIGHTS[NET].sha256, "bit 8192", "unchanged"):
        assert word in history
    for ver, mask in masks.items():
        assert f"SCI,{ver}: {mask.sum()} of 73728 pixels flagged in DQ,{ver}" in history


def test_real_exposure(shared, tmp_path, capsys):
    (source, *_) = sorted((shared / "mast-mirror").rglob("*_flc.fits"))
    masks = masks_of_study(source, tmp_path)
    assert clean(source, "--out", tmp_path) == 0
    assert_cleaned(source, tmp_path / source.name, masks, changed={0, 3})
    assert 1000 < masks[1].sum() < 2000


def test_science_image_is_cleaned_if_wanted(exposure, tmp_path):
    with fits.open(exposure) as hdus:  # earlier flags of the same bit do not stay
        hdus["DQ", 1].data[:9] |= 8192 | 16
        hdus["SCI", 2].data[5, 5] = np.nan
        hdus.writeto(tmp_path / "a_flc.fits", checksum=True)
    out = ("--out", tmp_path / "out")
    assert clean(tmp_path / "a_flc.fits", *out, "--inpaint", "--threshold", 0.3) == 0
    target = tmp_path / "out" / "a_flc.fits"
    before, after = (read_exposure(path).chips for path in (tmp_path / "a_flc.fits", target))
    for old, new in zip(before, after, strict=True):
        mask, cleaned = crstudy.clean(old.sci, threshold=0.3, threads=1)
        assert_array_equal(mask, crstudy.probability(old.sci, threads=1) > 0.3)
        assert_array_equal((new.dq & 8192) > 0, mask)
        assert_array_equal(new.sci, cleaned)
        assert_array_equal(new.sci[~mask], old.sci[~mask])
    assert "inpaint-2-32" in str(fits.getheader(target)["HISTORY"])


def test_bad_files_do_not_stop_the_others(exposure, tmp_path, capsys):
    shutil.copy(exposure, tmp_path / "good_flc.fits")
    infrared, text = tmp_path / "ir_flt.fits", tmp_path / "page_flt.fits"
    fits.PrimaryHDU(header=fits.Header({"INSTRUME": "WFC3", "DETECTOR": "IR"})).writeto(infrared)
    text.write_text("<html>502 Bad Gateway</html>", encoding="utf-8")
    cut = tmp_path / "cut_flc.fits"
    cut.write_bytes(exposure.read_bytes()[:400_000])
    files = (tmp_path / "no_flc.fits", infrared, text, tmp_path / "good_flc.fits", cut)
    out = tmp_path / "out"
    assert clean(*files, "--out", out) == 1
    printed = capsys.readouterr()
    *lines, total = printed.err.splitlines()
    assert total == "4 of 5 files failed"
    expected = ("no such file", "is from WFC3/IR, not from ACS/WFC", "not a FITS file", "truncated")
    for file, line, problem in zip((*files[:3], cut), lines, expected, strict=True):
        assert line.startswith(f"{file}: ")
        assert problem in line
        assert "Fix: " in line
        assert "fetch" not in line
        assert "ignore_missing" not in line
    assert re.fullmatch(r"good_flc.fits: .* \[4 of 5, \d+ s left\]\n", printed.out)
    assert [path.name for path in out.iterdir()] == ["good_flc.fits"]


def test_nothing_is_overwritten_unless_asked(exposure, tmp_path, capsys):
    copy = tmp_path / exposure.name
    shutil.copy(exposure, copy)
    assert clean(exposure, "--out", tmp_path) == 1
    assert f"{copy}: is there already. Fix: add --overwrite" in capsys.readouterr().err
    assert clean(copy, exposure, "--out", tmp_path, "--overwrite") == 1
    assert "is the name of two files" in capsys.readouterr().err
    assert clean(copy, "--out", tmp_path, "--overwrite") == 1
    assert "would replace the exposure itself" in capsys.readouterr().err
    assert copy.read_bytes() == exposure.read_bytes()
    assert clean(exposure, "--out", tmp_path, "--overwrite", "--inpaint") == 0
    assert blocks(copy)[2] == blocks(exposure)[2]
    assert clean(copy, "--out", tmp_path / "again") == 1
    assert "its cosmic rays are replaced already" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.float64])
def test_other_fits_files(exposure, tmp_path, kind):
    electrons = read_exposure(exposure).chips[0].sci[:64, :96]
    electrons = np.round(electrons / 2).clip(0, 30_000) * 2
    source = tmp_path / "frame.fits"
    hdu = fits.PrimaryHDU((electrons / 2).astype(kind))
    hdu.header["GAIN"] = 2.0
    hdu.writeto(source)
    words = (source, "--ext", 0, "--scale", "GAIN", "--out")
    assert clean(*words, tmp_path / "flags") == 0
    mask, filled = crstudy.clean(electrons)
    with fits.open(tmp_path / "flags/frame.fits", checksum=True) as hdus:
        assert_array_equal(hdus["DQ"].data, np.where(mask, 8192, 0))
        assert_array_equal(hdus[0].data, electrons / 2)
        assert hdus[0].data.dtype.newbyteorder("=") == kind
    assert clean(*words, tmp_path / "clean", "--inpaint") == 0
    with fits.open(tmp_path / "clean/frame.fits", checksum=True) as hdus:
        assert_array_equal(hdus[0].data, np.where(mask, filled / 2, electrons / 2).astype(kind))


def test_each_image_of_a_file_has_its_flags(exposure, tmp_path):
    chips = [chip.sci[:64, :96] for chip in read_exposure(exposure).chips]
    source, target = tmp_path / "mosaic.fits", tmp_path / "out/mosaic.fits"
    fits.HDUList([fits.PrimaryHDU(), *map(fits.ImageHDU, chips)]).writeto(source)
    words = ("--ext", 1, "--ext", 2, "--scale", 1, "--out", tmp_path / "out")
    assert clean(source, *words) == 0
    with fits.open(target, checksum=True) as hdus:
        for number, chip in enumerate(chips, 1):
            flags = np.where(crstudy.clean(chip)[0], 8192, 0)
            assert_array_equal(hdus["DQ", number + 1].data, flags)
            assert flags.any()


def test_mistakes_are_told_in_a_line(exposure, tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text("name: a", encoding="utf-8")
    for words, problem in (
        (("--model", tmp_path / "bad.yaml"), "describes no net ('path'). Fix: give it the keys"),
        (("--model", "kwon"), "kwon: no such net. Fix: use one of zb20-f606w"),
        (("--model", "absent.yaml"), "absent.yaml: no such file. Fix: use one of zb20-f606w"),
        (("--ext", "0"), "one without the other"),
        (("--dq-bit", "16"), "--dq-bit 16: marks another defect"),
        (("--ext", "7", "--scale", "1"), "has no extension 7"),
        (("--ext", "SCI", "--scale", "GAIN"), "--scale GAIN is no positive number"),
        (("--ext", "0", "--scale", "1"), "is no two-dimensional image"),
        (("--ext", "SCI", "--scale", "1", "--refine"), "--refine has the PSF of ACS/WFC F606W"),
    ):
        assert clean(exposure, "--out", tmp_path, *words) == 1
        first = capsys.readouterr().err.splitlines()[0]
        assert problem in first
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_net_of_the_user(exposure, tmp_path, cache, capsys):
    known = WEIGHTS[NET]
    (weights,) = cache.rglob(f"{NET}-*/weights.pth")
    shutil.copy(weights, tmp_path / "mine.pth")
    settings = tmp_path / "mine.yaml"
    keys = f"{{name: mine, path: mine.pth, sha256: {known.sha256}, input_scale_e: 100}}"
    settings.write_text(keys, encoding="utf-8")
    for words, folder in (((), "theirs"), (("--model", settings), "mine")):
        assert clean(exposure, "--out", tmp_path / folder, *words) == 0
    theirs, mine = (fits.getdata(tmp_path / f / exposure.name, "DQ") for f in ("theirs", "mine"))
    assert_array_equal(mine, theirs)
    settings.write_text(keys.replace(known.sha256, "f" * 64), encoding="utf-8")
    assert clean(exposure, "--out", tmp_path / "no", "--model", settings) == 1
    assert "sha256 is 11d67151" in capsys.readouterr().err


def test_damaged_nets_in_the_cache_are_made_again(exposure, caplog):
    image = read_exposure(exposure).chips[0].sci
    model = find_model("zb20-2-4")
    expected = load_mask_net(model, "cpu", 1).probability(image)
    assert "zb20-2-4: fetched and converted, once" in caplog.text
    caplog.clear()
    load_mask_net(model, "cpu", 1)
    assert caplog.text == ""
    for name in ("net/model.bin", "SHA256SUMS"):
        caplog.clear()
        (file,) = cache_folder().glob(f"zb20-2-4-*/{name}")
        content = bytearray(file.read_bytes())
        content[100] ^= 128  # text that is no UTF-8
        file.write_bytes(content)
        assert_array_equal(load_mask_net(model, "cpu", 1).probability(image), expected)
        assert "fetched and converted" in caplog.text
    with pytest.raises(StudyError, match="no such net"):
        find_model("inpaint-2-32")


def test_command_lists_the_nets():
    words = [sys.executable, "-m", "crstudy", "models"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    for name, known in WEIGHTS.items():
        assert known.inpaints or re.search(rf"^{name} .*{known.instrument}", done.stdout, re.M)
    assert re.search(
        r"^chen24-uvis +0.10 +not measured on its camera +WFC3/UVIS", done.stdout, re.M
    )
