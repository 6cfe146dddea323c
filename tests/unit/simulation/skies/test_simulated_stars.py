"""Stars of simulated exposures: bright ones, the mask around them, and where they lie."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.random import default_rng

from crstudy.config.sections import Mask
from crstudy.config.simulation import Simulation
from crstudy.config.study import ConfigError, load_config
from crstudy.data.exposure import read_images
from crstudy.data.good_pixels import good_pixels
from crstudy.data.strata import Stratum
from crstudy.instrument.acs import chip_headers
from crstudy.instrument.dq import Dq
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import load_psf
from crstudy.simulation.acs import draw_field, rate_limits, simulate_exposure
from crstudy.simulation.detector import Streams, expose
from crstudy.simulation.skies.render import FAINTEST_WING_OF_NOISE, render_chip
from crstudy.simulation.skies.stars import draw_stars
from project import ROOT
from tiny_exposures import TEMPLATES, catalogue

SETTINGS = Simulation().model_dump()
SKY_E_PER_S, EXPTIME_S = 0.1, 1000.0
SHAPE = (400, 300)


@pytest.fixture(scope="module")
def psf():
    return DrawnPsf(load_psf(ROOT / SETTINGS["psf"]), Optics(), wings=True)


def draw(psf, x, y, mag, shape=SHAPE):
    saturation, noise = rate_limits(SETTINGS, SKY_E_PER_S, EXPTIME_S)
    limits = saturation, FAINTEST_WING_OF_NOISE * noise
    flux = 10 ** (-0.4 * (np.atleast_1d(mag) - SETTINGS["zero_point_mag"]))
    places = np.atleast_1d(x).astype(float), np.atleast_1d(y).astype(float)
    return draw_stars(*places, flux, shape, psf, (1500, 700), *limits)


def test_star_of_12_mag_saturates_bleeds_and_is_masked(psf):
    star, saturated = draw(psf, 150.2, 200.4, 12.0)
    assert not star.any()
    scene = (saturated + SKY_E_PER_S) * EXPTIME_S
    none = np.zeros(SHAPE, np.int32)
    streams = Streams(*(default_rng(n) for n in range(3)))
    sci, dq = expose(streams, scene, none, EXPTIME_S, SETTINGS)
    full = (dq & Dq.SATURATED) > 0
    assert full[:, 149].all()
    assert 5 < full[199].sum() < 40
    good = good_pixels(sci, dq, **Mask().model_dump())
    assert not good[full].any()
    # The wings stay valid, up to where they saturate.
    assert good[199, 149 + 30]
    assert scene[199, 149 + 30] > 20 * SKY_E_PER_S * EXPTIME_S


def test_wings_of_a_saturated_star_are_its_own_stratum(psf):
    wcs = WCS(chip_headers(TEMPLATES, SkyCoord(10, 20, unit="deg"), 1, SHAPE)[0])
    ra, dec = wcs.all_pix2world([150.0, 40.0], [200.0, 60.0], 1)
    mag = np.array([14.0, 22.0])
    sources = Table({"kind": ["star"] * 2, "ra": ra * u.deg, "dec": dec * u.deg, "mag": mag})
    sources["flux"] = 10 ** (-0.4 * (mag - SETTINGS["zero_point_mag"]))
    for name in ("sersic_n", "half_light", "axis_ratio", "pa"):
        sources[name] = np.nan
    limits = rate_limits(SETTINGS, SKY_E_PER_S, EXPTIME_S)
    strata = render_chip(sources, wcs, SHAPE, psf, (1500, 700), *limits).strata(limits[1])
    assert strata[199, 149] == Stratum.SATURATED_STAR
    assert strata[199 + 80, 149 + 80] == Stratum.SATURATED_STAR
    assert strata[59, 39] == Stratum.STAR
    assert (strata == Stratum.SATURATED_STAR).mean() > 0.5


def test_light_of_a_star_off_the_chip_falls_on_it(psf):
    saturated = draw(psf, -30, 200, 12.0)[1]
    inside = draw(psf, 30, 200, 12.0, (400, 400))[1]
    # The same star 60 px to the right, but for the slow change of the PSF with position.
    np.testing.assert_allclose(saturated[:, :40], inside[:, 60:100], rtol=1e-5, atol=1e-6)
    # The spikes from 30 px to the left cross the left edge 30 px above and below the star.
    edge = saturated[:, 0]
    assert edge[200 + 29] > 2 * edge[199]


def test_faint_stars_have_no_wings(psf):
    star, _ = draw(psf, 150, 200, 26.0)
    assert not star[199, 170:].any()
    assert star.sum() == pytest.approx(0.9177 * 10**0.2, rel=0.005)


def test_registration_errors_have_their_rms_and_exposures_one_focus(tmp_path, tiny_settings):
    """Sources lie where header and truth together say, and apart from the header by the RMS."""
    settings = tiny_settings | {"registration_rms_px": 0.4, "chip_height_px": 64}
    settings |= {"chip_width_px": 64, "field_classes": ["extragalactic"], "dither_px": 1.0}
    settings["breathing_rms_um"] = 0.0
    pointing = draw_field(1, 1, settings)[0].pointing
    middle = WCS(chip_headers(TEMPLATES, pointing, 1, (64, 64))[0])
    sources = catalogue(1, settings)[:1]
    sources["kind"], sources["flux"] = "star", 100.0
    sources["ra"], sources["dec"] = middle.all_pix2world(32.0, 32.0, 1)
    errors, focus_um = [], set()
    for number in range(1, 11):
        paths = tmp_path / f"jsim001{number:02}_flc.fits", tmp_path / f"{number}_truth.fits"
        simulate_exposure(
            sources, *paths, seed=1, group=1, number=number, settings=settings, templates=TEMPLATES
        )
        truth = fits.getheader(paths[1])
        scene = read_images(paths[1], "SCENE")[1].astype(float)
        scene -= np.median(scene)
        rows, columns = np.mgrid[1:65, 1:65]
        at = np.array([(scene * columns).sum(), (scene * rows).sum()]) / scene.sum()
        wcs = WCS(fits.getheader(paths[0], "SCI"))
        expected = np.array(wcs.all_world2pix(sources["ra"][0], sources["dec"][0], 1))
        expected += truth["REGDX"], truth["REGDY"]
        assert at == pytest.approx(expected, abs=0.1)
        errors += [truth["REGDX"], truth["REGDY"]]
        focus_um.add(truth["FOCUS_UM"])
    # A visit has one focus.
    assert len(focus_um) == 1
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(0.4, rel=4 / np.sqrt(40))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("jitter_mas", -1),
        ("focus_rms_um", 50),
        ("registration_rms_px", "much"),
        ("breathing_rms_um", 11),
    ],
)
def test_refused_settings(key, value):
    with pytest.raises(ConfigError) as caught:
        load_config({"simulation": {key: value}})
    assert f"simulation.{key}" in str(caught.value)
    assert "\n" not in str(caught.value)
