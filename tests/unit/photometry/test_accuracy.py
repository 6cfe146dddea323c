"""Accuracy beyond the paper, and the star sample, against counting by hand."""

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import norm

from crstudy.photometry.accuracy import make_control_table, make_magnitude_table, make_repair_table
from crstudy.photometry.completeness import NOTHING, make_sample_table, match_sample, times_inside
from starfield import SHAPE, make_chip, photometry, sky_of

RESAMPLING = {"samples": 300, "confidence": 0.95, "seed": 0}
EDGES = [16, 50, 200]


def by(table, column):
    return {row[column]: row for row in table}


def test_degraded_and_repaired_by_truth_and_by_reference():
    table = photometry(("g1",), stars=2, exposures=3)
    table["cr_true"] = [0, 0, 20, 31, 100, 100]
    table["flux_original"] = 1000 + table["cr_true"]
    table["flux_inpaint"] = [1000, 969, 800, 1000, 1031, 1030]
    # The reference has missed a cosmic ray.
    table["flux_clean"][3] = 1031
    row = make_repair_table(table, EDGES, 3.0, RESAMPLING)[0]
    assert [row[name] for name in ("free", "degraded", "hit", "repaired")] == [2, 1, 3, 2]
    table["flux_clean"][3] = 1000
    table["cr_true"], table["label_px"] = np.full(6, np.nan), [0, 3, 2, 2, 2, 2]
    rows = by(make_repair_table(table, EDGES, 3.0, RESAMPLING), "area_bin")
    for name in ("all", "16-50"):
        assert [rows[name][key] for key in ("free", "degraded", "hit", "repaired")] == [1, 0, 3, 2]
    assert rows["50-200"]["free"] == rows["50-200"]["hit"] == 0
    assert np.isnan(
        [rows["50-200"]["degraded_fraction"], rows["50-200"]["repaired_fraction"]]
    ).all()


def test_control_rates_are_those_of_gaussian_noise():
    rng = np.random.default_rng(6)
    table = photometry(("g1", "g2"), stars=2500, exposures=4)
    table["flux_crfree"] = rng.normal(1000, 10, len(table))
    table["flux_original"] = np.where(np.arange(len(table)) % 100, 1000, 1050)
    rates = by(make_control_table(table, 2.0, RESAMPLING), "test")
    assert rates["two exposures"]["tests"] == len(table) / 2
    assert rates["two exposures"]["expected"] == pytest.approx(2 * norm.sf(2 / np.sqrt(2)))
    for name in ("two exposures", "exposure and scene"):
        assert rates[name]["rate"] == pytest.approx(rates[name]["expected"], rel=0.1)
    assert rates["original and clean"]["rate"] == 0.01


def test_control_pairs_never_cross_stars_or_groups():
    table = photometry(stars=12, exposures=3)
    number = np.unique([f"{g}/{s}" for g, s in table["group", "star"]], return_inverse=True)[1]
    table["flux_crfree"] = 1e4 * number
    table = table[np.random.default_rng(7).permutation(len(table))]
    pairs = by(make_control_table(table, 3.0, RESAMPLING), "test")["two exposures"]
    assert (pairs["tests"], pairs["exceeding"]) == (24, 0)


def test_bias_and_scatter_of_each_image_by_magnitude():
    rng = np.random.default_rng(8)
    table = photometry(("g1", "g2"), stars=1000, exposures=1)
    table["mag"] = np.repeat([20.5, 21.0], 1000)
    table["flux_clean"] = 1000 * (1.02 + 0.03 * rng.normal(size=2000))
    table["flux_masked"][:3] = np.nan
    rows = make_magnitude_table(table, 3.0, RESAMPLING)
    rows = {(r["mag_lo"], r["image"], r["population"]): r for r in rows}
    clean = rows[20, "clean", "free"]
    assert clean["bias"] == pytest.approx(0.02, abs=0.005)
    assert clean["scatter"] == pytest.approx(0.03, rel=0.1)
    assert rows[21, "original", "free"]["bias"] == rows[21, "original", "free"]["scatter"] == 0
    assert rows[20, "masked", "free"]["measurements"] == 997
    assert rows[20, "clean", "hit"]["measurements"] == 0
    assert np.isnan([rows[20, "clean", "hit"][name] for name in ("bias", "scatter")]).all()


def inputs_at(*places):
    sky = [sky_of(x, y) for x, y, *_ in places]
    kind, mag = ([place[i] for place in places] for i in (2, 3))
    ra, dec = ([getattr(place, name).deg for place in sky] for name in ("ra", "dec"))
    flux = 10 ** (-0.4 * np.array(mag))
    return Table({"kind": kind, "ra": ra, "dec": dec, "mag": mag, "flux": flux})


def test_completeness_and_purity_by_construction():
    inputs = inputs_at(
        *((60, 60, "star", 20.5), (90, 60, "star", 20.7), (120, 60, "galaxy", 20.1)),
        *((5, 128, "star", 20.2), (200, 200, "star", 24.5)),
    )
    chips = [(make_chip(dither=(d, 0)).wcs, SHAPE) for d in (0, 2, 4)]
    times = times_inside(inputs, chips, 0.0625)
    assert times.tolist() == [3, 3, 3, 0, 3]
    stars = inputs_at((60, 60, "", 0), (120, 60, "", 0), (30, 200, "", 0), (200, 200, "", 0))
    stars["star"] = [1, 2, 3, 4]
    matches = match_sample(stars, inputs, times, {"match_arcsec": 0.1, "min_detections": 3})
    assert matches["kind"].tolist() == ["star", "galaxy", NOTHING, "star", "star"]
    assert matches["star"].tolist() == [1, 2, 3, 4, 0]
    measured = Table({"group": ["g1"] * 4, "star": [1, 2, 3, 4], "mag": [20.4, 20.3, 20.9, np.nan]})
    rows = by(make_sample_table(["g1"], [matches], measured), "mag_lo")
    names = ("n_input", "n_found", "n_sample", "n_star", "n_galaxy", "n_spurious")
    assert [rows[20.0][name] for name in names] == [2, 1, 3, 1, 1, 1]
    assert (rows[20.0]["completeness"], rows[20.0]["purity"]) == (0.5, pytest.approx(1 / 3))
    assert np.isnan(rows[24.0]["purity"])
    total = make_sample_table(["g1"], [matches], measured)[-1]
    assert [total[name] for name in names] == [3, 2, 4, 2, 1, 1]


def test_without_stars_the_sample_table_is_nan():
    matches = match_sample(
        Table({"star": np.zeros(0, int), "ra": np.zeros(0), "dec": np.zeros(0)}),
        inputs_at((60, 60, "star", 20.5))[:0],
        np.zeros(0, int),
        {"match_arcsec": 0.1, "min_detections": 3},
    )
    (row,) = make_sample_table(["g1"], [matches], photometry()[:0])
    assert (row["n_input"], row["n_sample"]) == (0, 0)
    assert np.isnan([row["completeness"], row["purity"]]).all()


def test_no_measurement_gives_tables_of_nan_and_count_0():
    nothing = photometry()[:0]
    assert len(make_magnitude_table(nothing, 3.0, RESAMPLING)) == 0
    for row in make_control_table(nothing, 3.0, RESAMPLING):
        assert row["tests"] == 0
        assert np.isnan([row["rate"], row["rate_lo"]]).all()
    for row in make_repair_table(nothing, EDGES, 3.0, RESAMPLING):
        assert row["free"] == row["hit"] == 0
        assert np.isnan([row["degraded_fraction"], row["repaired_fraction_hi"]]).all()
