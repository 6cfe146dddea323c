"""The stars of a group: selection on a chip, matching on the sky."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from crstudy.instrument.acs import chip_headers
from crstudy.instrument.wcs import is_inside, on_chip, read_wcs
from crstudy.photometry.stars import STEPS, Selection, find_on_chip, match_detections, match_inputs
from starfield import NOISE_E, SHAPE, SKY_E, make_chip, sky_of
from synthetic_exposures import POINTING, TEMPLATES, write_group

RULES = Selection(detect_rms=3.0, min_area_px=16, max_elongation=1.2, edge_fraction=0.0625)
DITHERS = ((0.0, 0.0), (60.0, -45.0), (-70.0, 80.0))


def find(chip, **changes):
    return find_on_chip(chip, RULES._replace(**changes), 64)


def plateau(pixels, height_rms):
    """Return a chip with given pixels at one height above a calm patch of sky."""
    chip = make_chip()
    image = chip.clean.copy()
    image[90:140, 90:140] = SKY_E
    for row, column in pixels:
        image[row, column] = SKY_E + height_rms * NOISE_E
    return replace(chip, clean=image)


def block(rows, columns):
    return [(100 + i, 100 + j) for i in range(rows) for j in range(columns)]


@pytest.mark.parametrize(("height_rms", "found"), [(2.6, 0), (3.4, 1)])
def test_each_pixel_of_a_star_lies_above_3_rms(height_rms, found):
    assert len(find(plateau(block(5, 5), height_rms))) == found


def test_a_low_plateau_does_not_count_as_area_of_a_peak():
    chip = plateau(block(9, 9), 2.6)
    chip.clean[103:106, 103:106] = SKY_E + 20 * NOISE_E
    assert len(find(chip)) == 0


@pytest.mark.parametrize(("pixels", "found"), [(block(4, 4), 0), ([*block(4, 4), (104, 101)], 1)])
def test_area_must_exceed_16_pixels(pixels, found):
    stars = find(plateau(pixels, 10))
    assert stars["npix"].tolist() == [len(pixels)][:found]


@pytest.mark.parametrize(("ratio", "found"), [(1.0, 1), (1.12, 1), (1.3, 0), (1 / 1.3, 0)])
def test_axis_ratio_is_at_most_1_2(ratio, found):
    assert len(find(make_chip([(128, 128, 30000, 2.5, ratio)]))) == found


@pytest.mark.parametrize(("shape", "margin"), [((2048, 4096), 128.0), ((64, 128), 4.0)])
def test_margin_is_in_proportion_to_the_frame(shape, margin):
    rows, columns = shape
    inward, middle = np.array([-0.01, 0.01]), np.full(2, rows / 2)
    sides = [
        (margin - 0.5 + inward, middle),
        (columns - 0.5 - margin - inward, middle),
        (middle, margin - 0.5 + inward),
        (middle, rows - 0.5 - margin - inward),
    ]
    for x, y in sides:
        assert is_inside(x, y, shape, 0.0625).tolist() == [False, True]


def test_stars_near_an_edge_are_left_out_and_steps_count_what_is_left():
    stars = [(12, 100, 30000), (30, 180, 30000), (120, 244, 30000), (200, 60, 30000, 2.5, 1.5)]
    found = find(make_chip([*stars, (180, 200, 500)]))
    assert found["x"].tolist() == pytest.approx([30], abs=0.1)
    counts = [found.meta["steps"][step] for step in STEPS]
    assert counts[1:] == [4, 3, 1]
    assert counts[0] >= 4


def test_a_star_in_dithered_distorted_exposures_is_one_star_at_its_true_place():
    parts = [
        find(make_chip([(128, 128, 30000)], f"exp{i}", dither=dither, seed=i))
        for i, dither in enumerate(DITHERS)
    ]
    stars = match_detections(parts, 0.1, 3, 3.0)
    assert len(stars) == 1
    assert stars["star"][0] == 1
    assert stars["detections"][0] == 3
    centre = SkyCoord(stars["ra"][0], stars["dec"][0], unit="deg")
    assert centre.separation(sky_of(128, 128)).arcsec < 0.02
    areas = [part["npix"][0] for part in parts]
    assert stars["area"][0] == np.median(areas)
    assert stars["radius"][0] == pytest.approx(max(3.0, np.sqrt(np.median(areas) / np.pi)))


def test_shifting_pixels_by_the_dither_would_not_match():
    for i, (dx, dy) in enumerate(DITHERS[1:]):
        found = find(make_chip([(128, 128, 30000)], dither=(dx, dy), seed=i))
        # A shortcut by the nominal dither ends more than the matching radius off.
        shortcut = sky_of(found["x"][0] + dx, found["y"][0] + dy)
        assert shortcut.separation(sky_of(128, 128)).arcsec > 0.1


def test_positions_of_a_written_exposure_include_distortion(tmp_path):
    path = write_group(tmp_path, n_exposures=1)[0].path
    wcs = read_wcs(path)[1]
    x, y = np.array([5.0, 64.0, 120.0]), np.array([120.0, 64.0, 5.0])
    sky = SkyCoord(*wcs.all_pix2world(x, y, 0), unit="deg")
    inside, column, row = on_chip(wcs, sky, (128, 128), 0.0625)
    assert inside.tolist() == [False, True, False]
    np.testing.assert_allclose([column, row], [x, y], atol=1e-4)


def test_far_positions_are_off_the_chip_and_nan():
    far = SkyCoord([sky_of(128, 128).ra.deg, 330.0], [-60.0, -2.0], unit="deg")
    inside, x, y = on_chip(make_chip().wcs, far, SHAPE, 0.0)
    assert not inside.any()
    assert np.isnan([x, y]).all()


def detections(*rows, exposure="exp1"):
    """Return detections at offsets (arcsec in right ascension) from 10, 0, with their areas."""
    ra = np.array([10 + arcsec / 3600 for arcsec, _ in rows])
    table = Table({"ra": ra, "dec": np.zeros(len(ra))})
    table["npix"] = [area for _, area in rows]
    table["a"], table["b"] = 1.1, 1.0
    table["exposure"] = np.full(len(ra), exposure)
    table.meta["steps"] = dict.fromkeys(STEPS, len(ra))
    return table


def group_of(*rows):
    return [detections(*rows, exposure=f"exp{i}") for i in range(3)]


def test_detections_closer_than_the_radius_are_one_star_others_two():
    assert len(match_detections(group_of((0, 30), (0.15, 30)), 0.1, 3, 3.0)) == 2
    merged = match_detections(group_of((0, 30), (0.05, 30)), 0.1, 3, 3.0)
    assert len(merged) == 1
    assert merged["ra"][0] == pytest.approx(10 + 0.025 / 3600, abs=1e-9)


def test_a_star_needs_detections_in_enough_exposures():
    parts = [
        detections((0, 30), (5, 30), (5.05, 30), exposure="exp1"),
        detections((0, 40), (5, 30), exposure="exp2"),
        detections((0, 90), exposure="exp3"),
    ]
    stars = match_detections(parts, 0.1, 3, 3.0)
    assert stars["detections"].tolist() == [3]
    assert stars["area"].tolist() == [40.0]
    assert sorted(match_detections(parts, 0.1, 2, 3.0)["detections"]) == [2, 3]
    assert len(match_detections(parts, 0.1, 4, 3.0)) == 0
    assert stars.meta["steps"]["inside"] == 6


def test_radius_is_that_of_the_area_but_not_too_small():
    stars = match_detections(group_of((0, 20), (5, 400)), 0.1, 3, 3.0)
    assert sorted(stars["radius"]) == pytest.approx([3.0, np.sqrt(400 / np.pi)])


def test_stars_at_the_origin_of_right_ascension_are_not_torn_apart():
    parts = group_of((0, 30))
    for part, arcsec in zip(parts, (-0.02, 0.0, 0.02), strict=True):
        part["ra"] = np.array([arcsec / 3600]) % 360
    stars = match_detections(parts, 0.1, 3, 3.0)
    assert len(stars) == 1
    assert (stars["ra"][0] + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_stars_are_numbered_by_declination():
    parts = group_of((0, 30), (5, 30), (9, 30))
    for part in parts:
        part["dec"] = [0.3, -0.1, 0.2]
    stars = match_detections(parts, 0.1, 3, 3.0)
    assert stars["dec"].tolist() == pytest.approx([-0.1, 0.2, 0.3])
    assert stars["star"].tolist() == [1, 2, 3]


COLUMNS = ["star", "ra", "dec", "area", "radius", "elongation", "detections"]


def test_no_star_gives_an_empty_table_with_the_right_columns(tmp_path):
    one = match_detections(group_of((0, 30)), 0.1, 3, 3.0)
    none = match_detections([find(make_chip(exposure=f"exp{i}")) for i in range(3)], 0.1, 3, 3.0)
    assert len(none) == 0
    assert none.colnames == one.colnames == COLUMNS
    none.write(tmp_path / "stars.ecsv")
    for table in (none, Table.read(tmp_path / "stars.ecsv")):
        for name in COLUMNS:
            assert table[name].dtype == one[name].dtype
            assert table[name].unit == one[name].unit
            assert table[name].description == one[name].description


def test_a_chip_without_pixels_that_count_has_no_star():
    chip = make_chip([(128, 128, 30000)], valid=np.zeros(SHAPE, bool))
    assert len(find(chip)) == 0


def test_excluded_pixels_belong_to_no_star():
    chip = make_chip([(128, 128, 30000), (60, 60, 30000)])
    chip.valid[120:137, 120:137] = False
    chip.clean[~chip.valid] = np.nan
    assert find(chip)["x"].tolist() == pytest.approx([60], abs=0.1)


def test_match_with_the_brightest_source_within_reach():
    arcsec = 1 / 3600
    stars = Table({"ra": [10.0, 10 + 5 * arcsec, 10 + 9 * arcsec], "dec": [0.0, 0.0, 0.0]})
    ra = np.array([10 + 0.08 * arcsec, 10 + 0.01 * arcsec, 10 + 5.2 * arcsec, 10 + 9 * arcsec])
    inputs = Table({"ra": ra, "dec": np.zeros(4), "flux": [100.0, 1.0, 9.0, 5.0]})
    assert match_inputs(stars, inputs, 0.1).tolist() == [0, -1, 3]
    assert match_inputs(stars[:0], inputs, 0.1).tolist() == []
    assert match_inputs(stars, inputs[:0], 0.1).tolist() == [-1, -1, -1]


def test_sky_and_pixels_are_inverse_over_a_whole_chip():
    """Distortion of ACS/WFC moves pixels by up to 71 px: inside what `on_chip` looks at."""
    shape = (2048, 4096)
    x, y = (grid.ravel() for grid in np.meshgrid([0.0, 2048.0, 4095.0], [0.0, 1024.0, 2047.0]))
    for header in chip_headers(TEMPLATES, POINTING, 2, shape):
        wcs = WCS(header)
        sky = SkyCoord(*wcs.all_pix2world(x, y, 0), unit="deg")
        inside, column, row = on_chip(wcs, sky, shape, 0.0)
        assert inside.all()
        np.testing.assert_allclose([column, row], [x, y], atol=1e-3)
