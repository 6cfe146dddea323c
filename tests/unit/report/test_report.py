"""The report: verdicts on the five conclusions, and a page that says every number."""

import html
import re
import subprocess

import pytest
from astropy.table import Table

from crstudy.config.study import Study
from crstudy.core.formatting import decimal, scientific, with_interval
from crstudy.pipeline.provenance import checksums, commit, versions
from crstudy.report import conclusions as c
from crstudy.report.measured import Results
from crstudy.report.page import embed, shorter_sides
from crstudy.report.summary import pick_numbers
from report_tables import (
    FIGURES,
    GALLERY,
    NAN,
    PUBLISHED,
    make_page,
    make_tables,
    sentences,
    set_cells,
    write_png,
)

DATA_URI = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")


def judge(tables):
    """Return the conclusions by key."""
    drawn = c.draw_conclusions(Results(tables, 0.95), PUBLISHED)
    assert [item.key for item in drawn] == [
        "recall",
        "contamination",
        "anomalous",
        "ageing",
        "short",
    ]
    return {item.key: item for item in drawn}


def plain(text):
    return text.replace("\u00a0", " ")


def say(conclusion, part="found"):
    """Return what the page says of a conclusion."""
    return sentences("conclusions", conclusion.key, part, conclusion.numbers)


def test_everything_is_confirmed_on_real_data_like_the_papers():
    verdicts = {key: item.verdict for key, item in judge(make_tables(simulated=False)).items()}
    assert verdicts.pop("short") == c.HUBBLE_ONLY
    assert verdicts == dict.fromkeys(verdicts, c.CONFIRMED)


def test_numbers_come_from_the_tables():
    found = judge(make_tables(simulated=False))
    assert "88.8 [86.8, 90.8] %" in say(found["recall"])
    assert "56.2 [54.2, 58.2] %" in say(found["recall"])
    assert "8,567" in say(found["recall"])
    assert "99.0 [97.0, 101.0] %" in say(found["contamination"], "number")
    assert "20.0 [18.0, 22.0] %" in say(found["anomalous"])
    assert "50.0 [48.0, 52.0] %" in say(found["anomalous"])
    assert "0.1 [−1.9, 2.1] percentage points" in say(found["ageing"], "number")
    # 3 % of the pixels in 1000 s, 7 percentage points a percent.
    assert "21.0 [20.4, 21.6] percentage points" in say(found["short"], "number")


def test_recall_that_rises_is_refuted_and_another_fall_is_named():
    tables = make_tables(simulated=False)
    set_cells(tables["table1"], ("region", "160"), recall=0.95, recall_lo=0.93, recall_hi=0.97)
    assert judge(tables)["recall"].verdict == c.REFUTED
    set_cells(tables["table1"], ("region", "160"), recall=0.1, recall_lo=0.08, recall_hi=0.12)
    assert judge(tables)["recall"].verdict == c.OTHER_NUMBER
    set_cells(tables["table1"], ("region", "160"), recall=0.88, recall_lo=0.8, recall_hi=0.92)
    assert judge(tables)["recall"].verdict == c.OPEN


def test_recall_rests_on_regions_with_enough_pixels():
    tables = make_tables(simulated=False)
    for region in ("160", "80"):
        set_cells(tables["table1"], ("region", region), tp=1, fn=2, recall=0.0)
    found = judge(tables)["recall"]
    assert "above 40 RMS" in say(found)
    assert found.verdict == c.CONFIRMED
    tables["table1"]["tp"][1:], tables["table1"]["fn"][1:] = 1, 2
    found = judge(tables)["recall"]
    assert found.verdict == c.OPEN
    assert "No star region contains 100 labelled" in say(found)


def test_the_first_numbers_rest_on_enough_pixels():
    tables = make_tables(simulated=False)
    assert "recall reference 3" in [row["key"] for row in pick_numbers(tables, simulated=False)]
    table1 = tables["table1"]
    here = (table1["comparison"] == "reference") & (table1["region"] == "3")
    table1["tp"][here], table1["fn"][here] = 0, 85
    keys = [row["key"] for row in pick_numbers(tables, simulated=False)]
    assert keys == ["recall reference full", "repaired", "precision reference full"]


def test_lines_that_fall_refute_and_other_values_are_named():
    tables = make_tables(simulated=False)
    fits = tables["density_fits"]
    for name, key in (("contaminated all", "contamination"), ("anomalous 16-50", "anomalous")):
        set_cells(fits, ("quantity", name), value_at=0.4, value_at_lo=0.39, value_at_hi=0.41)
        assert judge(tables)[key].verdict == c.OTHER_NUMBER
        set_cells(fits, ("quantity", name), slope=-3.0, slope_lo=-4.0, slope_hi=-2.0)
        assert judge(tables)[key].verdict == c.REFUTED
    assert judge(tables)["short"].verdict == c.REFUTED


