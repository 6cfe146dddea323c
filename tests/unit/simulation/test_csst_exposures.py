"""Exposures of the CSST survey camera: the published numbers are those of the drawn images."""

from dataclasses import replace

import galsim
import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.wcs import WCS
from numpy.random import default_rng

from crstudy.config.csst import Csst
from crstudy.config.sections import Mask, Photometry
from crstudy.config.study import ConfigError, load_config
from crstudy.data.chips import ChipProducts, ExposureFiles, Truth, read_products, read_truth
from crstudy.data.exposure import observed_with, read_exposure, read_images, write_images
from crstudy.data.good_pixels import good_pixels
from crstudy.instrument.csst_psf import effective_psf, optical_psf
from crstudy.instrument.dq import Dq
from crstudy.instrument.wcs import read_wcs
from crstudy.photometry.aperture import aperture_sum
from crstudy.photometry.forced import measure_chip, zero_point_mag
from crstudy.photometry.stars import Selection, find_on_chip, match_detections
from crstudy.reference.labels import write_true_reference
from crstudy.simulation.csst import simulate_field, simulate_tile, tile_header
from crstudy.simulation.rays.generators import ray_model
from crstudy.simulation.rays.tracks import draw_cosmic_rays
from project import ROOT

DEFAULT = Csst().model_dump(mode="json")
TILE = DEFAULT | {"tile_height_px": 256, "tile_width_px": 288}
#: All that differs from scene, cosmic rays and noise is flagged.
KNOWN = TILE | {"unflagged_fraction": 0.0, "unstable_fraction": 0.0}
BARE = KNOWN | {
    "hot_fraction": 0.0,
    "warm_fraction": 0.0,
    "cosmic_rays": DEFAULT["cosmic_rays"] | {"rate_per_s_cm2": 0.0},
}
#: A star cluster; field 1 is extragalactic.
CLUSTER = 2
MODEL = ray_model(DEFAULT["cosmic_rays"])
LONG_S = 3000


def expose(folder, settings, catalogue=None, field=CLUSTER, exptime_s=150, seed=1):
    """Simulate a tile and return the paths of exposure and truth."""
    folder.mkdir(exist_ok=True)
    paths = folder / "csst00201_flc.fits", folder / "csst00201_truth.fits"
    if catalogue is None:
        catalogue = simulate_field(seed, field, settings)
    simulate_tile(catalogue, *paths, seed=seed, field=field, exptime_s=exptime_s, settings=settings)
    return paths


def read_tile(path, truth_path, probability=None, inpaint=None) -> ChipProducts:
    """Read a tile as the study does, with its truth as the reference."""
    folder, name = path.parent, path.name.removesuffix("_flc.fits")
    chip = read_exposure(path).chips[0]
    (truth,) = read_truth(truth_path).values()
    labels = {1: truth.cosmic_rays(3.0)}
    write_true_reference(folder / f"{name}_reference.fits", path, {1: truth.cr}, labels)
    good = good_pixels(chip.sci, chip.dq, **Mask().model_dump())
    write_images(folder / f"{name}_good.fits", {("GOOD", 1): good})
    made = {"probability": probability, "inpaint": inpaint}
    for kind, image in made.items():
        if image is not None:
            write_images(folder / f"{name}_{kind}.fits", {(kind.upper(), 1): image})
    folders = {kind: None if image is None else folder for kind, image in made.items()}
    return read_products(ExposureFiles(path, folder, folder, truth_path), **folders)[0]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return the paths of a tile in a star cluster, and its sources."""
    catalogue = simulate_field(1, CLUSTER, TILE)
    return *expose(tmp_path_factory.mktemp("csst"), TILE, catalogue), catalogue


def one_star(mag=20.0):
    """Return a catalogue with one star in the middle of a tile."""
    field = simulate_field(1, 1, TILE)
    star = field[field["kind"] == "star"][:1]
    star["ra"], star["dec"] = star.meta["pointing_ra"], star.meta["pointing_dec"]
    star["mag"], star["flux"] = mag, 10 ** (-0.4 * (mag - DEFAULT["zero_point_mag"]))
    return star


def true_stars(catalogue, exptime_s=150):
    """Return places (px, from 0) and electrons of the stars of a tile."""
    stars = catalogue[catalogue["kind"] == "star"]
    x, y = WCS(tile_header(catalogue, TILE)).all_world2pix(stars["ra"], stars["dec"], 0)
    return np.asarray(x), np.asarray(y), np.asarray(stars["flux"]) * exptime_s


def radius_of_light(profile, fraction, scale_px=0.1, side=801):
    """Measure on a fine image the radius, px, within which a fraction of all light falls."""
    image = profile.drawImage(nx=side, ny=side, scale=scale_px, method="no_pixel").array
    y, x = np.indices(image.shape) - side // 2
    radius = np.hypot(x, y).ravel() * scale_px
    order = np.argsort(radius)
    return radius[order][np.searchsorted(np.cumsum(image.ravel()[order]), fraction)]


@pytest.mark.parametrize("beta", [2.5, 3.5])
def test_drawn_psf_has_the_required_width(beta):
    radius_px = radius_of_light(optical_psf(DEFAULT | {"psf_moffat_beta": beta}), 0.8)
    assert radius_px * 0.074 == pytest.approx(0.15, abs=0.005)


def test_elliptical_psf_is_longer_along_the_rows():
    image = optical_psf(DEFAULT | {"psf_ellipticity": 0.1}).drawImage(
        nx=401, ny=401, scale=0.1, method="no_pixel"
    )
    shape = image.FindAdaptiveMom().observed_shape
    assert (shape.e1, shape.e2) == pytest.approx((0.1, 0), abs=1e-3)
    assert optical_psf(DEFAULT) == optical_psf(DEFAULT | {"psf_ellipticity": 0.0})
    assert type(optical_psf(DEFAULT)) is galsim.Moffat


def test_psf_with_pixel_is_as_wide_as_the_level_1_data():
    """The data model of the mission's pipeline quotes 2.147 px and 0.158 arcsec."""
    profile = effective_psf(DEFAULT)
    assert profile.calculateFWHM(scale=0.1) == pytest.approx(2.147, rel=0.02)
    assert radius_of_light(profile, 0.8) > radius_of_light(optical_psf(DEFAULT), 0.8)


