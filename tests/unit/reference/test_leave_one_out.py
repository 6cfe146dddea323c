"""The median of the other exposures, by the real AstroDrizzle."""

from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.testing import assert_allclose
from scipy.ndimage import binary_dilation

from advice import follow, nothing
from crstudy.data.exposure import read_exposure, read_images
from crstudy.reference.astrodrizzle import drizzle_group
from crstudy.reference.driz_cr import driz_cr
from synthetic_exposures import READ_NOISE_E, SKY_E, write_group

SETTINGS = {"driz_cr_snr": (5.0, 1.5), "driz_cr_scale": (1.2, 0.7), "driz_cr_grow": 1}
#: The exposures that are hit at the same places of the sky, and the charge of each hit, e-.
HIT_TWICE, CHARGE_E = (0, 1), 3000
#: Where no exposure but the second has good pixels.
LONELY = np.s_[:40, 88:]


def drizzle(exposures, folder, **others):
    paths = [e.path for e in exposures]
    settings = SETTINGS | {"combine_type": "median", "leave_one_out": True} | others
    return drizzle_group("test", paths, folder / "out", folder / "astrodrizzle.log", **settings)


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """Return three exposures, of which two are hit at the same places, those, and the products."""
    folder = tmp_path_factory.mktemp("group")
    exposures = write_group(folder)
    first = WCS(read_exposure(exposures[0].path).chips[0].header)
    columns, rows = (grid.ravel() for grid in np.meshgrid(*[np.arange(15, 115, 11)] * 2))
    sky = first.pixel_to_world(columns, rows)
    places = {}
    for number in HIT_TWICE:
        with fits.open(exposures[number].path, mode="update") as hdus:
            x, y = WCS(hdus["SCI"].header).world_to_pixel(sky)
            hit = np.zeros(hdus["SCI"].data.shape, bool)
            hit[np.rint(y).astype(int), np.rint(x).astype(int)] = True
            places[number] = binary_dilation(hit, np.ones((3, 3)))
            hdus["SCI"].data += np.float32(CHARGE_E) * places[number]
    return exposures, places, drizzle(exposures, folder)


def flagged(exposure, product, name):
    """Return the outliers of an exposure against one of its blotted medians."""
    return driz_cr(
        read_exposure(exposure.path).chips[0].sci,
        read_images(product, name)[1],
        SETTINGS["driz_cr_snr"],
        SETTINGS["driz_cr_scale"],
        sky_e=fits.getheader(product)["SKY1"],
        read_noise_e=READ_NOISE_E,
    )


def test_hits_at_the_same_place_are_found_without_the_exposure_itself(group):
    exposures, places, products = group
    for number in HIT_TWICE:
        found = {
            name: flagged(exposures[number], products[number], name)[places[number]].mean()
            for name in ("BLOT", "OTHERS")
        }
        assert found["OTHERS"] > 0.9
        assert found["BLOT"] < 0.3


def test_a_hit_lifts_the_median_under_itself_only_if_it_is_in_it(group):
    for exposure, product in zip(group[0], group[2], strict=True):
        blot, others = (read_images(product, name)[1] for name in ("BLOT", "OTHERS"))
        scored = read_images(product, "NOREF")[1] == 0
        dark = scored & (np.abs(blot - SKY_E) < 30) & (np.abs(others - SKY_E) < 30)
        hit = exposure.cosmic_rays[0] > 0
        assert (dark & hit).sum() > 100
        # The median of two clean values and a hit is the higher one, without the hit their mean:
        # half of the noise of 7 e-, which drizzling lowers.
        lifted = (blot - others)[dark & hit]
        assert 0.5 < lifted.mean() < 5
        assert lifted.mean() > 5 * lifted.std() / np.sqrt(lifted.size)
        # Away from hits neither is higher, and both are on the scale of SCI.
        elsewhere = dark & ~binary_dilation(hit, np.ones((5, 5)))
        assert abs((blot - others)[elsewhere].mean()) < lifted.mean() / 2
        residual = read_exposure(exposure.path).chips[0].sci - others
        assert abs(np.median(residual[elsewhere])) < 1


def test_others_is_the_median_of_a_group_in_which_the_exposure_has_no_weight(group, tmp_path):
    exposures = write_group(tmp_path)
    with fits.open(exposures[1].path, mode="update") as hdus:
        hdus["SCI"].data = read_exposure(group[0][1].path).chips[0].sci
        # Good pixels in one corner, from which AstroDrizzle takes the sky.
        hdus["DQ"].data[:] = 16
        hdus["DQ"].data[LONELY] = 0
    with fits.open(exposures[0].path, mode="update") as hdus:
        hdus["SCI"].data = read_exposure(group[0][0].path).chips[0].sci
    whole, lacking = group[2][1], drizzle(exposures, tmp_path, leave_one_out=False)[1]
    blots = []
    for product, name in ((whole, "OTHERS"), (lacking, "BLOT")):
        sky = fits.getheader(product)["SKY1"]
        blots.append(read_images(product, name)[1] - sky)
    far = np.ones(blots[0].shape, bool)
    # Blotting interpolates over six pixels.
    far[:46, 82:] = False
    assert_allclose(blots[0][far], blots[1][far], rtol=0, atol=1e-2)
    assert np.abs(blots[0] - blots[1])[LONELY].max() > 100
    assert "OTHERS" not in {hdu[1] for hdu in fits.info(lacking, output=False)}


def test_combinations_over_neighbours_cannot_leave_one_out(tmp_path):
    run = partial(drizzle, write_group(tmp_path), tmp_path)
    what = "reference/leave_one_out: use one of: "
    minmed, imedian = (partial(run, combine_type=name) for name in ("minmed", "imedian"))
    follow(what, minmed, nothing, imedian, match="combine_type minmed: .* median, imedian")
