"""Nets in the report: what they were trained on, and those that the study does not ship."""

import pytest
from astropy.table import Table

import report_tables
from crstudy.report.nets import AIMS, CSST, FIELDS, net_rows, other_net_rows, star_net_rows
from project import ROOT
from report_tables import OWN, make_page, make_tables, other_nets, star_net, star_nets


@pytest.mark.parametrize(("half", "reached"), [(0.01, "yes"), (0.04, "not shown")])
def test_an_aim_is_reached_if_the_whole_interval_reaches_it(half, reached):
    names = ["zb20-f606w", OWN, "stars-csst", "lacosmic"]
    stars, cores = star_net_rows(star_nets(half), names)
    assert stars["reached"] == reached
    assert stars["oracle"]["value"] == 0.99
    assert (cores["reached"], cores["oracle"]) == ("no", None)
    first, second = star_net_rows(star_nets(), names, CSST)
    assert [first["label"], second["label"]] == ["deepCR (stars)", "deepCR (stars, CSST)"]
    assert star_net_rows(star_nets(), ["zb20-f606w"]) == []


def test_half_of_the_wrong_fluxes_is_half_of_those_of_the_baseline():
    (half,) = [aim for aim in AIMS if aim.aim == "half as many"]
    for value, reached in ((0.2, "yes"), (0.29, "not shown"), (0.4, "no")):
        row = star_net(FIELDS, "wrong_fluxes_hit", value, 0.03, -0.2)
        assert half.judge(row, {"value": 0.54}) == reached


def test_nets_trained_here_are_on_the_page_of_a_study_that_scores_them(tmp_path, monkeypatch):
    tables = make_tables() | {"star_net": star_nets()}
    assert "trained on this simulator" not in make_page(tables, True, tmp_path)
    config = report_tables.make_config()
    config["methods"]["names"].append(OWN)
    monkeypatch.setattr(report_tables, "make_config", lambda _: config)
    page = " ".join(make_page(tables, True, tmp_path).split()).replace("\u00a0", " ")
    assert "was trained on this simulator" in page
    for cell in ("68.0 [67.0, 69.0]", "23.0 [22.0, 24.0]", "+20 points", "1.23 [1.13, 1.33]"):
        assert f">{cell}</td>" in page


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
