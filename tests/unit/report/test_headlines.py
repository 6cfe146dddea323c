"""Headline numbers: looked up in tables, and told with both intervals."""

import itertools
from html import unescape

import numpy as np
import pytest
from astropy.table import Table, vstack

import csst_tables
from crstudy.report.csst_page import make_csst_context
from crstudy.report.headlines import HEADLINES, headline_rows, headline_table
from crstudy.report.nets import star_net_rows
from crstudy.report.page import Picture, render
from report_tables import REPORT, make_page, make_tables, other_nets, set_cells, star_nets

#: File of each table of the CSST study.
CSST = {"scores": "csst"} | {
    name: f"csst_{name}"
    for name in ("photometry", "limits", "differences", "masks", "bias", "catalogue")
}


RANGE_COLUMNS = [
    f"{name}{end}"
    for name in ("recall", "precision", "wrong_uncorrected", "wrong_corrected", "change")
    for end in ("", "_lo", "_hi")
]


def numbers(tables):
    """Return value and ends by key."""
    table = headline_table(tables)
    return {str(r["key"]): (r["value"], r["value_lo"], r["value_hi"]) for r in table}


def csst():
    return {CSST[name]: table for name, table in csst_tables.tables().items()}


def test_every_number_has_a_row_in_the_tables_of_its_study():
    found = {**numbers(make_tables()), **numbers(csst())}
    missing = {one.key for one in HEADLINES} - set(found)
    # The made-up tables hold one level of wrong fluxes only.
    assert missing <= {one.key for one in HEADLINES if one.table == "csst_limits"}
    assert len({one.key for one in HEADLINES}) == len(HEADLINES)


def test_fractions_are_in_percent_and_times_in_seconds():
    found = numbers(make_tables()) | numbers(csst())
    assert found["recall truth 3"] == pytest.approx((65.5, 63.5, 67.5))
    assert found["recall lacosmic full"] == pytest.approx((80, 78, 82))
    assert found["contaminated at 9 %"] == pytest.approx((99, 97, 101))
    assert found["csst wrong none"] == pytest.approx((9, 9, 9))
    assert found["csst gain"][0] == pytest.approx(4 - 9)
    assert found["csst limit 5 % none"] == pytest.approx(3 * [50 + 100 / 3])


def test_numbers_of_real_exposures_lack_the_truth():
    assert not any("truth" in key for key in numbers(make_tables(simulated=False)))


def test_numbers_are_of_all_strata():
    tables = make_tables()
    table = tables["table1"]
    everything, parts = (table[(table["stratum"] == "all") == whole] for whole in (True, False))
    parts["recall"] = 0.0
    assert numbers(tables | {"table1": vstack([parts, everything])}) == numbers(tables)


def test_rows_tell_statistical_and_systematic_interval():
    tables = make_tables()
    rows = headline_rows(tables, tables["systematics"])
    told = {row["words"]: row for row in rows}
    row = told["recall of deepCR against the true cosmic rays, full frame"]
    assert row["value"].replace("\u00a0", " ") == "68.8 [66.8, 70.8] %"
    assert row["systematic"] == "−3.2 to +1.2"
    assert (row["generator"], row["silicon"], row["noise"]) == ("+1.2", "not above chance", "±0.5")
    words = "precision of deepCR against the true cosmic rays, rims counted as false, full frame"
    row = told[words]
    assert [row[n] for n in ("systematic", "generator", "silicon", "noise")] == [
        "not computed",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("noise", "words"), [(1.4, "−3.2 to +1.2"), (1.5, "not above chance"), (np.nan, "−3.2 to +1.2")]
)
def test_a_systematic_that_chance_explains_says_so(noise, words):
    tables = make_tables()
    set_cells(tables["systematics"], ("key", "recall truth full"), rms=1.5, noise=noise)
    rows = headline_rows(tables, tables["systematics"])
    (row,) = [one for one in rows if one["systematic"] != "not computed"]
    assert row["systematic"] == words
    assert row["noise"] == ("" if np.isnan(noise) else f"±{noise}")
    by_chance = "within ±1.5 percentage points, as by chance"
    assert row["card"] == (by_chance if noise == 1.5 else f"{words} percentage points")


