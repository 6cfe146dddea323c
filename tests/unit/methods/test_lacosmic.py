"""L.A.Cosmic: what it must say of a pixel follows from its formulas, and from astroscrappy."""

from dataclasses import replace
from itertools import product

import astroscrappy
import numpy as np
import pytest

from crstudy.core.errors import StudyError
from crstudy.data.view import View
from crstudy.methods import lacosmic
from crstudy.methods.lacosmic import PUBLISHED_OBJLIM, PUBLISHED_SIGFRAC, RUNS, score
from starfield import gaussian, sky_stars_rays

SKY_E, READ_NOISE_E = 40.0, 5.0
NOISE_E = np.sqrt(SKY_E + READ_NOISE_E**2)
SETTINGS = {"objlim": 5.0, "sigfrac": PUBLISHED_SIGFRAC}
#: Where the tests put a hit.
HIT = (20, 24)


@pytest.fixture
def view():
    """Return a chip of flat sky without noise."""
    return chip(np.full((40, 48), SKY_E, np.float32))


@pytest.fixture
def field():
    """Return a chip with stars, narrow ones too, rays and a group of bad pixels."""
    image = sky_stars_rays(110, 150)
    for i, flux in enumerate(np.geomspace(5e2, 5e4, 24)):
        image += gaussian(image.shape, 6 * i + 5.3, 104 - 4.2 * i, flux, sigma=0.8)
    bad = np.zeros(image.shape, bool)
    bad[60:66, 90:95] = True
    image[bad] = -3e3
    return replace(chip(image.astype(np.float32)), good=~bad)


def chip(image):
    return View(image, np.ones(image.shape, bool), READ_NOISE_E, np.ones((1, 1)))


def flagged_by_astroscrappy(view, sigclip, niter=4, *, objlim, sigfrac):
    mask, _ = astroscrappy.detect_cosmics(
        view.sci,
        inmask=~view.good,
        sigclip=sigclip,
        sigfrac=sigfrac,
        objlim=objlim,
        readnoise=view.read_noise_e,
        satlevel=np.inf,
        niter=niter,
        sepmed=False,
        cleantype="medmask",
    )
    return mask


@pytest.mark.parametrize(("objlim", "sigfrac"), product((2.0, 5.0), (0.3, 0.6)))
def test_flags_at_the_thresholds_of_the_runs_are_those_of_astroscrappy(field, objlim, sigfrac):
    settings = {"objlim": objlim, "sigfrac": sigfrac}
    found = score(field, **settings)
    expected = np.zeros(found.shape, bool)
    for sigclip in reversed(RUNS):
        expected |= flagged_by_astroscrappy(field, sigclip, **settings)
        assert 0.005 < expected.mean() < 0.05
        np.testing.assert_array_equal(found > sigclip, expected)


@pytest.mark.parametrize("sigclip", [1.5, 9, 30])
def test_flags_of_the_first_iteration_are_those_of_astroscrappy(field, monkeypatch, sigclip):
    monkeypatch.setattr(lacosmic, "ITERATIONS", 1)
    expected = flagged_by_astroscrappy(field, sigclip, niter=1, **SETTINGS)
    assert expected.any()
    np.testing.assert_array_equal(score(field, **SETTINGS) > sigclip, expected)


@pytest.mark.parametrize("sigclip", [2, 4.5, 30])
def test_flags_at_other_thresholds_are_nearly_those_of_astroscrappy(field, sigclip):
    expected = flagged_by_astroscrappy(field, sigclip, **SETTINGS)
    found = score(field, **SETTINGS) > sigclip
    assert (found != expected).sum() < 0.07 * expected.sum()


@pytest.mark.parametrize("sigma", [1.5, 4.4, 4.6, 17, 300])
def test_score_of_a_lone_hit_is_its_signal_to_noise(view, sigma):
    view.sci[HIT] += sigma * NOISE_E
    expected = np.zeros_like(view.sci)
    expected[HIT] = sigma
    np.testing.assert_allclose(score(view, **SETTINGS), expected, rtol=1e-5)


