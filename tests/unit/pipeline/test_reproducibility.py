"""What is said of reproducibility: the evidence is there, and so is what the catalogue asks for."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml

import crstudy
from project import ROOT
from starfield import sky_stars_rays

PAGE = ROOT / "docs" / "reproducibility.md"
TRIALS = ROOT / "docs" / "trials.md"
#: Words, file and heading of a link within the repository.
LINK = re.compile(r"\[([^\]]+)\]\((?!https:)([^)#]*)(#[^)]*)?\)")


def is_there(page, words, target, anchor):
    """Tell whether a link leads to a file, to the test that it names and to its heading."""
    path = (page.parent / target).resolve() if target else page
    test, heading = words.strip("`"), anchor[1:].replace("-", " ")
    if not path.exists():
        return False
    if re.fullmatch(r"test_\w+", test) and f"\ndef {test}(" not in path.read_text(encoding="utf-8"):
        return False
    return not anchor or f"\n## {heading}\n" in path.read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("page", [PAGE, TRIALS])
def test_evidence_is_there(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert len(links) > 30
    assert [link for link in links if not is_there(page, *link)] == []


def test_every_claim_has_evidence():
    checklist = PAGE.read_text(encoding="utf-8").split("## Checklist")[1].split("\n## ")[0]
    claims = re.findall(r"^\| \*\*.+$", checklist, re.MULTILINE)
    assert len(claims) > 10
    assert [claim for claim in claims if not LINK.search(claim.split(" | ")[1])] == []


def test_catalogue_finds_what_it_asks_for():
    settings = yaml.safe_load(
        (ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8")
    )
    usage = settings["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert usage["software-stack-deployment"].keys() == {"conda", "apptainer", "apptainer+conda"}
    assert usage["report"] is True
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert list((ROOT / "workflow/rules").glob("*.smk"))
    assert (ROOT / "config/README.md").is_file()


def test_main_file_is_where_the_page_says():
    """The one condition of the catalogue that is not met, or the page must change."""
    assert (ROOT / "Snakefile").is_file()
    assert not (ROOT / "workflow/Snakefile").exists()
    assert "main file `workflow/Snakefile` | **no**" in PAGE.read_text(encoding="utf-8")


def test_processors_without_avx512_find_the_same_pixels(net_cache, tmp_path, monkeypatch):
    """Bits differ where this processor has AVX-512, by less than a step of the stored maps."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(net_cache))
    image = sky_stars_rays(128, 128)
    np.save(tmp_path / "image.npy", image)
    program = (
        "import crstudy, numpy as np; np.save('avx2', crstudy.probability(np.load('image.npy')))"
    )
    env = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, check=True)
    one, other = crstudy.probability(image), np.load(tmp_path / "avx2.npy")
    assert (one > 0.5).any()
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(one > 0.5, other > 0.5)
