"""Footprints on the sky, and the fields that observations make up."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from spherical_geometry.polygon import SphericalPolygon

from crstudy.archive.footprints import (
    Observation,
    group_fields,
    overlap,
    read_footprint,
    rotation_deg,
)
from crstudy.archive.screening import FULL_FRAMES
from crstudy.instrument.acs import chip_headers
from mast_rows import footprint
from synthetic_exposures import TEMPLATES

SIDE_DEG = 202 / 3600
#: Anywhere, over RA 0, and at both poles.
PLACES = [(150.0, 2.0), (359.999, -30.0), (10.0, 89.995), (200.0, -89.99), (0.0, 0.0), (0.0, 90.0)]
LIMITS = {"min_overlap": 0.8, "max_rotation_deg": 1.0, "max_days": 30.0}


def square(ra, dec, orientation=0.0):
    return read_footprint(footprint(ra, dec, orientation))


def moved(ra, dec, side_fraction, orientation=0.0):
    """Return a square that is moved along a side from (ra, dec), as parallel as can be."""
    start = SkyCoord(ra, dec, unit="deg")
    there = start.directional_offset_by(orientation * u.deg, side_fraction * SIDE_DEG * u.deg)
    back = there.position_angle(start).deg + 180
    return square(there.ra.deg, there.dec.deg, back if side_fraction else orientation)


def observed(number, place=(150.0, 2.0), orientation=0.0, day=0.0, proposal="12345"):
    return Observation(
        obsid=str(number),
        obs_id=f"jabc{number:02d}010",
        proposal=proposal,
        target="FIELD",
        field_class="other",
        start_mjd=56000.0 + day,
        exptime_s=2000.0,
        ra=place[0],
        dec=place[1],
        footprint=square(*place, orientation),
    )


def numbers(fields):
    return [[int(observation.obsid) for observation in field] for field in fields]


@pytest.mark.parametrize(
    "text",
    [
        "POLYGON ICRS 10 0 10.1 0 10.1 0.1 10 0.1 10 0",
        "POLYGON 10 0 10.1 0 10.1 0.1 10 0.1",
        "Polygon GSC1  10.0  0.0  10.1 0 1.01e1 0.1 10 0.1",
        "POLYGON ICRS -350 0 -349.9 0 370.1 0.1 10 0.1",
        "UNION ICRS (POLYGON 10 0 10.1 0 10.1 .05 10 .05 POLYGON 10 .06 10.1 .06 10.1 .1 10 .1)",
    ],
)
def test_outlines_are_read(text):
    assert read_footprint(text).area_arcmin2 == pytest.approx(36, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "None",
        "CIRCLE ICRS 10 0 0.1",
        "POLYGON ICRS",
        "POLYGON ICRS 10 0 10.1 0",
        "POLYGON ICRS 10 0 10.1 0 10.1",
        "POLYGON ICRS 10 0 10.1 0 10.1 ee",
        "POLYGON ICRS 10 0 10.1 0 10.1 91",
        "POLYGON ICRS 10 0 10.1 0 10.2 0",
        "POLYGON ICRS 0 0 90 0 180 0 270 0",
        "POLYGON ICRS 0 80 180 80 90 60",
    ],
)
def test_what_is_no_outline_is_refused(text):
    with pytest.raises(ValueError):
        read_footprint(text)


def test_both_chips_make_a_full_frame():
    headers = chip_headers(TEMPLATES, SkyCoord(150, 2, unit="deg"), 2, (2048, 4096))
    corners = [WCS(header).calc_footprint(axes=(4096, 2048)).ravel() for header in headers]
    text = " ".join(f"POLYGON ICRS {' '.join(map(str, chip))}" for chip in corners)
    nominal = FULL_FRAMES["ACS/WFC"].area_arcmin2
    assert read_footprint(text).area_arcmin2 == pytest.approx(nominal, rel=0.01)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fraction", [0.0, 1e-6, 0.01, 0.2, 0.7, 0.99])
def test_overlap_of_moved_squares(place, fraction):
    a, b = square(*place), moved(*place, fraction)
    assert overlap(a, b) == pytest.approx(1 - fraction, abs=1e-5)
    assert overlap(b, a) == pytest.approx(overlap(a, b), abs=1e-6)


@pytest.mark.parametrize("place", PLACES)
def test_overlap_is_that_of_spherical_geometry(place):
    a, b = square(*place, 10), moved(*place, 0.3, 25)
    polygons = [SphericalPolygon(np.vstack([f.corners, f.corners[:1]]), f.centre) for f in (a, b)]
    common = polygons[0].intersection(polygons[1]).area()
    expected = common / min(polygon.area() for polygon in polygons)
    assert overlap(a, b) == pytest.approx(expected, abs=1e-5)


def test_no_overlap():
    a = square(150, 2)
    for other in (moved(150, 2, 1.0001), moved(150, 2, 1.3), square(330, -2), square(150, -88)):
        assert overlap(a, other) == 0


def test_a_part_overlaps_as_a_whole():
    whole, part = square(10, 0.05), read_footprint("POLYGON 10 0.05 10.01 0.05 10.01 0.06 10 0.06")
    assert overlap(whole, part) == pytest.approx(overlap(part, whole)) == pytest.approx(1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("turn", "expected"), [(0, 0), (0.5, 0.5), (30, 30), (60, 30), (-89, 1)])
def test_rotation_is_known_modulo_a_quarter_turn(place, turn, expected):
    a = square(*place, 17)
    assert rotation_deg(a, square(*place, 17 + turn)) == pytest.approx(expected, abs=1e-4)


def test_rotation_at_the_pole_is_not_that_against_north():
    # Beside the pole, north itself turns with right ascension.
    a = square(0, 89.995, 0)
    assert rotation_deg(a, square(30, 89.995, 30)) == pytest.approx(0, abs=1e-3)
    assert rotation_deg(a, square(30, 89.995, 0)) == pytest.approx(30, abs=1e-3)


@pytest.mark.parametrize("place", [(0.0, 0.0), (45.0, 0.0), (35.2644, 30.0), (200.0, -50.0)])
def test_neighbours_are_parallel_anywhere(place):
    ra, dec = place
    for step in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        other = square(ra + step[0], dec + step[1], 10)
        assert rotation_deg(square(ra, dec, 10), other) < 0.02


def test_dithers_hardly_turn_an_outline():
    headers = chip_headers(TEMPLATES, SkyCoord(150, 2, unit="deg"), 2, (2048, 4096))
    chips = [WCS(header).calc_footprint(axes=(4096, 2048)) for header in headers]
    dithers = np.array([[0, 0], [2.5, 1.2], [-1, 3], [4, 4]]) / 3600
    texts = [
        " ".join(f"POLYGON {' '.join(map(str, (c + d).ravel()))}" for c in chips for d in some)
        for some in (dithers[:1], dithers)
    ]
    single, together = (read_footprint(text) for text in texts)
    assert rotation_deg(single, together) < 0.3
    assert overlap(single, together) == pytest.approx(1)


def test_observations_of_one_field():
    visits = [
        observed(1),
        observed(2, (150.002, 2.003), day=3),
        observed(3, orientation=0.5, day=9),
    ]
    assert numbers(group_fields(visits, **LIMITS)) == [[1, 2, 3]]


@pytest.mark.parametrize(
    "other",
    [
        {"proposal": "12346"},
        {"orientation": 1.5},
        {"orientation": 45.0},
        {"place": (150.0, 2.02)},
        {"place": (330.0, -2.0)},
        {"day": 30.1},
    ],
)
def test_observations_of_two_fields(other):
    assert numbers(group_fields([observed(1), observed(2, **other)], **LIMITS)) == [[1], [2]]


@pytest.mark.parametrize("ra", [0.0, 359.9999, 0.0001])
def test_a_field_over_right_ascension_zero(ra):
    visits = [observed(1, (359.9995, 10.0)), observed(2, (ra, 10.0)), observed(3, (180.0, 10.0))]
    assert numbers(group_fields(visits, **LIMITS)) == [[1, 2], [3]]


def test_a_field_at_the_pole():
    visits = [observed(1, (0, 89.999)), observed(2, (120, 89.999), 120), observed(3, (120, 89.999))]
    assert numbers(group_fields(visits, **LIMITS)) == [[1, 2], [3]]


def test_all_observations_of_a_field_share_the_sky():
    # The last two overlap the first by 87 %, but one another by 74 % only.
    steps = [observed(i, (150.0, 2 + 0.13 * n * SIDE_DEG), day=i) for i, n in enumerate((0, 1, -1))]
    assert numbers(group_fields(steps, **LIMITS)) == [[0, 1], [2]]


def test_no_overlap_asked_for_is_some_overlap_still():
    limits = LIMITS | {"min_overlap": 0.0}
    visits = [observed(1), observed(2, (150.0, 2.05)), observed(3, (150.0, 2.2))]
    assert numbers(group_fields(visits, **limits)) == [[1, 2], [3]]


def test_order_of_the_answer_does_not_matter():
    rng = np.random.default_rng(1)
    visits = [
        observed(n, (150 + 0.1 * (n % 4), 2.0), day=n % 3, proposal=f"123{n % 2}")
        for n in range(24)
    ]
    expected = numbers(group_fields(visits, **LIMITS))
    assert len(expected) == 4
    for _ in range(3):
        assert numbers(group_fields(rng.permutation(visits), **LIMITS)) == expected
