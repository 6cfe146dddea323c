"""What messages about exposures of the archive advise helps."""

import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from astropy.io import fits

from advice import follow, nothing
from archive_rows import draw, make_field
from crstudy.archive.fetch import exposure_path, fetch_exposure
from crstudy.archive.manifest import (
    check_distinct,
    compare_with_pinned,
    describe_file,
    fetched_files,
    forget,
    pin_new,
    stack,
)
from crstudy.archive.screening import full_frame
from crstudy.config.groups import read_groups
from mast_faults import Odd, Status
from mast_server import MastServer, client_of
from synthetic_exposures import write_group

NAMES = [f"syn0000{number}q" for number in range(4)]
NAME = NAMES[0]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that fetches all exposures of a group table from a mirror."""
    for one in write_group(tmp_path, shape=(64, 64), n_exposures=4):
        place = exposure_path(tmp_path / "mirror", one.path.name.split("_")[0])
        place.parent.mkdir(parents=True)
        shutil.copy(one.path, place)
    monkeypatch.chdir(tmp_path)
    listed(NAMES)

    def fetch(mirror="mirror", expected="ACS/WFC F606W"):
        (names,) = read_groups("groups.tsv").values()
        options = {"source": "mirror", "mirror": mirror, "settings": {}}
        return [fetch_exposure(name, expected=expected, **options) for name in names]

    return fetch


def listed(names):
    rows = ["group\tdataset", *(f"g\t{name}" for name in names)]
    Path("groups.tsv").write_text("\n".join(rows), encoding="utf-8")


def drop():
    listed(NAMES[1:])


def restore():
    """Put the calibrated exposure there."""
    shutil.copy(f"{NAME}_flc.fits", exposure_path("mirror", NAME))


def setting(key, value, ext=0):
    return lambda: fits.setval(exposure_path("mirror", NAME), key, value=value, ext=ext)


def lose():
    exposure_path("mirror", NAME).unlink()


def uncorrect():
    path = exposure_path("mirror", NAME)
    path.rename(path.with_name(f"{NAME}_flt.fits"))


@pytest.mark.parametrize(
    ("spoil", "what", "acts"),
    [
        (lose, "archive/fetch: add it, or drop it", [restore, drop]),
        (uncorrect, "archive/fetch: fetch its _flc file, or drop it", [restore, drop]),
        (setting("EXPFLAG", "INTERRUPTED"), "archive/check: drop it from the group table", [drop]),
        (setting("ROOTNAME", "jother"), "archive/check: put the right file there", [restore]),
        (setting("PCTECORR", "OMIT"), "archive/check: use the _flc file", [restore]),
        (
            setting("PHOTFLAM", 0.0, 1),
            "archive/check: use the archive's calibrated _flc.fits file, or drop",
            [restore, drop],
        ),
    ],
)
def test_advice_about_an_exposure_in_the_mirror(study, spoil, what, acts):
    for act in acts:
        spoil()
        assert len(follow(what, study, act)) == 4 - (act == drop)
        listed(NAMES)
        restore()


def test_advice_about_mirror_camera_and_names(study):
    what = "archive/fetch: set the environment variable CRSTUDY_MIRROR or the configuration key"
    follow(what, lambda: study(""), nothing, study)
    Path("mirror").rename("kept")
    Path("mirror").mkdir()
    what = "archive/fetch: put each exposure at "
    follow(what, study, lambda: shutil.copytree("kept", "mirror", dirs_exist_ok=True))
    # Another camera: one exposure, or all.
    what = "archive/check: drop it from the group table (docs/archive.md), or change observed_with"
    follow(what, lambda: study(expected="ACS/WFC F814W"), nothing, study)
    setting("FILTER1", "F814W")()
    follow(what, study, drop)
    listed(["syn-0", *NAMES[1:]])
    follow("archive/fetch: correct the group table", study, drop)


@pytest.fixture
def servers(tmp_path, monkeypatch):
    """Return two servers of one exposure, and a function that fetches it from the first."""
    write_group(tmp_path, shape=(128, 128), n_exposures=1)
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with MastServer() as server, MastServer() as other:
        client_of(server, monkeypatch)
        for one in (server, other):
            one.files[NAME] = Path(f"{NAME}_flc.fits")

        def fetch(name=NAME, **changes):
            settings = {"downloads": "store", "max_disk_gb": None, "timeout_s": 5.0}
            settings |= {"attempts": 1, "backoff_s": 0.01, "http_url": f"{server.url}/mirror"}
            options = {"source": "http", "mirror": "", "expected": None}
            return fetch_exposure(name, settings=settings | changes, **options)

        yield server, other, fetch


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("archive/download: set archive.downloads to a folder", {"downloads": "file"}),
        ("archive/download: raise archive.max_disk_gb, or del", {"max_disk_gb": 1e-4}),
        ("archive/mast: give a complete address", {"http_url": "example.org/hst"}),
        ("archive/mast: check its name, or drop it", {"name": "jb6v01abq"}),
    ],
)
def test_advice_to_change_settings_of_downloads(servers, what, changes):
    fetch = servers[2]
    assert follow(what, lambda: fetch(**changes), nothing, fetch).is_file()


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        (
            "archive/download: have the server send files as they are, or set another source",
            Odd({"Content-Encoding": "gzip"}, sticky=True, head=True),
        ),
        ("archive/mast: run again later", Status(code=502, sticky=True, head=True)),
        ("archive/mast: wait until it is public", Status(code=403, sticky=True, head=True)),
        ("archive/mast: check its name and the addr", Status(code=400, sticky=True, head=True)),
    ],
)
def test_advice_to_wait_or_to_ask_elsewhere(servers, what, fault):
    server, other, fetch = servers
    server.faults[NAME] = [fault]
    path = follow(what, fetch, nothing, lambda: fetch(http_url=f"{other.url}/mirror"))
    path.unlink()
    assert follow(what, fetch, server.faults.clear) == path


def test_advice_to_make_room_for_downloads(servers, monkeypatch):
    server, _, fetch = servers
    room = {"store": 0, "large": 1e9}

    def usage(folder):
        return SimpleNamespace(free=room[Path(folder).parts[0]])

    monkeypatch.setattr("shutil.disk_usage", usage)
    what = "archive/download: make room, or set archive.downloads to another disk"
    follow(what, fetch, nothing, lambda: fetch(downloads="large"))
    follow(what, fetch, lambda: room.update(store=1e9))
    server.files["syn00001q"] = Path("other_flc.fits")
    shutil.copy(f"{NAME}_flc.fits", "other_flc.fits")
    fits.setval("other_flc.fits", "ROOTNAME", value="syn00001q")
    what = "archive/download: raise archive.max_disk_gb, or delete downloads that are not needed"
    follow(
        what,
        lambda: fetch("syn00001q", max_disk_gb=3e-4),
        lambda: shutil.rmtree("store"),
    )


def recorded(path, name=NAME):
    return describe_file(path, name, "mirror")


def test_advice_about_files_that_changed(study):
    """The study's own exposure is in the mirror, and the archive's file beside it."""
    path, kept = exposure_path("mirror", NAME), Path(f"{NAME}_flc.fits")
    pin_new(recorded(kept), "paper.ecsv")

    def compare():
        compare_with_pinned(recorded(path)[0], "paper.ecsv", path)

    def change(**cards):
        with fits.open(path, mode="update", checksum=True) as hdus:
            hdus["SCI"].data[3, 3] = 1e5
            hdus[0].header.update(cards)

    change()
    what = "archive/manifest: put the archive's file there; a downloaded one can be deleted"
    follow(what, compare, restore)
    change(DATE="2031-01-14")
    what = "archive/manifest: to accept the new pixels, `make accept DATASET="
    follow(what, compare, restore)
    # Those that the study has fetched already; a run makes the record of a file anew.
    record = Path("record.ecsv")

    def fetched():
        if not record.exists():
            restore()
            table = recorded(path)
            table["path"] = [str(path)]
            table.write(record)
        return fetched_files([record])

    fetched()
    for spoil in (change, path.unlink):
        spoil()
        assert follow("archive/manifest: delete ", fetched, record.unlink) == {NAME: path}


def test_advice_about_the_manifest_and_twins(study):
    paths = [exposure_path("mirror", name) for name in NAMES]
    pin_new(recorded(paths[0]), "paper.ecsv")
    what = "archive/manifest: give DATASET, of "
    asked = "other.ecsv"
    follow(what, lambda: forget(asked, []), nothing, lambda: forget("paper.ecsv", []))
    pin_new(recorded(paths[0]), "paper.ecsv")
    what = "archive/manifest: give EXPOSURES that it lists"
    again = partial(forget, "paper.ecsv", [NAME])
    assert follow(what, lambda: forget("paper.ecsv", ["jx"]), nothing, again) == [NAME]
    shutil.copy(paths[1], paths[0])

    def check():
        (names,) = read_groups("groups.tsv").values()
        check_distinct("g", stack([recorded(exposure_path("mirror", n), n) for n in names]))

    follow(
        "archive/manifest: drop it from the group table (docs/archive.md), or the o", check, drop
    )


def test_advice_about_the_selection():
    what = "archive/screening: set it to e.g. 'ACS/WFC F606W', or set the key groups to a group"
    follow(what, lambda: full_frame(None), nothing, lambda: full_frame("ACS/WFC F606W"))
    archive = [a + b for a, b in zip(make_field(1), make_field(2, exposures=(3, 2)), strict=True)]
    what = "archive/selection: relax selection.max_days, min_overlap, max_rotation_deg or min_exp"
    for relaxed in ({"n_groups": 1}, {"n_groups": 2, "exposures_per_group": 5}):
        again = partial(draw, archive, **relaxed)
        groups = follow(what, lambda: draw(archive, n_groups=2), nothing, again)
        assert len(groups) == relaxed["n_groups"]