def test_two_groups_are_too_few_for_a_verdict():
    verdicts = {item.verdict for item in judge(make_tables(2, simulated=False)).values()}
    assert verdicts == {c.OPEN}


@pytest.mark.parametrize("stars", [True, False])
def test_one_group_without_interval_decides_nothing(stars):
    for item in judge(make_tables(1, simulated=False, stars=stars)).values():
        assert item.verdict == c.OPEN
        assert "nan" not in say(item) + say(item, "number")


def test_drift_is_refuted_and_wide_intervals_say_nothing():
    tables = make_tables(simulated=False)
    trends = tables["stability_trends"]
    set_cells(trends, ("quantity", "f1 reference"), slope_per_decade_lo=-0.2)
    assert judge(tables)["ageing"].verdict == c.OPEN
    set_cells(trends, ("quantity", "f2 reference"), slope_per_decade_lo=0.0005)
    assert judge(tables)["ageing"].verdict == c.REFUTED


def test_simulated_exposures_cannot_show_ageing():
    found = judge(make_tables(simulated=True))
    assert found["ageing"].verdict == c.NOT_TESTED
    assert "do not change with time" in say(found["ageing"])
    assert "Against the true cosmic rays" in say(found["recall"])


CASES = {
    "simulated": {"n": 4, "simulated": True, "stars": True},
    "real": {"n": 4, "simulated": False, "stars": True},
    "one real group without stars": {
        "n": 1,
        "simulated": False,
        "stars": False,
        "observed_with": "WFC3/UVIS F350LP",
    },
}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """Return the settings of a case, its page and the page's text without images."""
    settings = CASES[request.param]
    page = make_page(make_tables(**settings), settings["simulated"], tmp_path_factory.mktemp("f"))
    return settings, page, plain(DATA_URI.sub("", page))


def test_page_is_complete(case):
    _, page, text = case
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert not re.search(r"{{|{%|%}|\bNone\b|Undefined|&lt;|masked", text.split("</style>")[1])
    assert page.count("<img ") == sum(f'id="figure-{name}"' in page for name in FIGURES)
    assert page.count('class="content"') == 19 - len(gone(page))
    assert all(re.findall(r'<img [^>]*alt="([^"]+)"', page))
    assert '<html lang="en">' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_page_needs_nothing_else(case):
    _, page, _ = case
    assert set(re.findall(r"<(?:script|link|iframe|object|embed|video|audio)\b", page)) == set()
    assert set(re.findall(r'href="(?!#|https?:)([^"]+)"', page)) >= {"tables/groups.ecsv"}
    assert not re.search(r'href="(/|file:)', page)
    assert all(source.startswith("data:") for source in re.findall(r'\ssrc="([^"]{5})', page))
    assert not re.search(r"url\(|@import", page)
    without_links = re.sub(r'<a href="https?://[^"]+"', "", page)
    # The table of the configuration tells where exposures may come from.
    without_links = without_links.replace(Study().archive.s3_url, "")
    assert not re.search(r"https?://", DATA_URI.sub("", without_links))


def test_page_holds_every_number(case):
    settings, _, text = case
    expected = ["31,415", "3.14", "0123abcd", "feedbeef", "zb20-f606w", "64 px", "8,567 px"]
    expected += ["section 3.3 (what &#34;±&#34;", "made-up"]
    if settings["stars"]:
        expected += [f"{GALLERY['FIG4_N']} of 96 measurements"]
        expected += ["33.3 [31.3, 35.3]", "1.230 [−0.770, 3.230]", "2.7 [0.7, 4.7]", "± 1.8"]
        expected += ["3.33 [1.33, 5.33]", "70.0 [68.0, 72.0]", "2.6 × 10⁻⁵", "7 × 10⁻¹⁶"]
        expected += ["7.0 [6.8, 7.2]", "0.87", "4.6 [2.6, 6.6]", "0.7 times the aperture radius"]
    else:
        expected += ["no star passes"]
    if settings["simulated"]:
        expected += ["2.52 [0.52, 4.52]", "3.39", "97.0", "68.8 [66.8, 70.8]", "4,321"]
        expected += ["contain more than 3 σ of true cosmic-ray charge"]
        expected += ["20 to 45<small>nearest 10; simulated 62", "80.1<small>paper 85.5"]
        expected += ["undefined (n = 0 mixtures)", "95.0 [93.0, 97.0]<small>100 px"]
    else:
        expected += ["could not be aligned within 0.1 px", f"excluded (g{settings['n']:03d})"]
    for number in expected:
        assert number in text, number


