"""Forced photometry against analytic fluxes."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.data.background import Sky
from crstudy.data.chips import Truth
from crstudy.photometry.aperture import aperture_sum, flux_and_error, usable_apertures
from crstudy.photometry.forced import (
    COLUMNS,
    masked_flux,
    measure_chip,
    photometry_table,
    without_cosmic_rays,
    zero_point_mag,
)
from starfield import NOISE_E, PHOTOMETRY, SHAPE, gaussian, make_chip, star_table
from synthetic_exposures import EXPTIME_S

SEEDS = (1, 1, 1, 1)
FLUXES = [name for name in COLUMNS if name.startswith("flux_")]
ALL = np.ones(SHAPE, bool)


def flat_sky(level=0.0, rms=1.0):
    return Sky(np.full(SHAPE, level, np.float32), np.full(SHAPE, rms, np.float32), rms)


def truth_of(scene_e=100.0, cr_e=0):
    cr, scene = np.full(SHAPE, cr_e, np.int32), np.full(SHAPE, scene_e, np.float32)
    return Truth(cr, scene, 1.0, 4.0)


def star_image(x, y):
    """Draw the light of a star as `gaussian` puts it on a chip."""
    column, row = np.floor((x + 0.5, y + 0.5))
    return gaussian((33, 33), 16 + x - column, 16 + y - row, 1.0, 2.0)


def measure(chip, stars, **settings):
    return measure_chip(chip, stars, SEEDS, PHOTOMETRY | settings, star_image)


def pooled(*chips, stars):
    parts = [
        measure_chip(chip, stars, (1, 1, i, 1), PHOTOMETRY, star_image)
        for i, chip in enumerate(chips)
    ]
    return photometry_table(parts, "g001", {"detect_rms": 3.0})


def test_uniform_image_gives_the_area_of_the_circle():
    x, y, radius = np.array([[50.0, 60.3, 70.5], [40.0, 41.7, 90.5], [3.0, 4.4, 10.0]])
    sums = aperture_sum(np.ones(SHAPE), ALL, x, y, radius)
    np.testing.assert_allclose(sums, np.pi * radius**2, rtol=1e-5)


def test_flux_of_a_known_star_is_what_the_circle_encloses():
    image, circle = gaussian(SHAPE, 100.4, 120.7, 5000.0, 4.0), np.array([[100.4], [120.7], [8.0]])
    inside = 1 - np.exp(-(8.0**2) / (2 * 4.0**2))
    assert aperture_sum(image, ALL, *circle)[0] == pytest.approx(5000 * inside, rel=5e-3)


def test_background_is_subtracted_and_the_flux_is_within_its_error():
    chip = make_chip([(128, 128, 20000)])
    row = measure(chip, star_table((128, 128, 6.0)))[0]
    assert abs(row["flux_clean"] - 20000) < 4 * row["sigma"]
    assert row["flux_original"] == pytest.approx(row["flux_clean"], rel=1e-6)
    assert row["sigma"] == pytest.approx(np.sqrt(np.pi * 36 * NOISE_E**2 + 20000), rel=0.03)
    assert (row["x"], row["y"]) == pytest.approx((128, 128), abs=0.01)


def test_sigma_adds_background_variance_and_flux():
    valid = ALL.copy()
    valid[:, :100] = False
    image = np.full(SHAPE, 7.0)
    rms = np.where(np.indices(SHAPE)[0] < 128, 2.0, 3.0).astype(np.float32)
    sky = Sky(np.full(SHAPE, 2.0, np.float32), rms, 2.5)
    circle = np.array([[99.5], [127.5], [6.0]])
    flux, sigma = flux_and_error(image, valid, sky, *circle)
    half = np.pi * 36 / 2
    assert flux[0] == pytest.approx(5 * half, rel=1e-5)
    assert sigma[0] == pytest.approx(np.sqrt(half * (2**2 + 3**2) / 2 + 5 * half), rel=1e-5)


def test_excluded_pixels_are_left_out_of_every_flux_alike():
    stars = star_table((128, 128, 6.0))
    tables = []
    for junk in (0.0, np.nan, 1e6):
        chip = make_chip([(128, 128, 20000)], truth=truth_of())
        chip.valid[125:127, 130] = False
        for image in (chip.original, chip.clean, chip.inpaint, chip.truth.scene):
            image[~chip.valid] = junk
        chip.label[125:127, 130] = True
        chip.probability[125, 130] = 1.0
        if np.isnan(junk):
            chip.truth.scene[~chip.valid] = 0
        tables.append(measure(chip, stars))
    for table in tables:
        assert table["excluded_px"][0] == pytest.approx(2, abs=1e-6)
        assert table["label_px"][0] == table["flagged_px"][0] == 0
        assert table["used"][0]
        for name in set(FLUXES) - {"flux_crfree"}:
            assert table[name][0] == pytest.approx(tables[0][name][0], rel=1e-6)
        assert table["flux_original"][0] == table["flux_clean"][0] == table["flux_inpaint"][0]


def test_star_whose_aperture_is_half_masked_is_not_used_and_says_so():
    stars, chip = star_table((128, 128, 6.0)), make_chip([(128, 128, 20000)])
    chip.valid[:, :128] = False
    row = measure(chip, stars)[0]
    segment = 36 * np.arccos(0.5 / 6) - 0.5 * np.sqrt(36 - 0.25)
    assert row["excluded_px"] == pytest.approx(segment, rel=0.01)
    assert not row["used"]
    assert measure(chip, stars, max_excluded=0.5)["used"][0]
    assert np.isnan(pooled(chip, stars=stars)["mag"][0])


def test_star_without_positive_flux_is_not_used():
    assert not measure(make_chip([(128, 128, -3000)]), star_table((128, 128, 6.0)))["used"][0]


def test_star_off_the_chip_or_near_an_edge_has_no_row():
    stars = star_table((128, 128, 3.0), (14, 128, 3.0), (128, 250, 3.0), (900, 128, 3.0))
    assert measure(make_chip(), stars)["star"].tolist() == [1]
    assert measure(make_chip(dither=(-130, 0)), stars)["star"].tolist() == [2]


@pytest.mark.parametrize("place", [(128.0, 128.0), (60.4, 90.7), (6.3, 249.6)])
def test_star_without_its_flagged_pixels_keeps_its_flux(place):
    """The PSF says how much light the lost pixels held, also at the core and at an edge."""
    x, y = place
    chip = make_chip(original=gaussian(SHAPE, x, y, 20000.0, 2.0).astype(np.float32))
    row, column = round(y), round(x)
    chip.probability[row : row + 2, column - 1 : column + 6] = 0.9
    chip.valid[row - 3, column] = False
    measured = Table({"x": [x], "y": [y], "radius": [6.0], "flagged_px": [8.0]})
    kept = chip.valid & (chip.probability < 0.5)
    circle = np.array([[x], [y], [6.0]])
    whole, left = (aperture_sum(chip.original, mask, *circle)[0] for mask in (chip.valid, kept))
    found = masked_flux(chip.original, chip.valid, kept, measured, star_image)
    assert found[0] == pytest.approx(whole, rel=1e-6)
    # By area it would be far off.
    area, part = (aperture_sum(mask, mask, *circle)[0] for mask in (chip.valid, kept))
    assert abs(left * area / part / whole - 1) > 0.1


def test_star_of_which_no_pixel_is_left_has_no_masked_flux():
    chip, stars = make_chip([(128, 128, 20000)]), star_table((128, 128, 6.0))
    row = measure(chip, stars)[0]
    assert row["flux_masked"] == row["flux_original"]
    chip.probability[:] = 0.9
    assert np.isnan(measure(chip, stars)["flux_masked"][0])


def test_label_and_true_charge_are_summed_over_the_aperture():
    chip = make_chip(truth=truth_of(cr_e=2))
    chip.label[127:129, 127:130] = True
    row = measure(chip, star_table((128, 128, 6.0)))[0]
    assert row["label_px"] == 6
    assert row["cr_true"] == pytest.approx(2 * np.pi * 36, rel=1e-5)


def test_control_exposure_differs_from_the_scene_by_noise_alone():
    scene = np.full((400, 400), 60.0)
    image = without_cosmic_rays(np.random.default_rng(1), scene, 3.0, 4.0)
    assert image.mean() == pytest.approx(60, abs=0.1)
    assert image.var() == pytest.approx(60 + 3 + 16, rel=0.02)


def test_real_data_have_no_truth():
    table = pooled(make_chip([(128, 128, 20000)]), stars=star_table((128, 128, 6.0)))
    for name in ("flux_scene", "flux_crfree", "cr_true"):
        assert np.isnan(table[name]).all()


def test_zero_point_of_acs_f606w_and_one_magnitude_per_star():
    chips = [make_chip([(128, 128, 20000)], f"e{i}", seed=i) for i in range(3)]
    chips[2].valid[:] = False
    assert zero_point_mag(chips[0].header) == pytest.approx(26.49, abs=0.01)
    table = pooled(*chips, stars=star_table((128, 128, 6.0)))
    assert table["used"].tolist() == [True, True, False]
    assert len(set(table["mag"])) == 1
    assert table["mag"][0] == pytest.approx(26.49 - 2.5 * np.log10(20000 / EXPTIME_S), abs=0.03)


def test_the_table_has_the_promised_columns_and_survives_parquet(tmp_path):
    chip = make_chip([(128, 128, 20000)], truth=truth_of())
    table = pooled(chip, stars=star_table((128, 128, 6.0), (60, 60, 3.0)))
    table.write(tmp_path / "photometry.parquet")
    again = Table.read(tmp_path / "photometry.parquet")
    for one in (table, again):
        assert one.colnames == list(COLUMNS)
        for name, (unit, meaning) in COLUMNS.items():
            assert str(one[name].unit) == str(unit)
            assert one[name].description == meaning
        assert one.meta == {"detect_rms": 3.0}
    for name in COLUMNS:
        assert (again[name] == table[name]).all()


def test_no_star_gives_an_empty_table_that_survives_parquet(tmp_path):
    table = pooled(make_chip(), make_chip(truth=truth_of()), stars=star_table())
    table.write(tmp_path / "photometry.parquet")
    again = Table.read(tmp_path / "photometry.parquet")
    assert len(table) == len(again) == 0
    assert again.colnames == list(COLUMNS)
    one = pooled(make_chip(), stars=star_table((128, 128, 6.0)))
    for name in set(COLUMNS) - {"group", "exposure"}:
        assert again[name].dtype == one[name].dtype


def test_a_chip_without_pixels_that_count_measures_nothing():
    chip = make_chip(valid=np.zeros(SHAPE, bool), truth=truth_of())
    row = measure(chip, star_table((128, 128, 6.0)))[0]
    assert not row["used"]
    assert row["excluded_px"] == pytest.approx(np.pi * 36, rel=1e-5)


def test_what_lies_beyond_the_edge_is_excluded():
    valid = np.ones((60, 60), bool)
    x, y, radius = np.array([30.0, 2.0]), np.array([30.0, 30.0]), np.array([5.0, 5.0])
    excluded, whole = usable_apertures(valid, x, y, radius, 0.1)
    # The circle segment left of x = -0.5, at 2.5 px from the centre.
    segment = 25 * np.arccos(0.5) - 2.5 * np.sqrt(25 - 2.5**2)
    assert excluded == pytest.approx([0, segment], abs=1e-3)
    assert whole.tolist() == [True, False]


def test_star_without_its_core_is_not_used():
    valid = np.ones((60, 60), bool)
    valid[30, 30] = False
    centre = np.array([30.2])
    assert not usable_apertures(valid, centre, centre, np.array([20.0]), 0.1)[1]
