"""What changes after a job wrote it stops the next job, and is found by the check of results."""

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from advice import advised
from crstudy.core.checksums import RECORDS
from crstudy.core.job import job
from crstudy.pipeline.check import check, exit_status
from project import ROOT
from scripts import without_handlers

OUTPUTS = {
    "exposures/j1_flc.fits": "make_exposure",
    "reference/g1": "label_cosmic_rays",
    "mask/g1": "mask_pixels",
    "detect/net/g1": "detect_cosmic_rays",
    "weights/net.pth": "fetch_weights",
    "nets/net": "convert_net",
    "tables/t.ecsv": "make_table",
}
FILES = (
    *("reference/g1/j1.fits", "reference/g1/j2.fits", "mask/g1/j1.fits", "detect/net/g1/j1.fits"),
    *("exposures/j1_flc.fits", "weights/net.pth", "nets/net/model.bin", "tables/t.ecsv"),
)
TEXT = "x y\n1 2\n3 4\n"


def snakemake(results, rule, inputs=(), output=()):
    """Return what Snakemake tells the script of a rule."""
    log = results / f"logs/{rule}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    named = {"input": inputs, "output": output}
    paths = {kind: [str(results / name) for name in names] for kind, names in named.items()}
    return SimpleNamespace(log=[str(log)], rule=rule, **paths)


def read(results, output):
    """Let a job read an output; return the lines of its log if it fails."""
    script = snakemake(results, "read_it", [output, "../resources/x"])
    try:
        with without_handlers(), job(script):
            pass
    except SystemExit:
        return Path(script.log[0]).read_text(encoding="utf-8").splitlines()
    return []


def make(folder, output):
    """Run the job of an output."""
    with without_handlers(), job(snakemake(folder, OUTPUTS[output], output=[output])):
        for name in FILES:
            if name.startswith(output):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(TEXT, encoding="utf-8")


def delete_and_make(advice, folder):
    """Follow the advice to delete an output and to run again."""
    path = Path(re.match(r"delete (\S+) and run again\.$", advice)[1])
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(folder, str(path.relative_to(folder)))


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Return the folder of a dataset with outputs of all kinds, seen from the project."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results/small")
    for output in OUTPUTS:
        make(folder, output)
    # Snakemake's, in each folder.
    (folder / "reference/g1/.snakemake_timestamp").touch()
    return folder


def test_what_was_not_changed_passes(results, capsys):
    assert not any(read(results, output) for output in OUTPUTS)
    assert exit_status(check, str(results)) == 0
    assert capsys.readouterr().out == "7 files and folders checked, 0 changed files in them\n"


def flip(path):
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_text(TEXT[:8], encoding="utf-8")


def add(path):
    path.with_name("more.fits").touch()


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        *((name, flip, "has changed since") for name in FILES),
        ("tables/t.ecsv", cut, "has changed since"),
        ("reference/g1/j2.fits", Path.unlink, "was lost since"),
        ("reference/g1/more.fits", add, "was added since"),
    ],
)
def test_changed_bytes_stop_who_reads_them(results, name, damage, words, capsys):
    damage(results / name)
    output = next(output for output in OUTPUTS if name.startswith(output))
    told = (
        f"{results}/{name}: {words} job {OUTPUTS[output]} wrote {results}/{output}. "
        f"Fix: delete {results}/{output} and run again."
    )
    (line,) = read(results, output)
    assert line.endswith(f"ERROR {told}")
    assert exit_status(check, str(results)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [told, "7 files and folders checked, 1 changed files in them"]
    delete_and_make(advised("core/checksums: delete ", line), results)
    assert not read(results, output)
    assert exit_status(check, str(results)) == 0


def test_damaged_record_is_noticed(results):
    flip(results / RECORDS / "tables/t.ecsv.sha256")
    assert read(results, "tables/t.ecsv")


def test_outputs_that_are_gone_or_made_again_pass(results, capsys):
    """Temporary ones are removed by Snakemake; a killed job has no record until it ran again."""
    (results / "tables/t.ecsv").unlink()
    script = snakemake(results, "convert_net", output=["nets/net"])
    with pytest.raises(SystemExit), without_handlers(), job(script):
        (results / "nets/net/model.bin").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert not read(results, "tables/t.ecsv")
    assert not read(results, "nets/net")
    assert exit_status(check, str(results)) == 1
    said, counts = capsys.readouterr().out.splitlines()
    assert said.startswith(f"{results}/nets/net/model.bin: no record of what its job wrote")
    assert counts.startswith("5 files and folders checked, 0 changed files in them; 1 are gone")


@pytest.mark.parametrize("instead", [None, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_lost_record_is_told(results, instead, capsys):
    (record := results / RECORDS / "tables/t.ecsv.sha256").unlink()
    if instead:
        instead(record)
    assert exit_status(check, str(results)) == 1
    said = capsys.readouterr().out
    assert f"{results}/tables/t.ecsv: no record" in said
    advised("pipeline/check: delete it, or the folder that its rule writes, and run again", said)
    (results / "tables/t.ecsv").unlink()
    make(results, "tables/t.ecsv")
    assert exit_status(check, str(results)) == 0


def test_sha256sum_agrees_wherever_the_results_are(results, tmp_path):
    """By the command of docs/reproducibility.md, which passes over temporary outputs."""
    moved = results.rename(tmp_path / "moved")
    (moved / "tables/t.ecsv").unlink()
    page = (ROOT / "docs/reproducibility.md").read_text(encoding="utf-8").replace("\n", " ")
    command = re.search(r"`(find run/sha256 .*?)`", page)[1]
    assert subprocess.run(command, shell=True, cwd=moved, check=False).returncode == 0
    flip(moved / "reference/g1/j2.fits")
    assert subprocess.run(command, shell=True, cwd=moved, check=False).returncode == 1


def test_folder_without_records_is_one_line(results, tmp_path, capsys):
    assert exit_status(check, str(tmp_path / "none")) == 1
    said = capsys.readouterr().out
    assert "no records of what jobs wrote. Fix: " in said
    advised("pipeline/check: name a folder with results, or run the study again", said)
    assert exit_status(check, str(results)) == 0
