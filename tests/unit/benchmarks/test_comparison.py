"""The comparisons of methods in the documents are those of the kept tables."""

import shutil

import comparison_table
from project import ROOT


def test_documents_hold_the_kept_tables(tmp_path):
    pages = ("README.md", "docs/results.md", "docs/nets.md")
    for page in pages:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / page, tmp_path / page)
    comparison_table.write_pages(tmp_path)
    for page in pages:
        assert (tmp_path / page).read_text(encoding="utf-8") == (ROOT / page).read_text(
            encoding="utf-8"
        )


def test_no_correction_is_first_and_oracles_are_last():
    read = {
        name: comparison_table.Table.read(comparison_table.TABLES / f"{name}.ecsv")
        for name in comparison_table.NAMES
    }
    rows = comparison_table.comparison(read).splitlines()[2:]
    first = [row.split(" | ")[0] for row in rows]
    assert first[0] == "| no correction"
    assert [name.startswith("| oracle") for name in first[-3:]] == [True, True, False]
    assert len(rows) == len(set(first)) == len(set(read["recall"]["method"])) + 2