def test_star_leaves_its_electrons_at_its_place(tmp_path):
    star = one_star()
    _, truth_path = expose(tmp_path, BARE, star)
    sky_e = BARE["sky_e_per_s"] * 150
    light = read_images(truth_path, "SCENE")[1] - sky_e
    assert light.sum(dtype=float) == pytest.approx(150 * 10 ** (0.4 * 6.04), rel=1e-3)
    star_x, star_y, _ = true_stars(star)
    y, x = np.indices(light.shape)
    assert (light * x).sum() / light.sum() == pytest.approx(star_x[0], abs=0.01)
    assert (light * y).sum() / light.sum() == pytest.approx(star_y[0], abs=0.01)


def test_galaxy_has_its_size_at_the_scale_of_csst(tmp_path):
    galaxy = one_star()
    galaxy["kind"], galaxy["sersic_n"] = "galaxy", 1.0
    galaxy["half_light"], galaxy["axis_ratio"], galaxy["pa"] = 1.0, 1.0, 0.0
    _, truth_path = expose(tmp_path, BARE, galaxy)
    light = read_images(truth_path, "SCENE")[1] - BARE["sky_e_per_s"] * 150
    x, y, electrons = true_stars(one_star())
    everywhere = np.ones(light.shape, bool)
    # The PSF widens the galaxy a little.
    half = aperture_sum(light, everywhere, x, y, np.array([1.0 / 0.074]))[0] / electrons[0]
    assert 0.47 < half < 0.50


def test_sky_and_noise_are_as_configured(tmp_path):
    paths = expose(tmp_path, BARE, one_star()[:0], exptime_s=600)
    sci = read_exposure(paths[0]).chips[0].sci
    variance = 600 * (BARE["sky_e_per_s"] + BARE["dark_e_per_s"]) + BARE["read_noise_e"] ** 2
    n = sci.size
    assert sci.mean() == pytest.approx(600 * 0.206, abs=5 * np.sqrt(variance / n))
    assert sci.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / n))
    with fits.open(paths[0]) as hdus:
        assert np.median(hdus["ERR", 1].data) == pytest.approx(np.sqrt(variance), rel=0.02)


def test_image_is_scene_plus_cosmic_rays_plus_noise(tmp_path):
    tile = read_tile(*expose(tmp_path, KNOWN))
    truth = tile.truth
    sigma = np.sqrt(truth.scene + truth.dark_e + truth.read_noise_e**2)
    pull = ((tile.original - truth.scene - truth.cr) / sigma)[tile.valid]
    assert tile.valid.mean() > 0.95
    assert pull.mean() == pytest.approx(0, abs=5 / np.sqrt(pull.size))
    assert pull.std() == pytest.approx(1, abs=0.01)


@pytest.fixture(scope="module")
def charge():
    """Return the charge of `LONG_S` of cosmic rays in blank sky, e-: enough for 2 %."""
    return draw_cosmic_rays(default_rng(1), (1024, 1024), LONG_S, MODEL)