@pytest.mark.parametrize(("sigfrac", "fainter"), [(0.3, 8 / 0.3), (0.6, 8 / 0.6), (1, 16)])
def test_a_fainter_neighbour_is_found_down_to_a_fraction_of_the_threshold(view, sigfrac, fainter):
    """Both lose a quarter of the other's charge, but no more than half their own.

    Where the brighter one is removed before it, the fainter one is found up to its S/N.
    """
    y, x = HIT
    view.sci[y, x] += 100 * NOISE_E
    view.sci[y, x + 1] += 16 * NOISE_E
    expected = np.zeros_like(view.sci)
    expected[y, x : x + 2] = 100 - 16 / 4, fainter
    found = score(view, objlim=5.0, sigfrac=sigfrac)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_star_passes_by_its_contrast_and_a_hit_does_not(view):
    view.sci[:] += gaussian(view.sci.shape, 24, 20, 3e4, sigma=0.7)
    view.sci[8, 8] += 60 * NOISE_E
    strict, lax = (score(view, objlim=objlim, sigfrac=0.3) for objlim in (5.0, 1.0))
    star = (slice(15, 26), slice(19, 30))
    assert not strict[star].any()
    assert lax[star].max() > 400
    assert strict[8, 8] == pytest.approx(60, rel=1e-3)


@pytest.mark.parametrize("value", [1e5, -5e3, np.nan])
@pytest.mark.parametrize("bad", [(20, 23), (slice(None), 23), (slice(20, 22), 23)])
def test_lone_bad_pixels_and_lines_neither_hide_a_hit_nor_make_one(view, bad, value):
    view.sci[bad] = value
    view.good[bad] = False
    np.testing.assert_array_equal(score(view, **SETTINGS)[view.good], 0)
    view.sci[HIT] += 17 * NOISE_E
    found = score(view, **SETTINGS)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(view.sci))
    assert found[HIT] == pytest.approx(17, rel=0.05)
    assert (found[view.good] > 0).sum() == 1


@pytest.mark.parametrize("value", [1e5, -5e3, np.nan])
def test_larger_groups_of_bad_pixels_make_no_hits(view, value):
    view.sci[10:17, 10:19] = value
    view.good[10:17, 10:19] = False
    view.sci[HIT] += 17 * NOISE_E
    found = score(view, **SETTINGS)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(view.sci))
    assert np.argwhere(view.good & (found > 0)).tolist() == [list(HIT)]


def test_a_ray_without_a_good_pixel_near_takes_the_level(view):
    view.sci[10:17, 10:19] += 5000
    rays = np.zeros(view.sci.shape, bool)
    rays[9:18, 9:20] = True
    cleaned = lacosmic._without_rays(view.sci, rays, ~view.good, level=SKY_E)
    np.testing.assert_array_equal(cleaned, np.float32(SKY_E))


@pytest.mark.parametrize("kind", PUBLISHED_OBJLIM)
def test_rays_are_found_and_the_view_stays_as_it_is(field, kind):
    image = field.sci.copy()
    found = score(field, objlim=PUBLISHED_OBJLIM[kind], sigfrac=PUBLISHED_SIGFRAC)
    np.testing.assert_array_equal(field.sci, image)
    assert found.dtype == np.float32
    assert 0.005 < (found > 4).mean() < 0.05


@pytest.mark.parametrize("blind", ["good", "sci"])
def test_a_chip_without_a_pixel_that_counts_is_refused(view, blind):
    nothing = {"good": np.zeros_like(view.good), "sci": np.full_like(view.sci, np.nan)}
    with pytest.raises(StudyError, match=r"^lacosmic: no pixel of this chip can be searched"):
        score(replace(view, **{blind: nothing[blind]}), **SETTINGS)
