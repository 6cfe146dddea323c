"""Examples in the docstrings of the library are true."""

import doctest
from importlib import import_module

import pytest

from project import ROOT

LIBRARY = ROOT / "workflow" / "crstudy"
MODULES = [
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)
    for path in sorted(LIBRARY.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed


def test_entry_points_have_examples():
    assert len(MODULES) >= 10
