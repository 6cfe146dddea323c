"""Nets in the report: what they were trained on, and those that the study does not ship."""

from astropy.table import Table

from crstudy.report.tables import net_rows, other_net_rows
from project import ROOT
from report_tables import make_page, make_tables, other_nets


def test_nets_are_listed_with_the_programmes_of_the_papers_dates():
    programmes = Table.read(ROOT / "resources/training_programmes.ecsv")
    names = ["zb20-f606w", "lacosmic", "kwon21-f814w", "kwon21-acs-wfc", "mine"]
    first, filtered, everything = net_rows(names, programmes)
    assert first["seen"] == "none known"
    assert filtered["seen"] == "12058, 12602, 14704"
    assert everything["instrument"] == "ACS/WFC F435W, F606W, F814W"
    assert "10146" not in everything["seen"]
    assert "13364" in everything["seen"]


def test_other_nets_are_on_the_page_of_simulated_exposures(tmp_path):
    (row,) = other_net_rows(other_nets())
    assert row["label"] == "crnet-gn-16"
    assert row["matched"] is None
    page = make_page(make_tables(), True, tmp_path)
    assert "crnet-gn-16" in page
    assert "51.5" in page
    assert "crnet-gn-16" not in make_page(make_tables(simulated=False), False, tmp_path)
