"""Simulated stars on a chip, against what the simulator renders."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from crstudy.instrument.acs import CHIP_SHAPE_PX, chip_headers, cut_corner
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import load_psf
from crstudy.metrics.objects.true_stars import peak_fractions, stars_near
from crstudy.simulation.skies.render import render_chip
from project import ROOT

SHAPE = (120, 140)
POINTING = SkyCoord(150.0, 2.0, unit="deg")
OPTICS = Optics(blur=0.05, jitter_xx=0.01)
#: Columns and rows, from 0: in the middle of a pixel, at its corner and its side, near an edge,
#: and off the chip.
PLACES = np.array([(30, 30), (70.5, 30.5), (100.5, 31), (30.2, 117.6), (70, 70), (-20, 60)])


@pytest.fixture(scope="module")
def psf():
    grid = load_psf(ROOT / "resources/psf/acswfc_f606w_gaussians.ecsv")
    return DrawnPsf(grid, OPTICS, wings=True)


@pytest.fixture(scope="module")
def chip():
    """Return the world coordinates of SCI,2, and stars and a galaxy on it."""
    wcs = WCS(chip_headers(ROOT / "resources/acs", POINTING, 2, SHAPE)[1])
    ra, dec = wcs.all_pix2world(*PLACES.T, 0)
    n = len(PLACES)
    catalogue = Table({"kind": ["star"] * n, "ra": ra, "dec": dec, "mag": 20.0 + np.arange(n)})
    catalogue["kind"] = np.array(catalogue["kind"], dtype="U6")
    catalogue["kind"][4] = "galaxy"
    catalogue["ra"].unit = catalogue["dec"].unit = u.deg
    catalogue["flux"] = 1000.0
    for name in ("sersic_n", "half_light", "axis_ratio", "pa"):
        catalogue[name] = np.nan
    return wcs, catalogue


def test_stars_are_found_where_they_are_drawn(chip):
    stars = stars_near(chip[1], chip[0], SHAPE)
    np.testing.assert_allclose(stars["x"], PLACES[[0, 1, 2, 3, 5], 0], atol=1e-4)
    np.testing.assert_allclose(stars["y"], PLACES[[0, 1, 2, 3, 5], 1], atol=1e-4)
    assert stars["mag"].tolist() == [20, 21, 22, 23, 25]
    assert stars["inside"].tolist() == [True, True, True, True, False]


def test_far_stars_are_left_out(chip):
    far = chip[1].copy()
    far["ra"][:] += 1.0
    assert len(stars_near(far, chip[0], SHAPE)) == 0


def test_sharpness_is_that_of_the_rendered_star(chip, psf):
    wcs, catalogue = chip
    row, column = cut_corner(SHAPE)
    corner = column, row + CHIP_SHAPE_PX[0]
    stars = stars_near(catalogue, wcs, SHAPE)
    stars = stars[stars["inside"]]
    found = peak_fractions(stars, psf, 2, SHAPE)
    of_stars = catalogue[catalogue["kind"] == "star"]
    expected = [
        render_chip(of_stars[[i]], wcs, SHAPE, psf, corner, np.inf, 0.5).total.max() / 1000
        for i in range(4)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    # A star in the middle of a pixel is sharper than one at its side or corner.
    assert found[0] > 1.15 * found[2] > 1.15 * found[1]


def test_no_stars(psf):
    nothing = Table({"x": np.array([], float), "y": np.array([], float)})
    assert peak_fractions(nothing, psf, 1, SHAPE).shape == (0,)
