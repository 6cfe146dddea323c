"""Pins agree wherever a package is named."""

import re

import pytest

from project import ROOT

#: Conda-forge names that differ from those of PyPI.
CONDA_NAMES = {"matplotlib-base": "matplotlib"}


def pins(text):
    found = re.findall(r"^\s*(?:- )?([A-Za-z][\w.-]*)==?([\w.+]+)", text, re.MULTILINE)
    return {CONDA_NAMES.get(n.lower(), n.lower().replace("_", "-")): v for n, v in found}


LOCK = pins((ROOT / "requirements.txt").read_text())


@pytest.mark.parametrize(
    "path",
    [ROOT / "requirements.in", *sorted((ROOT / "envs").glob("*.yaml"))],
    ids=lambda p: p.name,
)
def test_pins_are_those_of_the_lock(path):
    named = pins(path.read_text())
    named.pop("python", None)
    assert len(named) >= 3
    assert named == {name: LOCK.get(name) for name in named}


def test_torch_is_the_plain_release():
    """The same pin serves CPU and GPU machines."""
    assert LOCK["torch"] == "2.13.0"
    assert not [name for name in LOCK if name.startswith("nvidia")]