def gone(page):
    """Return the sections without data, and why they have none."""
    (line,) = re.findall(r'<p class="gone"><strong>Left out.</strong>(.*?)</p>', page, re.DOTALL)
    reasons = re.findall(r"((?:<span id=.*?</span>(?:; )?\s*)+) \((.*)\)", line)
    return {
        name: html.unescape(words)
        for names, words in reasons
        for name in re.findall(r'id="(\w+)"', names)
    }


def test_sections_without_data_are_one_line_that_says_why(case):
    settings, page, text = case
    without = gone(page)
    real = {"fluxes", "labels"}
    assert real & set(without) == (set() if settings["simulated"] else real)
    assert without["exposures"] == "this page was made without n_exposures.ecsv"
    if settings["n"] == 1:
        assert without["stability"] == "fewer than 3 groups show no trend"
        assert without["photometry"] == "no star passes the selection"
        assert "Fewer than 3 groups do not tell" in text
    assert ("The paper and deepCR’s training used" in text) == ("observed_with" in settings)


def test_few_exposures_are_warned_of_and_their_scores_shown(tmp_path):
    tables = make_tables(simulated=False)
    tables["groups"]["exposures"][0] = 4
    scores = Table(
        {
            "n_exposures": [3, 8],
            "comparison": ["reference"] * 2,
            "region": ["full"] * 2,
            "recall": [0.921, 0.838],
            "precision": [0.944, 0.997],
            **{name: [100, 100] for name in ("tp", "fp", "fn")},
        },
        meta={"interval": "none, since there are fewer than 3 groups"},
    )
    tables["n_exposures"] = scores
    page = " ".join(html.unescape(DATA_URI.sub("", make_page(tables, False, tmp_path))).split())
    assert "g001: fewer than the paper's 6 exposures behind the labels" in page
    assert "reads 83.8 instead of 92.1 %, its precision 99.7 instead of 94.4 %" in page


def test_lines_without_interval_are_named(tmp_path):
    tables = make_tables(simulated=False)
    fits = tables["density_fits"]
    set_cells(fits, ("quantity", "anomalous 200-400"), slope_lo=NAN)
    set_cells(fits, ("quantity", "anomalous 16-50"), slope=NAN)
    text = make_page(tables, False, tmp_path)
    assert "hold 5 stars for a fit of anomalous 16-50." in text
    assert "there is no interval, for anomalous 200-400." in text


def test_numbers_are_written_for_readers():
    assert decimal(-12345.678) == "−12,345.7"
    assert decimal(-0.01) == "0.0"
    assert plain(scientific(7e-16)) == "7.0 × 10⁻¹⁶"
    assert scientific(0.75) == "0.75"
    assert plain(with_interval(14.3, 9.8, 19.25, "30")) == "14.3 [9.8, 19.2]"
    assert with_interval(14.3, NAN, NAN, "30") == "14.3"
    assert plain(with_interval(NAN, NAN, NAN, "0 stars")) == "undefined (n = 0 stars)"


def test_provenance(tmp_path):
    found = versions()
    assert found["python"].startswith("3.")
    assert found["astropy"]
    assert commit(tmp_path) == "unknown"
    file = tmp_path / "a.txt"
    file.write_text("abc", encoding="utf-8")
    assert checksums([file])[0][1].startswith("ba7816bf")


def test_commit_says_whether_files_changed(tmp_path):
    def git(*arguments):
        name = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", "-C", str(tmp_path), *name, *arguments], check=True)

    git("init", "--quiet")
    (tmp_path / "a.txt").write_text("abc", encoding="utf-8")
    git("add", "a.txt")
    git("commit", "--quiet", "-m", "first")
    assert re.fullmatch("[0-9a-f]{40}", commit(tmp_path))
    (tmp_path / "a.txt").write_text("abcd", encoding="utf-8")
    assert commit(tmp_path).endswith("changes that are not committed")
    (tmp_path / "sub").mkdir()
    assert commit(tmp_path / "sub") == "unknown"


def test_pictures_are_embedded_with_their_size(tmp_path):
    picture = embed(write_png(tmp_path / "a.png", 300, 150))
    assert (picture.width, picture.height) == (120, 60)
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="not a valid PNG"):
        embed(tmp_path / "b.png")


def test_shorter_sides_of_chips(tiny_mirror):
    assert shorter_sides(tiny_mirror.rglob("*_flc.fits")) == [256]
