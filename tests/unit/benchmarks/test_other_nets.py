"""Nets that the study does not ship: what they need."""

import pytest
import yaml
from astropy.table import Table

import other_nets
from crstudy.core.errors import StudyError
from project import ROOT


def test_missing_weights_or_study_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(other_nets, "results", lambda _: tmp_path / "absent")
    with pytest.raises(
        StudyError, match=r"put the weights of crnet-bn-16 there|--cores all --confi"
    ):
        other_nets.read_study("sim")


def test_kept_table_holds_every_net_of_both_studies():
    table = Table.read(other_nets.TABLE)
    settings = yaml.safe_load((ROOT / "config" / "nets.yaml").read_text(encoding="utf-8"))
    names = {other_nets.FIRST} | {net["name"] for net in settings["methods"]["own"]}
    for study in ("sim", "csst"):
        assert set(table["method"][table["study"] == study]) == names
