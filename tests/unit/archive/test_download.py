"""Downloads on the archive's bad days: a correct file or one clear line, never a bad file."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

import crstudy.archive.download
from crstudy.archive.fetch import exposure_path, fetch_exposure
from crstudy.core.errors import StudyError
from mast_faults import Html, Odd, OtherBytes, Reset, Short, Silent, Slow, Status, Truncated
from mast_server import MastServer, client_of
from synthetic_exposures import write_group

NAME = "syn00000q"
#: One exposure by the library, in a process of its own.
JOB = """
import logging, sys
from crstudy.core.errors import StudyError
from crstudy.archive.fetch import fetch_exposure
logging.basicConfig(level=logging.INFO)
settings = {"downloads": sys.argv[1], "http_url": sys.argv[2], "max_disk_gb": None,
            "attempts": 3, "timeout_s": 5.0, "backoff_s": 0.01}
try:
    print(fetch_exposure(sys.argv[3], source="http", mirror="", expected=None, settings=settings))
except StudyError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Return an exposure as the archive holds it."""
    folder = tmp_path_factory.mktemp("archive")
    return write_group(folder, shape=(128, 128), n_exposures=1)[0].path


@pytest.fixture
def server(original, monkeypatch):
    with MastServer() as server:
        client_of(server, monkeypatch)
        server.files[NAME] = original
        yield server


@pytest.fixture
def fetch(server, tmp_path):
    """Return a function that fetches an exposure into the folder `store`."""

    def run(name=NAME, source="mast", expected="ACS/WFC F606W", **changes):
        settings = {
            "downloads": str(tmp_path / "store"),
            "s3_url": server.url,
            "http_url": f"{server.url}/mirror",
            "max_disk_gb": None,
            "attempts": 4,
            "timeout_s": 0.3,
            "backoff_s": 0.01,
        }
        return fetch_exposure(
            name, source=source, mirror="", expected=expected, settings=settings | changes
        )

    return run


def gets(server):
    return [request for request in server.log if request.method == "GET"]


def left_over(tmp_path):
    """Return what a download leaves beside the file, but for the locks."""
    names = {path.name for path in (tmp_path / "store").rglob("*") if path.is_file()}
    return {name for name in names if not name.endswith(".lock")} - {f"{NAME}_flc.fits"}


def nothing_in_place(tmp_path):
    return not exposure_path(tmp_path / "store", NAME).exists()


@pytest.mark.parametrize("source", ["mast", "s3", "http"])
def test_every_source_gives_the_same_bytes(fetch, server, original, source):
    assert fetch(source=source).read_bytes() == original.read_bytes()
    assert [request.method for request in server.log] == ["HEAD", "HEAD", "GET"]


def test_what_is_there_is_not_asked_for_again(fetch, server):
    path = fetch()
    before = path.stat().st_mtime_ns
    server.log.clear()
    assert fetch() == path
    assert server.log == []
    assert path.stat().st_mtime_ns == before


def test_download_that_is_not_what_it_should_be_is_refused_when_it_is_met_again(fetch, server):
    fetch()
    server.log.clear()
    with pytest.raises(StudyError, match="taken with ACS/WFC F606W, not ACS/WFC F814W"):
        fetch(expected="ACS/WFC F814W")
    assert server.log == []


def test_spoiled_download_is_replaced(fetch, original):
    path = fetch()
    path.write_bytes(path.read_bytes()[:-5000])
    assert fetch().read_bytes() == original.read_bytes()


#: Faults that pass, and whether the next try goes on where the last one ended.
PASSING = {
    "timeout": ([Silent()], False),
    "timeout twice": ([Silent(), Silent()], False),
    "timeout at once": ([Silent(head=True)], False),
    "reset before the body": ([Reset(after=0)], False),
    "reset in the body": ([Reset(after=70_000)], True),
    "reset twice": ([Reset(after=70_000), Reset(after=70_000)], True),
    "truncated, right length": ([Truncated(after=90_000)], True),
    "truncated, wrong length": ([Short(length=90_000)], False),
    "truncated, wrong length also in HEAD": ([Short(length=90_000, head=True)], False),
    "502 with a page": ([Status(code=502)], False),
    "502 at once": ([Status(code=502, head=True)], False),
    "503, then success": ([Status(code=503), Status(code=503)], False),
    "429": ([Status(code=429)], False),
    "page in place of the file": ([Html()], False),
    "other content of the right size": ([OtherBytes()], False),
    "end spoiled": ([OtherBytes(start=100_000)], False),
    "reset, then another file": ([Reset(after=70_000), OtherBytes()], True),
    "slow": ([Slow(bytes_per_s=500_000)], False),
}


@pytest.mark.parametrize("name", PASSING)
def test_fault_that_passes_ends_with_the_right_file(fetch, server, original, tmp_path, name):
    faults, resumes = PASSING[name]
    server.faults[NAME] = list(faults)
    assert fetch().read_bytes() == original.read_bytes()
    assert server.faults[NAME] == []
    ranged = [request for request in gets(server) if "Range" in request.headers]
    assert bool(ranged) == resumes
    assert left_over(tmp_path) == set()


#: Faults that stay, and words of the one line that tells of them.
STAYING = {
    "timeout": (Silent(sticky=True), ["given up after 4 tries", "timed out"]),
    "reset": (Reset(after=0, sticky=True), ["given up after 4 tries"]),
    "truncated, wrong length": (Short(length=90_000, sticky=True, head=True), ["truncated"]),
    "502 with a page": (Status(code=502, sticky=True, head=True), ["502", "given up after 4"]),
    "page in place of the file": (Html(sticky=True, head=True), ["not a FITS file"]),
    "other content of the right size": (OtherBytes(sticky=True), ["given up", "FITS"]),
    "not there": (Status(code=404, sticky=True, head=True), ["not in the archive", "404"]),
    "proprietary": (Status(code=403, sticky=True, head=True), ["proprietary", "403"]),
    "redirect loop": (Odd({"Location": "#"}, 302, sticky=True, head=True), ["30 redirects"]),
    "length in words": (Odd({"Content-Length": "many"}, sticky=True, head=True), ["'many'"]),
    "encoded": (
        Odd({"Content-Encoding": "gzip"}, sticky=True, head=True),
        ["with Content-Encoding gzip"],
    ),
    "encoded body": (Odd({"Content-Encoding": "gzip"}, sticky=True), ["Content-Encoding gzip"]),
    "longer than announced": (
        Odd({"Content-Length": None}, times=40, sticky=True),
        ["sends more than the", "bytes announced"],
    ),
    "no login": (Status(code=401, sticky=True, head=True), ["proprietary", "401"]),
}


@pytest.mark.parametrize("name", STAYING)
def test_fault_that_stays_is_one_clear_line(fetch, server, tmp_path, name):
    fault, words = STAYING[name]
    server.faults[NAME] = [fault]
    with pytest.raises(StudyError) as caught:
        fetch()
    message = str(caught.value)
    for word in [f"exposure {NAME}", "Fix: ", *words]:
        assert word in message
    assert "\n" not in message
    assert nothing_in_place(tmp_path)
    if isinstance(fault, Status) and fault.code < 500:
        assert len(server.log) == 1


def test_server_without_ranges_sends_all_again(fetch, server, original):
    server.ranges = False
    server.faults[NAME] = [Reset(after=70_000)]
    assert fetch().read_bytes() == original.read_bytes()
    assert not any("Range" in request.headers for request in server.log)


def test_another_exposure_under_the_name_stays_out(fetch, server, original, tmp_path):
    server.files["jb6v01abq"] = original
    with pytest.raises(StudyError, match="holds exposure syn00000q, not jb6v01abq"):
        fetch("jb6v01abq")
    assert not exposure_path(tmp_path / "store", "jb6v01abq").exists()
    assert left_over(tmp_path) == set()
    assert len(gets(server)) == 1


def test_partial_file_of_another_version_is_not_continued(fetch, server, original, tmp_path):
    """Both versions have the same size, and no checksums tell them apart."""
    older = tmp_path / "older_flc.fits"
    content = bytearray(original.read_bytes())
    content[20_000] ^= 1
    older.write_bytes(content)
    server.files[NAME] = older
    server.faults[NAME] = [Reset(after=70_000, sticky=True)]
    with pytest.raises(StudyError, match="given up"):
        fetch(attempts=1)
    assert any(name.endswith(".part") for name in left_over(tmp_path))
    server.faults[NAME] = []
    server.files[NAME] = original
    server.log.clear()
    assert fetch(source="http").read_bytes() == original.read_bytes()
    assert not any("Range" in request.headers for request in server.log)


def test_tries_that_bring_something_are_not_counted(fetch, server, original):
    server.faults[NAME] = [Reset(after=70_000)] * 2
    assert fetch(attempts=2).read_bytes() == original.read_bytes()


def test_damage_and_progress_in_turn_come_to_an_end(fetch, server):
    server.faults[NAME] = [Reset(after=70_000), OtherBytes()] * 10
    with pytest.raises(StudyError, match="given up after 4 tries"):
        fetch()


@pytest.mark.parametrize("url", ["example.org/hst", "http://host:port/hst"])
def test_impossible_address_is_one_line(fetch, url):
    with pytest.raises(StudyError, match="cannot be asked for"):
        fetch(source="http", http_url=url)


def test_downloads_that_are_no_folder_are_one_line(fetch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StudyError, match=r"cannot be created .* set archive\.downloads"):
        fetch(downloads=str(tmp_path / "file"))


@pytest.mark.parametrize("old", [False, True])
def test_partial_file_is_continued_if_it_is_young(fetch, server, original, tmp_path, old):
    server.faults[NAME] = [Reset(after=70_000)]
    with pytest.raises(StudyError, match="given up"):
        fetch(attempts=1)
    (part,) = (tmp_path / "store").rglob("*.part")
    begun = time.time() - old * (crstudy.archive.download.PART_LIFETIME_S + 60)
    os.utime(part, (begun, begun))
    server.log.clear()
    assert fetch().read_bytes() == original.read_bytes()
    assert any("Range" in request.headers for request in server.log) == (not old)


def test_progress_tells_size_and_rate(fetch, server, monkeypatch, caplog):
    monkeypatch.setattr(crstudy.archive.download, "PROGRESS_EVERY_S", 0.05)
    server.faults[NAME] = [Slow(bytes_per_s=500_000)]
    with caplog.at_level(logging.INFO, "crstudy"):
        fetch()
    lines = [record.getMessage() for record in caplog.records if "MB/s" in record.getMessage()]
    assert len(lines) > 2
    assert all(line.startswith(f"exposure {NAME}: ") and " of 0.2 MB" in line for line in lines)


def test_disk_cap(fetch, server, tmp_path):
    with pytest.raises(StudyError, match=r"archive\.max_disk_gb") as caught:
        fetch(max_disk_gb=0.0001)
    assert "the limit is 0.0001 GB" in str(caught.value)
    assert nothing_in_place(tmp_path)
    assert gets(server) == []
    # Without an announced length, what arrives counts.
    server.faults[NAME] = [Odd({"Content-Length": None}, times=40, sticky=True, head=True)]
    with pytest.raises(StudyError, match=r"larger than the 1\.0 MB that archive\.max_disk_gb"):
        fetch(max_disk_gb=0.001)
    assert nothing_in_place(tmp_path)
    assert len(gets(server)) == 1
    server.faults.clear()
    fetch(max_disk_gb=0.001)


def test_password_reaches_the_server_alone(fetch, server, tmp_path, caplog):
    url = server.url.replace("://", "://me:s%40crét@") + "/mirror"
    server.faults[NAME] = [Status(code=503), Reset(after=70_000)]
    fetch(source="http", http_url=url, attempts=2)
    assert all("Authorization" in request.headers for request in server.log)
    server.faults["jb6v01abq"] = [Status(code=502, sticky=True, head=True)]
    with caplog.at_level(logging.DEBUG), pytest.raises(StudyError) as caught:
        fetch("jb6v01abq", source="http", http_url=url)
    with pytest.raises(StudyError, match="cannot be asked for") as badly:
        fetch("jb6v01abq", source="http", http_url="http://me:s%40crét@host:port")
    kept = [path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()]
    for text in (caplog.text, str(caught.value), str(badly.value), str(kept)):
        assert "me:" not in text
        assert "cr\u00e9t" not in text


def test_full_disk(fetch, server, tmp_path, original):
    """A disk that is too small is seen beforehand; one that fills up in the middle as well."""
    store = tmp_path / "small"
    store.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(store)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        # Enough when the download begins, too little soon after.
        server.faults[NAME] = [Slow(bytes_per_s=300_000)]
        job = start_job(store, server)
        wait_for(lambda: list(store.rglob("*.part")))
        (store / "filler").write_bytes(bytes(180_000))
        _, error = job.communicate(timeout=60)
        assert job.returncode == 1
        assert "disk is full" in error.splitlines()[-1]
        assert "Fix: make room" in error
        assert not list(store.rglob("*.fits*.part"))
        job = start_job(store, server)
        _, error = job.communicate(timeout=60)
        assert "needs 0.2 MB, the disk has 0.1 MB left" in error
        (store / "filler").unlink()
        assert fetch(downloads=str(store)).read_bytes() == original.read_bytes()
    finally:
        subprocess.run(["umount", str(store)], check=True)


def start_job(store, server, name=NAME):
    words = [sys.executable, "-c", JOB, str(store), f"{server.url}/mirror", name]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True)


def downloaded_by(job):
    printed, error = job.communicate(timeout=60)
    assert job.returncode == 0, error
    return Path(printed.strip())


def wait_for(condition, seconds=30):
    for _ in range(seconds * 100):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def test_killed_download_goes_on_where_it_stopped(server, tmp_path, original):
    store = tmp_path / "store"
    server.faults[NAME] = [Slow(bytes_per_s=100_000)]
    job = start_job(store, server)
    wait_for(lambda: any(part.stat().st_size > 30_000 for part in store.rglob("*.part")))
    job.send_signal(signal.SIGKILL)
    job.communicate()
    assert nothing_in_place(tmp_path)
    (part,) = store.rglob("*.part")
    kept = part.stat().st_size
    assert downloaded_by(start_job(store, server)).read_bytes() == original.read_bytes()
    assert gets(server)[-1].headers["Range"].startswith(f"bytes={kept}-")
    assert left_over(tmp_path) == set()


def test_two_workers_that_ask_for_one_exposure_share_a_download(server, tmp_path, original):
    server.faults[NAME] = [Slow(bytes_per_s=200_000)]
    jobs = [start_job(tmp_path / "store", server) for _ in range(2)]
    for job in jobs:
        assert downloaded_by(job).read_bytes() == original.read_bytes()
    assert len(gets(server)) == 1


def test_public_s3_bucket(fetch, original):
    """A real S3 server, an anonymous reader."""
    s3 = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    s3.start()
    try:
        host, port = s3.get_host_and_port()
        url = f"http://{host}:{port}"
        owner = boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="owner",
            aws_secret_access_key="secret",
        )
        owner.create_bucket(Bucket="stpubdata", ACL="public-read")
        key = f"hst/public/syn0/{NAME}/{NAME}_flc.fits"
        owner.upload_file(str(original), "stpubdata", key, ExtraArgs={"ACL": "public-read"})
        bucket = f"{url}/stpubdata"
        assert fetch(source="s3", s3_url=bucket).read_bytes() == original.read_bytes()
        with pytest.raises(StudyError, match="not in the archive"):
            fetch("jb6v01abq", source="s3", s3_url=bucket)
    finally:
        s3.stop()
