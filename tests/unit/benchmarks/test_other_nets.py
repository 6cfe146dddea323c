"""Nets that the study does not ship: what they need."""

import pytest

import other_nets
from crstudy.core.errors import StudyError


def test_missing_weights_or_study_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(other_nets, "results", lambda _: tmp_path / "absent")
    with pytest.raises(StudyError, match=r"put the weights of crnet-bn-16 there|snakemake --confi"):
        other_nets.read_study("sim")
