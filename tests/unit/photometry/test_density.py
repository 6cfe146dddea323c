"""Density steps, their stars and their lines."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from astropy.table import Table
from scipy import stats as scipy_stats

from crstudy.photometry.density import (
    DensityStep,
    add_cosmic_rays,
    measure_density,
    measure_steps,
    tabulate_steps,
)
from crstudy.photometry.density_fit import fit_density, fit_line
from crstudy.photometry.flux_tests import area_bins
from crstudy.photometry.forced import measure_chip
from starfield import DENSITY, PHOTOMETRY, SHAPE, make_chip, star_table

AIMS = [0.005, 0.03, 0.08, 0.145]
RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}


def donor(seed, tracks=300):
    """Return tracks of four pixels that never touch, each of a charge of its own."""
    rng = np.random.default_rng(seed)
    charge = np.zeros(SHAPE, np.float32)
    cells = rng.permutation(42 * 42)[:tracks]
    for number, cell in enumerate(cells, start=1000 * seed):
        row, column = 6 * (cell // 42), 6 * (cell % 42)
        charge[row, column : column + 4] = number
    return charge


def steps(donors, own=None, valid=None, aims=AIMS, seed=1):
    own = np.zeros(SHAPE, bool) if own is None else own
    valid = np.ones(SHAPE, bool) if valid is None else valid
    return list(add_cosmic_rays(np.random.default_rng(seed), own, valid, donors, aims))


def test_each_step_holds_the_one_before_and_reaches_its_aim():
    own = np.zeros(SHAPE, bool)
    own[100:103] = True
    charges = steps([donor(1), donor(2)], own)
    for aim, added in zip(AIMS, charges, strict=True):
        assert (own | (added > 0)).mean() == pytest.approx(max(aim, own.mean()), abs=0.002)
    for lower, upper in pairwise(charges):
        assert (upper >= lower).all()
    assert not charges[0].any()


def test_the_fraction_is_that_of_the_pixels_that_count():
    valid = np.zeros(SHAPE, bool)
    valid[:, :128] = True
    for aim, added in zip(AIMS, steps([donor(1)], valid=valid), strict=True):
        assert (added[valid] > 0).mean() == pytest.approx(aim, abs=0.003)


def test_steps_are_seeded():
    one, same, other = (steps([donor(1)], aims=[0.03], seed=s)[0] for s in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_added_charge_is_whole_cosmic_rays_of_the_donors():
    added = steps([donor(3)], aims=[0.01])[0]
    charges, pixels = np.unique(added[added > 0], return_counts=True)
    assert set(charges) <= set(np.unique(donor(3)))
    assert pixels.sum() == pytest.approx(0.01 * added.size, rel=0.2)
    # A shift may cut a track in two at the border.
    cut = np.isin(charges, added[:, [0, -1]])
    assert set(pixels[~cut]) == {4}


def test_donors_are_moved_off_their_place():
    added = steps([donor(1)], aims=[0.018])[0]
    assert ((added > 0) & (donor(1) > 0)).mean() < 0.003


@pytest.mark.parametrize("donors", [[], [np.zeros(SHAPE, np.float32)]])
def test_without_donors_nothing_is_added(donors):
    assert not np.any(steps(donors))


def steps_of(chip, charges, clean=lambda image: image, **changes):
    stars = star_table((128, 128, 5.0), (60, 60, 5.0))
    return measure_steps(chip, charges, stars, clean, DENSITY | changes)


def hit(e, row=128, column=128):
    charge = np.zeros(SHAPE, np.float32)
    charge[row, column] = e
    return charge


FIELD = ((128, 128, 20000), (60, 60, 20000))


def refuse(image):
    raise AssertionError("the exposure as it is has been cleaned already")


def test_step_0_is_the_exposure_as_it_is():
    chip = make_chip(FIELD)
    chip.inpaint[128, 128] += 500
    chip.label[10, :64] = True
    (step,) = steps_of(chip, [], refuse)
    table = measure_chip(chip, star_table((128, 128, 5.0), (60, 60, 5.0)), (1,), PHOTOMETRY)
    for name in ("area", "flux_original", "flux_clean", "flux_inpaint", "sigma"):
        np.testing.assert_array_equal(step.stars[name], table[name])
    assert (step.cr_px, step.valid_px) == (64, chip.valid.sum())


def test_added_charge_contaminates_and_what_deepcr_leaves_is_anomalous():
    chip = make_chip(FIELD)
    for clean, anomalous in ((lambda image: image, 1), (lambda image: chip.original, 0)):
        measured = [steps_of(chip, [hit(100), hit(5000)], clean)]
        rows = [
            row for row in tabulate_steps(measured, [16, 50], 3.0) if row["area_bin"] == "16-50"
        ]
        assert [row["stars"] for row in rows] == [2, 2, 2]
        assert [row["contaminated"] for row in rows] == [0, 0, 1]
        assert [row["anomalous"] for row in rows] == [0, 0, anomalous]
        assert rows[2]["contaminated_fraction"] == 0.5
        assert rows[2]["cr_fraction"] == 1 / chip.original.size


def test_pixels_that_added_charge_saturates_do_not_count():
    chip = make_chip(FIELD)
    before, after = steps_of(chip, [hit(80000)], max_excluded=0.5)
    assert after.valid_px == before.valid_px - 49
    assert after.cr_px == 0
    assert len(steps_of(chip, [hit(80000)])[1].stars) == 1


def test_excluded_pixels_stay_excluded():
    chip = make_chip(FIELD)
    chip.valid[120:137, 120:137] = False
    chip.original[~chip.valid] = np.nan
    for step in steps_of(chip, [hit(5000)]):
        assert len(step.stars) == 1
        assert step.valid_px == chip.valid.sum()
        assert step.cr_px == 0


def measure_all(*chips, stars):
    donors = [[donor(i) for _ in chips] for i in (1, 2)]
    return Table(measure_density(chips, donors, stars, lambda image: image, (1, 1, 1), DENSITY))


def test_an_exposure_has_all_steps_above_its_own_density():
    chip = make_chip(FIELD)
    chip.label[:13] = True
    rows = measure_all(
        chip, replace(chip, extver=2), stars=star_table((128, 128, 5.0), (60, 60, 5.0))
    )
    everything = rows[rows["area_bin"] == "all"]
    assert everything["step"].tolist() == [0, 1, 2]
    assert everything["cr_fraction"] == pytest.approx([13 / 256, 0.09, 0.145], abs=0.004)
    assert everything["stars"].tolist() == [4, 4, 4]
    assert everything["contaminated_fraction"][0] == 0


@pytest.mark.parametrize("valid", [True, False])
def test_without_stars_or_pixels_the_fractions_are_nan(valid):
    stars = star_table() if valid else star_table((128, 128, 5.0))
    rows = measure_all(make_chip(valid=np.full(SHAPE, valid)), stars=stars)
    assert len(set(rows["step"])) == (4 if valid else 1)
    assert not rows["stars"].any()
    assert np.isnan(rows["contaminated_fraction"]).all()
    assert np.isnan(rows["cr_fraction"]).all() != valid


def test_area_bins_hold_their_upper_edge():
    area = np.array([16, 17, 50, 50.5, 200, 400, 401])
    bins = area_bins(area, [16, 50, 200, 400])
    assert {name: area[which].tolist() for name, which in bins.items()} == {
        "all": area.tolist(),
        "16-50": [17, 50],
        "50-200": [50.5, 200],
        "200-400": [400],
    }


def test_chips_of_an_exposure_are_counted_together():
    names = ("area", "flux_clean", "flux_original", "flux_inpaint", "sigma")
    rows = [(20.0, 100.0, 131.0, 100.0, 10.0), (300.0, 100.0, 129.0, 60.0, 10.0)]
    table = Table(rows=rows, names=names)
    rows = tabulate_steps(
        [[DensityStep(10, 100, table)], [DensityStep(5, 50, table[:1])]], [16, 50, 400], 3.0
    )
    by_bin = {row["area_bin"]: row for row in rows}
    assert by_bin["all"]["cr_fraction"] == 0.1
    assert [by_bin[name]["stars"] for name in ("all", "16-50", "50-400")] == [3, 2, 1]
    assert [by_bin[name]["contaminated"] for name in ("all", "16-50", "50-400")] == [2, 2, 0]
    assert [by_bin[name]["anomalous"] for name in ("all", "16-50", "50-400")] == [1, 0, 1]


def test_line_and_pearson_equal_scipy():
    x, noise = np.random.default_rng(1).normal(size=(2, 30))
    y = 3 * x + noise
    line = fit_line(x, y)
    assert (line.rvalue, line.pvalue) == pytest.approx(scipy_stats.pearsonr(x, y))
    assert (line.slope, line.intercept) == pytest.approx(np.polyfit(x, y, 1))


@pytest.mark.parametrize(
    ("x", "y"), [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5]), ([1, 2], [1, 2]), ([], [])]
)
def test_without_spread_or_points_a_line_is_undefined(x, y):
    assert np.isnan(fit_line(np.array(x, float), np.array(y, float))).all()


def points(groups=4, stars=20, spread=0.0):
    rng = np.random.default_rng(2)
    rows = [
        {"group": f"g{g:02d}", "cr_fraction": x, "area_bin": "all", "stars": stars}
        | {"contaminated_fraction": 0.1 + 5 * x + spread * rng.normal(), "anomalous_fraction": 0.2}
        for g in range(groups)
        for x in (0.02, 0.05, 0.1)
    ]
    return Table(rows)


def test_fits_read_the_line_where_the_paper_does():
    contaminated, anomalous = fit_density(points(spread=0.01), 5, RESAMPLING, {"dataset": "test"})
    assert contaminated["at_cr_fraction"] == 0.09
    assert contaminated["value_at"] == pytest.approx(0.1 + 5 * 0.09, abs=0.03)
    for name in ("slope", "intercept", "value_at", "pearson_r"):
        assert contaminated[f"{name}_lo"] < contaminated[name] < contaminated[f"{name}_hi"]
    assert (contaminated["points"], contaminated["groups"]) == (12, 4)
    assert anomalous["points"] == 12
    assert np.isnan([anomalous["pearson_r"], anomalous["p_value"], anomalous["slope_hi"]]).all()


def test_interval_resamples_groups():
    """The spread of slopes between groups, not of points, makes the interval."""
    table = points(groups=12)
    shift = np.linspace(-2, 2, 12)[[int(name[1:]) for name in table["group"]]]
    table["contaminated_fraction"] += shift * table["cr_fraction"]
    fit = fit_density(table, 5, RESAMPLING | {"samples": 2000}, {})[0]
    brute = []
    names = np.unique(table["group"])
    for seed in range(300):
        picks = np.random.default_rng(seed).choice(names, len(names))
        rows = np.concatenate([np.flatnonzero(table["group"] == name) for name in picks])
        x, y = table["cr_fraction"][rows], table["contaminated_fraction"][rows]
        brute.append(scipy_stats.linregress(x, y).slope)
    low, high = np.percentile(brute, (2.5, 97.5))
    assert fit["slope_lo"] == pytest.approx(low, abs=0.15)
    assert fit["slope_hi"] == pytest.approx(high, abs=0.15)


def test_two_groups_have_no_interval():
    assert np.isnan(fit_density(points(groups=2), 5, RESAMPLING, {})[0]["slope_lo"])


def test_one_group_has_no_interval_and_poor_points_do_not_count():
    one = fit_density(points(groups=1), 5, RESAMPLING, {})[0]
    assert one["slope"] == pytest.approx(5)
    assert np.isnan(one["slope_lo"])
    none = fit_density(points(stars=4), 5, RESAMPLING, {})[0]
    assert none["points"] == none["groups"] == none["stars"] == 0
    assert np.isnan(none["slope"])


def test_donors_with_hardly_a_cosmic_ray_end_the_steps():
    faint = np.zeros(SHAPE, np.float32)
    faint[0, 0] = 100
    assert len(steps([faint], aims=[0.05, 0.1])) == 2


def test_no_counted_pixel_adds_nothing():
    nothing = steps([donor(1)], valid=np.zeros(SHAPE, bool), aims=[0.05])
    assert not nothing[0].any()