def test_undefined_numbers_and_differences_say_so():
    tables = make_tables(stars=False)
    systematics = tables["systematics"]
    systematics["key"] = ["repaired"]
    set_cells(systematics, ("key", "repaired"), lowest=np.nan, highest=np.nan, noise=np.nan)
    rows = headline_rows(tables, systematics)
    (row,) = [row for row in rows if "repairs" in row["words"]]
    assert (row["value"], row["systematic"]) == ("undefined", "undefined")


def test_report_has_them_if_the_cosmic_rays_are_simulated(tmp_path):
    page = make_page(make_tables(), True, tmp_path)
    assert "−3.2 to +1.2" in page
    assert "not computed" in page
    assert "less modelled ones in the same silicon" in page
    assert "less modelled ones" not in make_page(make_tables(simulated=False), False, tmp_path)


PSF_NETS = ("zb20-f606w", "kwon21-acs-wfc", "stars-csst")


def test_csst_report_has_them():
    tables = csst() | {"systematics": Table(names=["key"], dtype=["U9"])}
    tables["other_nets"] = other_nets()
    tables |= {f"csst_{name}": table for name, table in csst_tables.source_tables().items()}
    row = {"parameter": "psf_ellipticity", "setting": 0.1, "stars": 900, "hit_stars": 30}
    row |= dict.fromkeys(RANGE_COLUMNS, 0.25)
    tables["csst_ranges"] = Table([row])
    psf = {"psf": "airy", "setting": 0.114, "peak": 0.23}
    variants = itertools.product(PSF_NETS, ("unchanged", "threshold"))
    methods = [{"method": method, "remedy": remedy} for method, remedy in variants]
    lone = {"psf": "acs", "setting": 0.9, "method": "lacosmic", "remedy": "threshold"}
    sharp = psf | {"psf": "moffat", "wrong_corrected": 0.5}
    psfs = [row | psf | lone] + [row | one | two for one in (psf, sharp) for two in methods]
    tables["csst_psf"] = Table(psfs)
    pictures = dict.fromkeys(("csst", "csst_bias"), Picture("data:", 6, 3))
    section = {"exptimes_s": [50, 150], "n_fields": 6, "field_classes": ["extragalactic"]}
    section |= {"tile_height_px": 64, "tile_width_px": 64, "psf_ree80_arcsec": 0.15}
    tables["star_net"] = star_nets()
    context = make_csst_context(tables, "Verdict.", pictures, section, 3, {})
    assert context["star_net_rows"] == []
    names = ["stars-acs-wfc", "stars-csst"]
    context["star_net_rows"] = star_net_rows(tables["star_net"], names, "csst")
    page = render(context, REPORT / "csst.html.j2", REPORT / "report.css")
    assert "stars with a wrong flux in 150 s, with deepCR" in page
    assert "ellipticity of the PSF" in page
    assert "900 stars, of which cosmic rays hit 30" in " ".join(page.split())
    assert "Airy, blurred" in page
    assert "0.9 of its width" in page
    assert page.count(">not computed") == len(headline_table(tables))
    assert "crnet-gn-16" in page
    words = unescape(page).replace("\u00a0", " ")
    assert "of the same simulator, at its default, leaves 50.0 [" in " ".join(words.split())
    assert ">88.0 [87.0, 89.0]</td>" in words
    assert ">deepCR (stars, CSST)</td>" in words
    # Six stars are hit, of which four are half as bright again: -2.5 log10 1.5.
    assert "negative: too bright) by −440 [−440, −440] mmag, and its centre by 0.00" in words
    assert "320.0 [320.0, 320.0] are false or lost without a correction, 40.0 [40.0, 40.0]" in words
    assert "−280,000 [−280,000, −280,000]" in words
