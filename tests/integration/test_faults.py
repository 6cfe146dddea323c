"""Each bad input stops its own job with one readable line; the other groups finish."""

import shutil

import pytest
import yaml
from astropy.io import fits

from nets import write_sdist
from project import SDIST, copy_project, dry_run, snakemake

pytestmark = pytest.mark.skipif(
    not SDIST.is_file(), reason=f"needs {SDIST.name}, which the set-up fetches once"
)

GROUPS = {
    "good": ["jsim00101", "jsim00102", "jsim00103"],
    "bad": [f"jbad{number:05d}" for number in (1, 2, 3, 4, 5, 6, 9)],
    "apart": ["jbad00007", "jbad00008", "jsim00201"],
    "twins": ["jbad00010", "jbad00011", "jsim00104"],
}

#: No home folder can be made there.
BARE = {"HOME": "/proc/none", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

FAULTY = ("--configfile", "config/faulty.yaml")

#: Rule and job that must fail, and words of its one line.
EXPECTED = {
    "truncated": ("fetch_exposure/jbad00001", ["jbad00001_flc.fits", "truncated"]),
    "webpage": ("fetch_exposure/jbad00002", ["jbad00002_flc.fits", "not a FITS file"]),
    "nodq": ("fetch_exposure/jbad00003", ["jbad00003_flc.fits", "no DQ,1"]),
    "rate": ("fetch_exposure/jbad00004", ["jbad00004_flc.fits", "ELECTRONS/S", "EXPTIME"]),
    "blank": ("fetch_exposure/jbad00005", ["jbad00005_flc.fits", "no finite pixel"]),
    "absent": ("fetch_exposure/jbad00006", ["jbad00006_flc.fits", "no such file in the mirror"]),
    "nodate": ("fetch_exposure/jbad00009", ["jbad00009_flc.fits", "has EXPSTART None"]),
    "apart": ("drizzle_group/apart", ["group apart", "jsim00201"]),
    "twins": ("align_group/twins", ["group twins", "jbad00010 and jbad00011", "same pixels"]),
}


def exposure_file(mirror, name):
    return mirror / "mastDownload" / "HST" / name / f"{name}_flc.fits"


def add_bad_files(mirror):
    """Add the exposures jbad... made from good ones."""
    source = exposure_file(mirror, "jsim00101")
    for i in (1, 2, 3, 4, 5, 7, 8, 9, 10, 11):
        target = exposure_file(mirror, f"jbad{i:05d}")
        target.parent.mkdir(parents=True)
        shutil.copy(source if i != 8 else exposure_file(mirror, "jsim00102"), target)
        with fits.open(target, mode="update", checksum=True) as hdus:
            hdus[0].header["ROOTNAME"] = f"jbad{i:05d}"
            if i == 3:
                del hdus["DQ", 1]
                hdus[0].header["NEXTEND"] -= 1
            if i == 4:
                hdus["SCI", 1].header["BUNIT"] = "ELECTRONS/S"
            if i == 5:
                hdus["SCI", 1].data[:] = float("nan")
            if i == 9:
                del hdus[0].header["EXPSTART"]
    truncated = exposure_file(mirror, "jbad00001")
    truncated.write_bytes(truncated.read_bytes()[:300_000])
    exposure_file(mirror, "jbad00002").write_text("<html>502 Bad Gateway</html>", encoding="utf-8")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, tiny_mirror):
    """Run a study of a good group, one of bad exposures and one of exposures far apart."""
    folder = tmp_path_factory.mktemp("faulty")
    mirror = folder / "mirror"
    shutil.copytree(tiny_mirror, mirror)
    add_bad_files(mirror)
    project = copy_project(folder / "project")
    rows = [f"{group}\t{name}" for group, names in GROUPS.items() for name in names]
    (project / "config/groups/faulty.tsv").write_text(
        "\n".join(["group\tdataset", *rows]), encoding="utf-8"
    )
    values = {"dataset": "faulty", "source": "mirror", "groups": "config/groups/faulty.tsv"}
    values["archive"] = {"http_url": "https://me:pass-word@example.org/hst"}
    (project / "config/faulty.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    wanted = [f"results/faulty/inpaint/{group}" for group in GROUPS]
    wanted += ["results/faulty/tables/table1.ecsv", "results/faulty/run/config.yaml"]
    result = snakemake(project, *wanted, *FAULTY, env={"CRSTUDY_MIRROR": str(mirror)})
    assert result.returncode != 0
    return project, result.stdout


@pytest.mark.parametrize("fault", EXPECTED)
def test_fault_is_one_readable_line(faulty, fault):
    project, printed = faulty
    log, words = EXPECTED[fault]
    lines = (project / f"results/faulty/logs/{log}.log").read_text(encoding="utf-8").splitlines()
    errors = [line for line in lines if " ERROR " in line]
    assert len(errors) == 1
    assert "Traceback" not in "\n".join(lines)
    for word in [*words, "Fix: "]:
        assert word in errors[0]
    told = errors[0].split(" ERROR ")[1]
    assert printed.count(told) == 1
    assert f"ERROR {told} (log: results/faulty/logs/{log}.log" in printed
    assert "Traceback" not in printed
    assert "RuleException" not in printed


def test_good_group_finishes(faulty):
    results = faulty[0] / "results/faulty"
    assert (results / "counts/good.ecsv").is_file()
    assert len(list((results / "inpaint/good").glob("*.fits"))) == 3


def test_passwords_of_addresses_are_kept_nowhere(faulty):
    project, printed = faulty
    config = (project / "results/faulty/run/config.yaml").read_text(encoding="utf-8")
    assert "http_url: https://example.org/hst" in config
    texts = [path for path in project.rglob("*") if path.suffix in (".log", ".yaml", ".json")]
    texts.remove(project / "config/faulty.yaml")
    kept = [path.read_text(encoding="utf-8", errors="replace") for path in texts if path.is_file()]
    assert "pass-word" not in printed + "".join(kept)


def test_exposures_once_fetched_need_no_mirror(faulty):
    assert "fetch_exposure" not in dry_run(faulty[0], "results/faulty/counts/good.ecsv", *FAULTY)


def test_nothing_half_written_stays(faulty):
    results = faulty[0] / "results/faulty"
    assert not list(results.rglob(".part*"))
    for i in range(1, 7):
        assert not (results / f"exposures/jbad{i:05d}_flc.fits").exists()
    for stage in ("drizzle", "reference", "counts"):
        assert not list((results / stage).glob("apart*"))
    assert not list((results / "tables").glob("*"))
    assert not (results / "report.html").exists()


def test_weights_with_a_wrong_checksum(tmp_path):
    """In a locale of ASCII, in a folder that has no name there, and without a home folder."""
    project = copy_project(tmp_path / "Küche")
    write_sdist(project / "resources/weights" / SDIST.name, b"tampered")
    result = snakemake(project, "results/sim-mini/weights/zb20-f606w.pth", env=BARE)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    errors = [line for line in result.stdout.splitlines() if line.startswith("ERROR ")]
    assert len(errors) == 1
    assert SDIST.name in errors[0]
    assert "sha256" in errors[0]
    assert "Fix: " in errors[0]
    assert not (project / "results/sim-mini/weights/zb20-f606w.pth").exists()


def test_mirror_that_is_not_set(tmp_path):
    project = copy_project(tmp_path)
    result = snakemake(
        project,
        "results/uvis-15460/exposures/idsj02axq_flc.fits",
        "--configfile",
        "config/uvis-15460.yaml",
    )
    assert result.returncode != 0
    assert "CRSTUDY_MIRROR" in result.stdout
