"""The two generators of cosmic rays: either makes an image, and nothing else depends on which."""

import numpy as np
import pytest
from astropy.io import fits

from crstudy.config.simulation import CosmicRays
from crstudy.core.errors import StudyError
from crstudy.data.exposure import read_images
from crstudy.instrument.dq import Dq
from crstudy.simulation.acs import simulate_exposure
from crstudy.simulation.rays.events import find_events
from crstudy.simulation.rays.generators import draw_rays, ray_model
from project import ROOT
from tiny_exposures import TEMPLATES, catalogue

SETTINGS = CosmicRays().model_dump()
TRANSPLANTED = {"source": "transplanted", "library": str(ROOT / SETTINGS["library"])}


def test_the_model_has_the_configured_parameters():
    model = ray_model(SETTINGS | {"thickness_um": 15.5})
    assert model.thickness_um == 15.5
    assert model.rate_per_s_cm2 == SETTINGS["rate_per_s_cm2"]


def test_either_source_gives_as_many_events():
    rng, sigma, found = np.random.default_rng(1), 6.0, []
    shape, exptime_s = (1024, 1024), 500.0
    for source in ({"source": "physical"}, TRANSPLANTED):
        image = draw_rays(rng, shape, exptime_s, SETTINGS | source)
        assert image.dtype == np.int32
        noisy = image + rng.normal(0, sigma, shape)
        found.append(len(find_events(noisy, 0.0, sigma, np.ones(shape, bool))))
    # Two Poisson numbers of 1,500.
    assert found[1] == pytest.approx(found[0], abs=4 * np.sqrt(2 * found[0]))
    # Some lie on others.
    expected = SETTINGS["rate_per_s_cm2"] * exptime_s * np.prod(shape) * 15e-4**2
    assert found == pytest.approx([0.95 * expected] * 2, rel=0.08)


def test_all_else_is_the_same(tmp_path, tiny_settings):
    """Scene, flags and noise, pixel by pixel, where neither source left charge."""
    charges, scenes, images, flags = [], [], [], []
    for source in ({"source": "physical"}, TRANSPLANTED):
        flc, truth = tmp_path / "jsim00101_flc.fits", tmp_path / "truth.fits"
        # Traps would spread charge of cosmic rays along columns.
        changes = {"cte_residual": 0.0, "cosmic_rays": tiny_settings["cosmic_rays"] | source}
        simulate_exposure(
            catalogue(1, tiny_settings),
            flc,
            truth,
            seed=1,
            group=1,
            number=1,
            settings=tiny_settings | changes,
            templates=TEMPLATES,
        )
        charges.append(read_images(truth, "CR")[1])
        scenes.append(read_images(truth, "SCENE")[1])
        images.append(fits.getdata(flc, "SCI"))
        flags.append(fits.getdata(flc, "DQ"))
    np.testing.assert_array_equal(*scenes)
    assert all(charge.any() for charge in charges)
    assert (charges[0] != charges[1]).any()
    untouched = (charges[0] == 0) & (charges[1] == 0)
    # Charge of a saturated column flows on.
    untouched &= ~np.logical_or(*[(flag & Dq.SATURATED > 0).any(axis=0) for flag in flags])
    assert untouched.mean() > 0.5
    np.testing.assert_array_equal(*[image[untouched] for image in images])
    np.testing.assert_array_equal(*[flag[untouched] for flag in flags])


def test_a_library_of_another_camera_is_refused():
    with pytest.raises(StudyError, match="its pixels are 15 um"):
        draw_rays(
            np.random.default_rng(1), (64, 64), 100.0, SETTINGS | TRANSPLANTED | {"pixel_um": 10.0}
        )
