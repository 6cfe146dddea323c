"""Pages of the documentation name files, headings and modules that exist."""

import re

import pytest

from project import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
#: Files of the repository, in code font; crstudy/... stands for workflow/crstudy/...
FILE = re.compile(
    r"`((?:workflow|crstudy|tests|resources|benchmarks|profiles|envs)/[\w./-]+\.\w+)`"
)
#: Made by a set-up or a run, or an example.
NOT_IN_REPOSITORY = ("resources/weights/", "workflow/crstudy/methods/brightness.py")


def anchors(text):
    """Return the anchors of a page's headings, as code hosts and MyST make them."""
    headings = re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(page, target, anchor):
    path = (page.parent / target).resolve() if target else page
    return path.is_file() and (not anchor or anchor in anchors(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files(page):
    text = page.read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not is_there(page, *link)] == []
    files = [file for file in FILE.findall(text) if not file.startswith(NOT_IN_REPOSITORY)]
    places = [re.sub(r"^crstudy/", "workflow/crstudy/", file) for file in files]
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_front_page_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
