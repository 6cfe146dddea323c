"""Cosmic-CoNN in tiles: the same pixels as the authors' package."""

import sys

import numpy as np
import pytest
import torch

from crstudy.core.errors import StudyError
from crstudy.data.view import View
from crstudy.instrument.epsf import load_psf
from crstudy.methods import cosmic_conn as cosmicconn
from crstudy.methods.cosmic_conn import load_network, score
from project import ROOT
from starfield import sky_stars_rays

WHOLE_PX = 4096  # larger than any image here
REACH_PX = 22


@pytest.fixture(autouse=True)
def setting():
    """Keep what the package and the tests change for all of torch."""
    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(1)
    load_network.cache_clear()
    yield
    load_network.cache_clear()
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = benchmark


@pytest.fixture
def package():
    """Return the package's own detector for whole images."""
    from cosmic_conn import init_model

    model = init_model("HST_ACS_WFC")
    model.opt.crop = 0
    return lambda image: model.detect_cr(image.copy())


def view_of(image):
    return View(image, np.ones(image.shape, bool), 4.2, np.ones((1, 1)))


def assert_same_detection(probability, expected):
    np.testing.assert_array_equal(probability > 0.5, expected > 0.5)
    np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("tile", [32, 100, WHOLE_PX])
def test_same_as_the_package_whatever_the_tile(package, monkeypatch, tile):
    image = sky_stars_rays(128, 160)
    expected = package(image)
    assert 0.002 < (expected > 0.5).mean() < 0.05
    monkeypatch.setattr(cosmicconn, "TILE_PX", tile)
    assert_same_detection(score(view_of(image)), expected)


@pytest.mark.parametrize("shape", [(131, 157), (30, 130), (5, 70), (1, 1)])
def test_tiles_show_no_seams_on_any_shape(monkeypatch, shape):
    view = view_of(sky_stars_rays(*shape))
    monkeypatch.setattr(cosmicconn, "TILE_PX", WHOLE_PX)
    expected = score(view)
    assert expected.shape == shape
    monkeypatch.setattr(cosmicconn, "TILE_PX", 32)
    assert_same_detection(score(view), expected)


def test_a_narrower_rim_would_show_seams(package, monkeypatch):
    """The net looks 22 px far, from the corner of a tile."""
    image = sky_stars_rays(128, 160)
    monkeypatch.setattr(cosmicconn, "TILE_PX", 32)
    monkeypatch.setattr(cosmicconn, "HALO_PX", 20)
    assert abs(score(view_of(image)) - package(image)).max() > 1e-4


def star_cores(peak_e):
    """Draw 36 stars of ACS/WFC, without cosmic rays; return the image and their central pixels."""
    rng = np.random.default_rng(0)
    psf = load_psf(ROOT / "resources" / "psf" / "acswfc_f606w_gaussians.ecsv").at(2048, 1024)
    image = np.full((168, 168), 42.0)
    rows, columns = np.mgrid[14:168:28, 14:168:28].reshape(2, -1)
    for y, x in zip(rows, columns, strict=True):
        shifted = psf.shift(*rng.uniform(-0.5, 0.5, 2))
        stamp = shifted.drawImage(nx=27, ny=27, scale=1, method="no_pixel", dtype=float).array
        image[y - 13 : y + 14, x - 13 : x + 14] += peak_e * stamp / stamp.max()
    noisy = rng.poisson(image.clip(0)) + rng.normal(0, 4.2, image.shape)
    return noisy.astype(np.float32), (rows, columns)


@pytest.mark.parametrize("peak_e, flagged", [(300, 36), (20000, 0)])
def test_cores_of_stars_as_bright_as_cosmic_rays_are_flagged(package, peak_e, flagged):
    """By the authors' package as by us: docs/methods.md says so."""
    image, peaks = star_cores(peak_e)
    for probability in (package(image[:160, :160]), score(view_of(image))[:160, :160]):
        assert (probability[peaks] > 0.5).sum() == flagged


def test_sky_does_not_matter():
    image = sky_stars_rays(64, 96)
    expected = score(view_of(image))
    np.testing.assert_allclose(score(view_of(image + 512)), expected, rtol=0, atol=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_make_no_hole(value):
    image = sky_stars_rays(80, 96)
    holed = image.copy()
    holed[31, 40] = holed[50, 60:63] = value
    before, after = score(view_of(image)), score(view_of(holed))
    np.testing.assert_array_equal(np.isnan(after), ~np.isfinite(holed))
    y, x = np.mgrid[:80, :96]
    near = (abs(y - 31) <= REACH_PX) & (abs(x - 40) <= REACH_PX)
    near |= (abs(y - 50) <= REACH_PX) & (abs(x - 61) <= REACH_PX + 1)
    np.testing.assert_allclose(after[~near], before[~near], rtol=0, atol=1e-3)


def test_any_byte_order():
    image = sky_stars_rays(40, 48)
    np.testing.assert_array_equal(score(view_of(image.astype(">f4"))), score(view_of(image)))


def test_an_image_without_a_finite_pixel_is_refused():
    with pytest.raises(StudyError, match=r"^cosmicconn: no pixel of this chip is finite"):
        score(view_of(np.full((8, 8), np.nan, np.float32)))


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(cosmicconn, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(StudyError, match=r"sha256 begins e4bcde26104c, expected 000000000000"):
        load_network()


def test_absent_weights_are_refused(monkeypatch):
    monkeypatch.setattr(cosmicconn, "WEIGHTS", "trained_models/absent.pth")
    with pytest.raises(StudyError, match=r"absent\.pth: .*cosmic-conn==0\.6\.1"):
        load_network()


def test_absent_package_is_reported(monkeypatch):
    monkeypatch.setattr(cosmicconn.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"is not installed.*cosmic-conn==0\.6\.1"):
        load_network()


def test_the_package_is_not_imported(monkeypatch):
    """It would let cuDNN try algorithms for every net of the process."""
    for name in [name for name in sys.modules if name.split(".")[0] == "cosmic_conn"]:
        monkeypatch.delitem(sys.modules, name)
    load_network()
    assert "cosmic_conn" not in sys.modules
