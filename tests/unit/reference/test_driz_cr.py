"""AstroDrizzle's cosmic-ray test on arrays, against drizzlepac itself."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from crstudy.data.exposure import read_exposure, read_images
from crstudy.reference.astrodrizzle import drizzle_group
from crstudy.reference.driz_cr import driz_cr
from synthetic_exposures import READ_NOISE_E, write_group

NOISE = {"sky_e": 0.0, "read_noise_e": 10.0}


def test_thresholds_on_a_flat_median():
    # noise = sqrt(300 + 10^2) = 20: first pass above 100, second above 30.
    sci, blot = np.full((9, 9), 300.0), np.full((9, 9), 300.0)
    sci[4, 2:5] += 31, 101, 29
    sci[2, 6] += 100
    expected = np.zeros((9, 9), bool)
    expected[4, 2:4] = True
    assert_array_equal(driz_cr(sci, blot, (5.0, 1.5), (1.2, 0.7), **NOISE), expected)
    # Dark outliers are flagged too, and the sky counts once more: sqrt(300 + 1200 + 10^2) = 40.
    assert_array_equal(driz_cr(600 - sci, blot, (5.0, 1.5), (1.2, 0.7), **NOISE), expected)
    assert not driz_cr(sci, blot, (5.0, 1.5), (1.2, 0.7), sky_e=1200.0, read_noise_e=10.0).any()


def test_a_slope_in_the_median_hides_outliers():
    blot = np.full((9, 9), 300.0)
    blot[:, 5:] += 100
    sci = blot.copy()
    sci[4, 4] += 100 + 1.2 * 100
    assert not driz_cr(sci, blot, (5.0, 1.5), (1.2, 0.7), **NOISE).any()
    assert driz_cr(sci + 1e-3, blot, (5.0, 1.5), (1.2, 0.7), **NOISE).sum() == 1
    assert driz_cr(sci, blot, (5.0, 1.5), (1.1, 0.7), **NOISE).sum() == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("grow", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("snr", "scale"),
    [
        ((5.0, 1.5), (1.2, 0.7)),
        ((3.5, 3.0), (0.5, 0.4)),
        ((5.0, 1.5), (0.0, 0.0)),
        ((0.7, 2.1), (0.3, 1.9)),
    ],
)
def test_no_pixel_differs_from_drizzlepac(tmp_path, monkeypatch, snr, scale, grow):
    rng = np.random.default_rng(grow)
    blot = rng.uniform(-200, 2000, (61, 47)).astype(np.float32)
    hits = (rng.uniform(size=blot.shape) < 0.06) * 10 ** rng.uniform(1, 5, blot.shape)
    sci = (blot + hits * rng.choice([1, -1], blot.shape)).astype(np.float32)
    monkeypatch.chdir(tmp_path)
    expected = drizzlepacs(sci, blot, snr, scale, sky_e=41.7, read_noise_e=4.2, grow=grow)
    assert 0.01 < expected.mean() < 0.9
    found = driz_cr(sci, blot, snr, scale, sky_e=41.7, read_noise_e=4.2, grow_px=grow)
    assert_array_equal(found, expected)


def drizzlepacs(sci, blot, snr, scale, *, sky_e, read_noise_e, grow):
    """Return the outliers that drizzlepac's own function writes to the current directory."""
    from drizzlepac.drizCR import _driz_cr

    fits.writeto("blot.fits", blot)
    chip = SimpleNamespace(
        group_member=True,
        outputNames={"blotImage": "blot.fits", "crmaskImage": "crmask.fits"},
        _conversionFactor=1.0,
        _effGain=1.0,
        _rdnoise=read_noise_e,
        subtractedSky=sky_e,
        cte_dir=-1,
    )
    settings = {
        "driz_cr_snr": " ".join(map(str, snr)),
        "driz_cr_scale": " ".join(map(str, scale)),
        "driz_cr_grow": grow,
        "driz_cr_ctegrow": 0,
        "driz_cr_corr": False,
        "crbit": 4096,
        "inmemory": False,
    }
    image = Image({"SCI,1": chip})
    image.getData = lambda _: sci.copy()
    image.buildMask = lambda *_: np.ones(sci.shape, np.uint8)
    _driz_cr(image, {}, settings)
    return fits.getdata("crmask.fits") == 0


class Image(dict):
    """What drizzlepac's function uses of an exposure of one chip."""

    _numchips, scienceExt, inmemory = 1, "SCI", False


def test_no_pixel_differs_from_the_mask_of_a_whole_run(tmp_path):
    exposures = write_group(tmp_path, n_chips=2)
    with fits.open(exposures[0].path, mode="update") as hdus:
        hdus["SCI", 1].data[60:63, 20:23] = np.nan
    settings = {"driz_cr_snr": (5.0, 1.5), "driz_cr_scale": (1.2, 0.7), "driz_cr_grow": 3}
    products = drizzle_group(
        "test",
        [e.path for e in exposures],
        tmp_path / "out",
        tmp_path / "astrodrizzle.log",
        combine_type="median",
        **settings,
    )
    for exposure, product in zip(exposures, products, strict=True):
        skies, blots = fits.getheader(product), read_images(product, "BLOT")
        masks = read_images(product, "CRMASK")
        for chip in read_exposure(exposure.path).chips:
            found = driz_cr(
                chip.sci,
                blots[chip.extver],
                (5.0, 1.5),
                (1.2, 0.7),
                sky_e=skies[f"SKY{chip.extver}"],
                read_noise_e=READ_NOISE_E,
                grow_px=3,
            )
            assert_array_equal(found, masks[chip.extver] == 1)
            assert found.mean() > 0.02
