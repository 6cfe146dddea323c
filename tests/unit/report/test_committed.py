"""The page of a study from the tables in the repository alone."""

import re

from crstudy.report import committed
from crstudy.report.labels import FIGURES, PAPER
from project import ROOT


def test_page_of_sim_is_made_without_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(committed, "FIGURES", {"table1": committed.FIGURES["table1"]})
    page = committed.write_page("sim", tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "20 groups" in text
    assert "What the net trained here reaches" in text
    assert text.count("<img ") == 1
    links = re.findall(r'href="(?!#|https?:)([^"]+)"', text)
    assert {"tables/table1.ecsv", "figures/table1.pdf"} <= set(links)
    assert all((tmp_path / one).is_file() for one in links)
    # Too large for the repository.
    assert not (tmp_path / "tables/roc.parquet").exists()


def test_figures_have_names_on_the_page():
    assert set(committed.FIGURES) <= {*PAPER, *FIGURES}