def hit_fraction(charge_e, exptime_s):
    """Return the fraction of pixels that the study calls hit in an exposure of blank sky."""
    sky_e, dark_e = (DEFAULT[name] * exptime_s for name in ("sky_e_per_s", "dark_e_per_s"))
    scene_e = np.full(charge_e.shape, sky_e)
    hit = Truth(charge_e, scene_e, dark_e, DEFAULT["read_noise_e"]).cosmic_rays(3.0).mean()
    # Hits are independent: the chances to be missed multiply.
    return 1 - (1 - hit) ** (exptime_s / LONG_S)


def test_fraction_of_cosmic_ray_pixels(charge):
    """The paper's estimate for CSST: 200,000 of 9216 x 9232 pixels in 150 s."""
    assert hit_fraction(charge, 150) == pytest.approx(200_000 / (9216 * 9232), rel=0.05)


def test_longer_exposures_hide_a_little_of_the_charge_in_their_noise(charge):
    ratio = hit_fraction(charge, 1200) / hit_fraction(charge, 50)
    assert 0.8 * 1200 / 50 < ratio < 1200 / 50


def test_cosmic_rays_grow_with_time():
    """Above one threshold the pixels that none hits fall exponentially."""
    faint = replace(MODEL, collisions_per_um=0.4)
    short, long = (
        draw_cosmic_rays(default_rng(2), (1024, 1024), exptime_s, faint) > 5
        for exptime_s in (600, 6000)
    )
    assert np.log(1 - long.mean()) / np.log(1 - short.mean()) == pytest.approx(10, rel=0.15)


def test_rate_that_hits_a_fraction_of_the_pixels():
    """Tracks fall independently: a fraction exp(-rate x time x mean area) is never hit.

    A trial at any rate gives the mean area, and with it the rate that hits a given fraction; of
    tracks that hit one pixel of 1e-6 cm2 each it is known.
    """
    straight = replace(MODEL, field_free_um=0.0, depleted_spread_px=0.0, cosine_power=1e9)
    trial, fraction, exptime_s = 5000.0, 0.05, 200.0
    tracks = replace(straight, rate_per_s_cm2=trial)
    hit = (draw_cosmic_rays(default_rng(3), (2048, 2048), 1.0, tracks) > 5.0).mean()
    rate = trial * np.log1p(-fraction) / np.log1p(-hit) / exptime_s
    assert rate == pytest.approx(-np.log(0.95) / (200.0 * 1e-6), rel=0.05)


def test_file_is_an_exposure(cluster):
    exposure = read_exposure(cluster[0])
    assert (exposure.name, exposure.header["EXPTIME"]) == ("csst00201", 150.0)
    assert observed_with(exposure.header) == "simulated MSC/CCD r"
    chip = exposure.chips[0]
    assert chip.sci.shape == (256, 288)
    assert zero_point_mag(chip.header) == pytest.approx(26.04)
    wcs = read_wcs(cluster[0])[1]
    assert wcs.proj_plane_pixel_scales()[0].to_value("arcsec") == pytest.approx(0.074)
    pointing = cluster[2].meta["pointing_ra"], cluster[2].meta["pointing_dec"]
    assert wcs.all_world2pix(*pointing, 0) == pytest.approx([143.5, 127.5])
    for path in cluster[:2]:
        with fits.open(path, checksum=True) as hdus:
            assert "DATE" not in hdus[0].header


def test_a_seed_gives_the_same_bytes(tmp_path, cluster):
    again, other = (expose(tmp_path / str(seed), TILE, seed=seed) for seed in (1, 2))
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in cluster[:2]]
    assert not np.array_equal(*(read_images(p[1], "CR")[1] for p in (again, other)))
    assert (simulate_field(2, CLUSTER, TILE)["ra"][0] != cluster[2]["ra"][0]).all()


def test_exposures_share_the_field_and_the_hot_pixels_alone(tmp_path, cluster):
    """Exposure times are independent exposures, of the same stars with the same detector."""
    short = read_tile(*expose(tmp_path / "short", TILE, exptime_s=50))
    other = read_tile(*expose(tmp_path / "other", TILE, field=CLUSTER + 3))
    tile = read_tile(*cluster[:2])
    assert np.allclose(tile.truth.scene, 3 * short.truth.scene, rtol=1e-5)
    hot, hot_short, hot_other = ((t.dq & Dq.HOT) > 0 for t in (tile, short, other))
    assert hot.any()
    assert (hot == hot_short).all()
    assert (hot != hot_other).any()
    assert (short.label & tile.label).sum() < 0.2 * short.label.sum()


