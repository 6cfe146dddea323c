"""Wings of stars, against the published encircled energies."""

import numpy as np
import pytest

from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import load_psf
from crstudy.instrument.psf_wings import SPIKE_FRACTION, wing_quadrant, wing_radius
from crstudy.simulation.skies.stars import draw_stars
from project import ROOT

SIDE, MIDDLE = 601, 301.0


@pytest.fixture(scope="module")
def star():
    """Return a star of unit flux, and distance and direction of its pixels."""
    psf = DrawnPsf(
        load_psf(ROOT / "resources/psf/acswfc_f606w_gaussians.ecsv"), Optics(), wings=True
    )
    place = np.array([MIDDLE + 0.3])
    light, saturated = draw_stars(
        place, place, np.ones(1), (SIDE, SIDE), psf, (1800, 700), np.inf, 1e-9
    )
    assert not saturated.any()
    dy, dx = np.mgrid[:SIDE, :SIDE] + 1 - place[0]
    return light, np.hypot(dx, dy), np.degrees(np.arctan2(dy, dx))


@pytest.mark.parametrize(
    ("arcsec", "expected", "error"),
    [
        # ACS/WFC, F606W: STScI's aperture corrections (Bohlin 2012); 5.5 arcsec hold all.
        (0.5, 0.916, 0.004),
        (1.0, 0.947, 0.003),
        (5.5, 1.0, 0.003),
        # WFC3/UVIS at 600 nm behind the same mirrors, its light beyond 1 arcsec scaled to ACS's.
        (1.5, 1 - 0.030 * 0.053 / 0.045, 0.004),
        (2.0, 1 - 0.020 * 0.053 / 0.045, 0.004),
    ],
)
def test_encircled_energy_is_as_published(star, arcsec, expected, error):
    light, radius, _ = star
    assert light[radius <= arcsec / 0.05].sum() == pytest.approx(expected, abs=error)


def test_light_falls_steadily_where_the_core_ends(star):
    light, radius, _ = star
    rings = [light[(radius >= r) & (radius < r + 1)].mean() for r in range(5, 40)]
    ratio = np.divide(rings[1:], rings[:-1])
    assert (ratio < 1).all()
    assert (ratio > 0.5).all()


@pytest.mark.parametrize("radius_px", [30, 60, 150])
def test_four_spikes_lie_at_45_degrees(star, radius_px):
    light, radius, angle = star
    ring = abs(radius - radius_px) < 2
    between = np.median(light[ring])
    for direction in (-135, -45, 45, 135):
        beside = abs(angle - direction) * np.pi / 180 * radius_px
        assert light[ring & (beside < 1)].mean() > 2.5 * between
        assert light[ring & (beside > 6) & (beside < 10)].mean() < 1.5 * between


def test_vanes_block_two_percent_of_the_pupil():
    assert abs(SPIKE_FRACTION - 0.021) < 0.001


def test_wings_end_at_the_faintest_light_worth_drawing():
    flux = np.array([10.0, 1e3, 6e5])
    radius = wing_radius(flux, 1e-3)
    assert radius[0] == 0
    for f, r in zip(flux[1:], radius[1:], strict=True):
        quadrant = wing_quadrant(r) * f
        # Between the spikes, along the row of the star.
        assert quadrant[0, r] == pytest.approx(1e-3, rel=0.35)
    assert (np.diff(wing_quadrant(300)[0, 14:]) < 0).all()
    assert (wing_quadrant(2048) >= 0).all()
