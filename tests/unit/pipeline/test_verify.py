"""`make verify`: tables are reproduced, or each difference is one line."""

import subprocess
from functools import partial

import numpy as np
import pytest
import yaml
from astropy.table import Table

import csst_tables
from advice import advised, follow
from crstudy.pipeline.check import exit_status
from crstudy.pipeline.verify import read_rules, verify
from project import ROOT

COMMIT = ("-c", "user.name=a", "-c", "user.email=b", "commit")
TOLERANCES = ROOT / "resources" / "expected" / "tolerances.yaml"


def table1():
    table = Table(
        {
            "model": ["zb20-f606w"] * 3,
            "comparison": ["reference"] * 3,
            "region": ["full", "3", "160"],
            "recall": [0.9, 0.8, np.nan],
            "recall_lo": [0.88, 0.7, np.nan],
            "tp": [10000, 500, 0],
            "groups": [4, 4, 4],
        }
    )
    table["tp"].unit = "pix"
    return table


def density():
    return Table(
        {
            "group": ["g001"] * 2,
            "exposure": ["jsim00101"] * 2,
            "step": [0, 1],
            "area_bin": ["all", "all"],
            "stars": [100, 100],
        }
    )


@pytest.fixture
def folders(tmp_path):
    """Return folders of equal results and expected tables."""
    results, expected = tmp_path / "results" / "mini", tmp_path / "expected" / "mini"
    for folder in (results / "tables", expected):
        folder.mkdir(parents=True)
        save(table1(), folder / "table1.ecsv")
        save(density(), folder / "density.ecsv")
    (expected.parent / "tolerances.yaml").write_text(
        TOLERANCES.read_text(encoding="utf-8"), encoding="utf-8"
    )
    return results, expected


def save(table, path):
    table.write(path, format="ascii.ecsv", overwrite=True)


def change(folders, column, row, value):
    """Change a cell of the measured Table 1."""
    table = table1()
    table[column][row] = value
    save(table, folders[0] / "tables" / "table1.ecsv")


def report(folders, capsys):
    """Return the exit status and the printed lines."""
    return exit_status(verify, *map(str, folders)), capsys.readouterr().out.splitlines()


def test_identical_tables_are_reproduced(folders, capsys):
    assert report(folders, capsys) == (
        0,
        [
            "density: 2 rows x 5 columns within tolerance",
            "table1: 3 rows x 7 columns within tolerance",
            "reproduced",
        ],
    )


def test_a_changed_number_is_one_line(folders, capsys):
    change(folders, "recall", 1, 0.75)
    status, lines = report(folders, capsys)
    assert status == 1
    assert lines[1:] == [
        "table1, zb20-f606w reference 3, recall: expected 0.8, found 0.75, tolerance 0.01",
        "NOT reproduced: 1 differences",
    ]


@pytest.mark.parametrize(
    ("column", "row", "value", "n"),
    [
        ("recall", 0, 0.91, 0),
        ("recall", 0, 0.89, 0),
        ("recall", 0, 0.9101, 1),
        ("recall_lo", 1, 0.71, 0),
        ("recall_lo", 1, 0.7101, 1),
        ("tp", 0, 10203, 0),
        ("tp", 0, 9797, 0),
        ("tp", 0, 10204, 1),
        ("tp", 2, 3, 0),
        ("tp", 2, 4, 1),
        ("groups", 0, 5, 1),
        ("recall", 2, 0.0, 1),
        ("recall", 0, np.nan, 1),
        ("recall", 0, np.inf, 1),
    ],
)
def test_tolerance_at_its_edge(folders, column, row, value, n):
    change(folders, column, row, value)
    assert verify(*folders)[1] == n


def test_count_tolerance_is_readable(folders, capsys):
    change(folders, "tp", 0, 11000)
    assert "expected 10000, found 11000, tolerance 3 + 2 %" in report(folders, capsys)[1][1]


def test_missing_and_extra_rows(folders):
    save(table1()[:2], folders[0] / "tables" / "table1.ecsv")
    lines, n = verify(*folders)
    assert n == 1
    assert "table1, zb20-f606w reference 160: row is missing" in lines
    save(table1(), folders[0] / "tables" / "table1.ecsv")
    save(table1()[:2], folders[1] / "table1.ecsv")
    assert "table1, zb20-f606w reference 160: extra row" in verify(*folders)[0]


def test_missing_and_extra_columns(folders):
    table = table1()
    table.rename_column("recall", "sensitivity")
    save(table, folders[0] / "tables" / "table1.ecsv")
    lines, n = verify(*folders)
    assert n == 2
    assert {"table1: column recall is missing", "table1: extra column sensitivity"} <= set(lines)


def test_missing_key_column(folders):
    table = table1()
    table.remove_column("region")
    save(table, folders[0] / "tables" / "table1.ecsv")
    assert "table1: column region is missing" in verify(*folders)[0]


def test_changed_unit_and_type(folders):
    table = table1()
    table["tp"].unit = "adu"
    table["groups"] = ["4", "4", "4"]
    save(table, folders[0] / "tables" / "table1.ecsv")
    lines, n = verify(*folders)
    assert n == 4
    assert "table1, tp: expected unit pix, found adu" in lines
    assert lines[-2].endswith("groups: expected 4, found 4, tolerance none")


