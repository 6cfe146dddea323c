"""A group of which no pixel counts: every stage goes on, with NaN and a count of 0."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.data.chips import ComparisonData
from crstudy.data.star_regions import star_regions
from crstudy.metrics.areas import compare_chip
from crstudy.metrics.names import PIXEL_KEYS
from crstudy.metrics.table1 import make_table1
from crstudy.photometry.density import measure_density
from crstudy.photometry.forced import measure_chip, photometry_table
from crstudy.photometry.stability import score_groups
from crstudy.photometry.stars import STEPS, Selection, find_on_chip, match_detections
from report_tables import make_page, make_tables
from starfield import DENSITY, PHOTOMETRY, SHAPE, make_chip, star_table

STARS = [(x, y, 5000.0) for x in (80, 130, 180) for y in (80, 130, 180)]
REGIONS = [3, 20]
RESAMPLING = {"samples": 100, "confidence": 0.95, "seed": 1}


@pytest.fixture
def chips():
    """Return three exposures with stars and cosmic rays, none of whose pixels counts."""
    label = np.zeros(SHAPE, bool)
    label[::40, ::7] = True
    nothing = np.zeros(SHAPE, bool)
    return [make_chip(STARS, f"exp{i}", seed=i, valid=nothing, label=label) for i in range(1, 4)]


def count(chip, valid):
    """Return the table of counts of a chip."""
    detected = {"zb20-f606w": chip.label}
    regions = {"reference": star_regions(chip.clean, valid, REGIONS, 64)}
    data = ComparisonData(chip.label, None, valid, chip.clean)
    rows = [("exp", 1, *names, *counts) for *names, counts in compare_chip(detected, data, regions)]
    names = ("exposure", "chip", *PIXEL_KEYS, "tp", "fp", "fn", "tn")
    return Table(rows=rows, names=names, meta={"observed_with": ["ACS/WFC F606W"]})


def test_pixels(chips):
    empty = count(chips[0], chips[0].valid)
    assert sum(empty[name].sum() for name in ("tp", "fp", "fn", "tn")) == 0
    full = count(chips[0], np.ones(SHAPE, bool))
    tables = {n: make_table1([full, *[empty] * n], RESAMPLING, "test") for n in (0, 1, 2)}
    for n, table in tables.items():
        assert set(table["groups"]) == {1}, n
        assert table["recall"][0] == 1
        assert table.meta["interval"].startswith("none, since there are fewer than 3")
    nothing = make_table1([empty, empty], RESAMPLING, "test")
    assert np.isnan(nothing["recall"]).all()
    assert not nothing["tp"].any()


def test_stars_and_density(chips):
    selection = Selection(3.0, 16, 1.2, 0.0625)
    found = [find_on_chip(chip, selection, 64) for chip in chips]
    stars = match_detections(found, 0.1, 3, 3.0)
    assert len(stars) == 0
    assert stars.meta["steps"] == dict.fromkeys(STEPS, 0)
    parts = [measure_chip(chip, stars, (1, 2, 3, 1), PHOTOMETRY) for chip in chips]
    assert len(photometry_table(parts, "g1", {})) == 0
    # Stars of other apertures, as the density steps and the sensitivity have them.
    measured = measure_chip(chips[0], star_table((100, 100, 3.0)), (1, 2, 3, 1), PHOTOMETRY)
    assert not measured["used"].any()
    donors = [[chip.cr_charge] for chip in chips[1:]]
    assert not donors[0][0].any()
    rows = measure_density([chips[0]], donors, stars, lambda image: image, (1, 2), DENSITY)
    assert {row["stars"] for row in rows} == {0}
    assert np.isnan([row["cr_fraction"] for row in rows]).all()


def test_scores(chips):
    tables = make_tables(n=2, simulated=False)
    counts = {"g001": count(chips[0], chips[0].valid)}
    counts["g002"] = count(chips[0], np.ones(SHAPE, bool))
    scored = score_groups(counts, tables["photometry_summary"], "3", "zb20-f606w")
    assert list(np.isnan(scored["f1"])) == [True, False]


def test_report(tmp_path):
    """Numbers of the other groups are printed, not lost in the NaN of the first one."""
    tables = make_tables(n=4, simulated=False)
    groups, density = tables["groups"], tables["density"]
    densest = f"up to {100 * max(density['cr_fraction']):.1f} % of the pixels"
    for name in ("cr_fraction", "cr_fraction_per_1000s"):
        groups[name][0] = np.nan
    density["cr_fraction"][density["group"] == groups["group"][0]] = np.nan
    page = " ".join(make_page(tables, False, tmp_path).split())
    assert "added to 3 exposures" in page
    assert densest in page
    assert "excluded (g004)" in page
    for name in ("cr_fraction", "cr_fraction_per_1000s"):
        groups[name] = np.nan
    density["cr_fraction"] = np.nan
    page = " ".join(make_page(tables, False, tmp_path).split())
    assert "undefined of the pixels labelled" in page
    assert "up to undefined of the pixels" in page