def test_photometry_of_a_tile_knows_what_cosmic_rays_add(cluster):
    """What differs between the exposure and its clean image is the true charge, star by star."""
    tile = read_tile(*cluster[:2])
    perfect = np.where(tile.label, tile.clean, tile.original)
    tile = read_tile(*cluster[:2], tile.label.astype(np.float32), perfect)
    rules = Photometry()
    selection = Selection(*(getattr(rules, name) for name in Selection._fields))
    found = match_detections([find_on_chip(tile, selection, 64)], 0.1, 1, 3.0)
    settings = {"threshold": 0.5, "background_box_px": 64, "max_excluded": 0.1}
    stars = measure_chip(tile, found, (1, 2, 1, 1), settings | {"edge_fraction": 0.0625})
    assert len(stars) > 10
    added = stars["flux_original"] - stars["flux_clean"]
    assert np.allclose(added, stars["cr_true"], atol=1.0)
    # Charge below three sigma is left in the inpainted image.
    assert (stars["flux_inpaint"] - stars["flux_clean"] < 3 * stars["sigma"]).all()


def test_apertures_hold_the_true_electrons(cluster):
    tile = read_tile(*cluster[:2])
    x, y, electrons = true_stars(cluster[2])
    near = np.hypot(x - x[:, None], y - y[:, None]) < 10
    alone = (near * electrons).sum(axis=1) < 1.05 * electrons
    inside = (np.abs(x - 143.5) < 130) & (np.abs(y - 127.5) < 115)
    some = alone & inside & (electrons > 3000)
    circles = x[some], y[some], np.full(some.sum(), 5.0)
    light = aperture_sum(tile.clean - TILE["sky_e_per_s"] * 150, tile.valid, *circles)
    assert some.sum() >= 5
    assert np.median(light / electrons[some]) == pytest.approx(0.98, abs=0.03)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"exptimes_s": [150, 50, 150]}, ["csst.exptimes_s", "exposure time 150 is listed twice"]),
        ({"exptimes_s": [0]}, ["csst.exptimes_s", "greater than or equal to 1", "[s]"]),
        ({"exptimes_s": []}, ["csst.exptimes_s", "at least 1"]),
        ({"tile_height_px": 9233}, ["csst.tile_height_px", "9233", "9232", "[px]"]),
        ({"tile_width_px": 9217}, ["csst.tile_width_px", "9217", "9216", "[px]"]),
        ({"psf_moffat_beta": 1.0}, ["csst.psf_moffat_beta", "1.0", "1.5"]),
        ({"psf_ree80_arcsec": 0}, ["csst.psf_ree80_arcsec", "equal to 0.01", "[arcsec]"]),
        ({"cosmic_rays": {"pixel_um": -1}}, ["csst.cosmic_rays.pixel_um", "-1", "[um]"]),
        ({"exptime_s": 150}, ["csst", "unknown key", "exptimes_s"]),
    ],
)
def test_refusals_name_key_limit_and_unit(values, expected):
    with pytest.raises(ConfigError) as caught:
        load_config({"csst": values})
    message = str(caught.value)
    assert "\n" not in message
    for word in [*expected, "Fix: "]:
        assert word in message


def test_one_changed_number_leaves_the_others_those_of_csst():
    rays = Csst.model_validate({"cosmic_rays": {"rate_per_s_cm2": 2.0}}).cosmic_rays
    assert (rays.rate_per_s_cm2, rays.pixel_um, rays.thickness_um) == (2.0, 10.0, 40.0)


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"names": ["zb20-f606w", "median"]}, "median needs several exposures"),
        ({"names": ["zb20-f606w", "oracle-scene"]}, "oracle-scene needs the truth of simulated"),
        ({"tuning_groups": 0}, "needs held-out fields to tune thresholds"),
        ({"tuning_groups": 12}, "leaves none of the 12 groups"),
    ],
)
def test_what_single_exposures_cannot_have(methods, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load_config({"source": "csst", "methods": {"tuning_groups": 3} | methods})
    assert "\n" not in str(caught.value)


def test_shipped_configuration_is_valid():
    values = yaml.safe_load((ROOT / "config/csst.yaml").read_text(encoding="utf-8"))
    study = load_config(values)
    assert (study.source, study.dataset) == ("csst", "csst")
    kinds = len(study.csst.field_classes)
    assert study.methods.tuning_groups % kinds == study.csst.n_fields % kinds == 0
    whole = values["csst"] | {"tile_height_px": 9232, "tile_width_px": 9216}
    assert Csst.model_validate(whole).tile_width_px == 9216
