"""Simulated exposures: reproducible, honest about their truth, and with real distortion."""

import shutil

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from crstudy.config.sections import Mask
from crstudy.data.exposure import read_exposure, read_images
from crstudy.data.good_pixels import good_pixels
from crstudy.instrument.acs import chip_headers, dithered
from crstudy.instrument.dq import COSMIC_RAY_FLAGS, Dq
from crstudy.simulation.acs import draw_field, simulate_exposure
from tiny_exposures import TEMPLATES, catalogue

POINTING = SkyCoord(10.0, 20.0, unit="deg")


def test_same_seed_gives_the_same_bytes(tmp_path, tiny_settings, tiny_mirror):
    again = tmp_path / "jsim00101_flc.fits"
    simulate_exposure(
        catalogue(1, tiny_settings),
        again,
        tmp_path / "truth.fits",
        seed=1,
        group=1,
        number=1,
        settings=tiny_settings,
        templates=TEMPLATES,
    )
    first = tiny_mirror / "mastDownload/HST/jsim00101/jsim00101_flc.fits"
    assert again.read_bytes() == first.read_bytes()
    truth = tiny_mirror / "jsim00101_truth.fits"
    assert (tmp_path / "truth.fits").read_bytes() == truth.read_bytes()


def test_exposures_of_a_group_have_their_own_hits(tiny_mirror):
    one, two = (read_images(tiny_mirror / f"jsim0010{n}_truth.fits", "CR")[1] for n in (1, 2))
    assert ((one > 0) & (two > 0)).mean() < 0.5 * (one > 0).mean()


def test_image_is_scene_plus_cosmic_rays_plus_noise(tmp_path, tiny_settings):
    """What the truth does not explain has the variance of the noise model."""
    paths = tmp_path / "jsim00101_flc.fits", tmp_path / "truth.fits"
    ideal = {"unflagged_fraction": 0.0, "unstable_fraction": 0.0, "cte_residual": 0.0}
    simulate_exposure(
        catalogue(1, tiny_settings),
        *paths,
        seed=1,
        group=1,
        number=1,
        settings=tiny_settings | ideal,
        templates=TEMPLATES,
    )
    cr, scene = (read_images(paths[1], name)[1] for name in ("CR", "SCENE"))
    header = fits.getheader(paths[1])
    chip = read_exposure(paths[0]).chips[0]
    sigma = np.sqrt(scene + header["DARK_E"] + header["RDNOISE"] ** 2)
    # Charge that bleeds from saturated pixels is not in the scene; the study leaves it out too.
    counted = good_pixels(chip.sci, chip.dq, **Mask().model_dump())
    pull = ((chip.sci - scene - cr) / sigma)[counted]
    assert pull.mean() == pytest.approx(0, abs=5 / np.sqrt(pull.size))
    assert pull.std() == pytest.approx(1, abs=0.01)


def test_flc_carries_real_distortion_and_electrons(tiny_mirror):
    path = tiny_mirror / "mastDownload/HST/jsim00101/jsim00101_flc.fits"
    header = fits.getheader(path, "SCI")
    assert header["CTYPE1"] == "RA---TAN-SIP"
    assert header["A_ORDER"] == 4
    assert header["BUNIT"] == "ELECTRONS"
    wcs = WCS(header)
    # ACS/WFC pixels are skewed and about 0.05" wide.
    assert np.allclose(wcs.proj_plane_pixel_scales(), 0.05 * u.arcsec, rtol=0.05)


def test_cut_chip_sees_the_same_sky_as_the_full_chip():
    full, cut = (chip_headers(TEMPLATES, POINTING, 1, s)[0] for s in ((2048, 4096), (256, 512)))
    row, column = (2048 - 256) // 2, (4096 - 512) // 2
    for x, y in [(0, 0), (511, 255)]:
        expected = WCS(full).pixel_to_world(x + column, y + row)
        assert WCS(cut).pixel_to_world(x, y).separation(expected) < 1e-6 * u.arcsec


def test_two_chips_lie_side_by_side():
    one, two = (WCS(h) for h in chip_headers(TEMPLATES, POINTING, 2, (2048, 4096)))
    gap = one.pixel_to_world(2048, 2047).separation(two.pixel_to_world(2048, 0))
    assert 1 * u.arcsec < gap < 5 * u.arcsec


def test_dither_moves_a_star_by_as_many_pixels():
    header = chip_headers(TEMPLATES, POINTING, 1, (1024, 1024))[0]
    moved = chip_headers(TEMPLATES, dithered(POINTING, header, 5.0, -3.0), 1, (1024, 1024))[0]
    star = WCS(header).pixel_to_world(512, 512)
    x, y = WCS(moved).world_to_pixel(star)
    assert (x - 512, y - 512) == (pytest.approx(-5.0, abs=0.2), pytest.approx(3.0, abs=0.2))


def test_groups_span_the_dates_and_field_classes(tiny_settings):
    settings = tiny_settings | {"n_groups": 20}
    fields = [draw_field(1, g, settings)[0] for g in range(1, 21)]
    assert fields[0].observed.isoformat() == "2010-09-15"
    assert fields[-1].observed.isoformat() == "2019-08-15"
    assert [f.field_class for f in fields] == ["globular_cluster", "extragalactic"] * 10
    for field in fields:
        assert settings["exptime_min_s"] <= field.exptime_s <= settings["exptime_max_s"]


def test_archive_flags_on_cosmic_rays_hide_no_positive(tmp_path, tiny_mirror):
    """Archive files flag cosmic rays in DQ; read from such a file, they must still count."""
    path = tmp_path / "jsim00101_flc.fits"
    shutil.copy(tiny_mirror / "mastDownload/HST/jsim00101/jsim00101_flc.fits", path)
    hits = read_images(tiny_mirror / "jsim00101_truth.fits", "CR")[1] > 100
    with fits.open(path, mode="update") as hdus:
        hdus["DQ", 1].data[hits] |= Dq.ASTRODRIZZLE_CR
        hdus["DQ", 1].data[hits & (np.arange(hits.shape[1]) % 2 == 0)] |= Dq.CRSPLIT_CR
        clean_dq = hdus["DQ", 1].data & ~COSMIC_RAY_FLAGS
    chip = read_exposure(path).chips[0]
    assert (chip.dq[hits] != 0).all()
    counted = good_pixels(chip.sci, chip.dq, **Mask().model_dump())
    unflagged = good_pixels(chip.sci, clean_dq, **Mask().model_dump())
    assert (counted == unflagged).all()
    assert counted[hits].mean() > 0.9


def test_empirical_grid_can_replace_the_gaussians(tmp_path, tiny_settings, shared):
    grid = shared / "psf" / "PSFSTD_ACSWFC_F606W.fits"
    scenes = {}
    for name, psf in (("grid", grid), ("gaussians", tiny_settings["psf"])):
        simulate_exposure(
            catalogue(1, tiny_settings),
            tmp_path / f"{name}_flc.fits",
            tmp_path / f"{name}_truth.fits",
            seed=1,
            group=1,
            number=1,
            settings=tiny_settings | {"psf": str(psf)},
            templates=TEMPLATES,
        )
        scenes[name] = read_images(tmp_path / f"{name}_truth.fits", "SCENE")[1]
    assert scenes["grid"].sum() == pytest.approx(scenes["gaussians"].sum(), rel=0.01)
    assert np.corrcoef(scenes["grid"].ravel(), scenes["gaussians"].ravel())[0, 1] > 0.99