def test_order_of_rows_does_not_matter(folders):
    save(table1()[::-1], folders[0] / "tables" / "table1.ecsv")
    assert verify(*folders)[1] == 0


def test_masked_cells_are_alike(folders):
    cells = {"quantity": ["a", "b"], "place": ["c", "c"], "unit": ["x", "y"], "n": [1, 2]}
    table = Table(cells, masked=True)
    table["unit"].mask[0] = table["n"].mask[1] = True
    for path in (folders[0] / "tables", folders[1]):
        save(table, path / "published_vs_measured.ecsv")
    assert verify(*folders)[1] == 0
    table["unit"].mask[1] = True
    table["n"].mask[0] = True
    save(table, folders[0] / "tables" / "published_vs_measured.ecsv")
    assert verify(*folders)[1] == 2


def test_ignored_column(folders):
    row = {"quantity": ["a"], "place": ["b"], "verdict": ["agrees"], "rule": ["above 2.1"]}
    save(Table(row), folders[1] / "published_vs_measured.ecsv")
    save(Table(row | {"rule": ["2"]}), folders[0] / "tables" / "published_vs_measured.ecsv")
    assert verify(*folders)[1] == 0
    save(
        Table(row | {"verdict": ["differs"]}), folders[0] / "tables" / "published_vs_measured.ecsv"
    )
    assert "verdict: expected agrees, found differs" in " ".join(verify(*folders)[0])


def test_missing_table_names_the_command(folders, capsys):
    path = folders[0] / "tables" / "table1.ecsv"
    path.unlink()
    status, lines = report(folders, capsys)
    assert status == 1
    assert (
        lines[1]
        == f"table1: missing; make it with: .venv/bin/snakemake --cores 2 {path.as_posix()}"
    )


def test_command_names_the_configuration(folders, monkeypatch):
    monkeypatch.chdir(folders[0].parent.parent)
    (folders[0] / "tables" / "table1.ecsv").unlink()
    (folders[0].parent.parent / "config").mkdir()
    (folders[0].parent.parent / "config" / "mini.yaml").touch()
    assert "--configfile config/mini.yaml" in verify(*folders)[0][1]


def test_rows_without_a_name_are_refused(folders):
    rules = yaml.safe_load(TOLERANCES.read_text(encoding="utf-8"))
    del rules["tables"]["density"]
    (folders[1].parent / "tolerances.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    what = "pipeline/verify: name the columns that tell rows apart: tables: "
    path = folders[1].parent / "tolerances.yaml"

    def name():
        rules["tables"]["density"] = {"keys": ["step"]}
        path.write_text(yaml.safe_dump(rules), encoding="utf-8")

    assert follow(what, partial(verify, *folders), name, match="several rows")[1] == 0


def test_nothing_expected_is_not_reproduced(folders, capsys):
    status, lines = report((folders[0], folders[1].with_name("none")), capsys)
    assert status == 1
    assert "no expected tables" in lines[0]
    assert lines[0].endswith("whose tables are kept: mini.")
    advised("pipeline/verify: name one of the datasets whose tables are kept: ", lines[0])
    assert report(folders, capsys)[0] == 0


def test_missing_or_wrong_tolerances(folders, tmp_path):
    path = tmp_path / "resources/expected/tolerances.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(TOLERANCES.read_bytes())
    for words in (["init", "-q"], ["add", "."], [*COMMIT, "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    path.unlink()
    what = "pipeline/verify: restore it: git checkout resources/expected"
    command = what.split(": ")[-1].split()
    restore = partial(subprocess.run, command, cwd=tmp_path, check=True)
    read = partial(read_rules, path, "table1")
    follow(what, read, restore, match="no such file")
    good = TOLERANCES.read_text(encoding="utf-8")
    path.write_text(good.replace("default:", "defaults:"), encoding="utf-8")
    use = partial(path.write_text, good, encoding="utf-8")
    follow("pipeline/verify: use ", read, use, match="unknown keys")


@pytest.mark.parametrize(
    ("words", "dataset"), [([], "sim-mini"), (["DATASET=sim"], "sim"), (["DATASET=csst"], "csst")]
)
def test_make_compares_the_named_dataset(words, dataset):
    run = [
        "make",
        "--no-print-directory",
        "--dry-run",
        "--assume-old=.venv/ready",
        "verify",
        *words,
    ]
    printed = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.endswith(f"verify results/{dataset} resources/expected/{dataset}\n")


EXPECTED = sorted(TOLERANCES.parent.glob("*/*.ecsv"))


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_rows_of_kept_tables_have_names(folders, path):
    for old in folders[1].glob("*.ecsv"):
        old.unlink()
    for folder in (folders[0] / "tables", folders[1]):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    assert verify(*folders)[1] == 0


def test_tables_of_csst_are_compared(folders):
    for name, table in csst_tables.tables().items():
        for folder in (folders[0] / "tables", folders[1]):
            save(table, folder / f"{'csst' if name == 'scores' else f'csst_{name}'}.ecsv")
    assert verify(*folders)[1] == 0
    limits = Table.read(folders[0] / "tables/csst_limits.ecsv")
    limits["exptime_s"][0] += 20
    save(limits, folders[0] / "tables/csst_limits.ecsv")
    lines, n = verify(*folders)
    assert n == 1
    assert "csst_limits, none unchanged all 0.05, exptime_s: expected 83.3" in " ".join(lines)
