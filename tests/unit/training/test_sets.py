"""Training sets, and that nothing of the test exposures is in them."""

import itertools
import sys

import numpy as np
import pytest
import yaml
from astropy.stats import mad_std
from astropy.table import Table

from crstudy.config.study import ConfigError, load_config
from crstudy.instrument.epsf import draw_stamp, gaussian_grid, read_gaussians
from crstudy.simulation.acs import simulate_catalogue
from crstudy.training import exposures
from crstudy.training.exposures import draw_set
from crstudy.training.psfs import (
    draw_acs_psf,
    draw_csst_psf,
    perturb,
    width_change,
)
from crstudy.training.sets import Example, read_set, write_set
from project import ROOT
from training_sets import TEMPLATES, settings

PSF = ROOT / "resources/psf/acswfc_f606w_gaussians.ecsv"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return both parts of a small set of ACS, drawn and read back, with their tables."""
    found = {}
    for part in ("training", "validation"):
        folder = tmp_path_factory.mktemp(part)
        table = write_set(draw_set("acs", part, 1, settings(), TEMPLATES), folder)
        found[part] = read_set(folder), table
    return found


def test_example_is_an_image_and_its_cosmic_rays(drawn):
    examples, table = drawn["training"]
    assert len(examples) == len(table) == 3
    one = examples[0]
    assert one.clean.shape == (96, 96)
    assert np.median(abs(one.added[one.charge == 0])) == 0
    bright = one.charge > 500
    assert np.median(one.added[bright] / one.charge[bright]) == pytest.approx(1, abs=0.05)
    sky = (one.stratum == 0) & one.valid
    assert mad_std(one.clean[sky]) == pytest.approx(one.sky_noise, rel=0.1)
    assert table["hit_fraction"][0] == (one.charge > 0).mean()


def test_same_seed_gives_the_same_set(drawn):
    example, row = next(draw_set("acs", "training", 1, settings(), TEMPLATES))
    kept = drawn["training"][0][0]
    for name in Example._fields[:-1]:
        np.testing.assert_array_equal(getattr(example, name), getattr(kept, name))
    # The sky is found when a set is read.
    excess = (kept.clean - kept.scene)[kept.valid] / kept.noise[kept.valid]
    assert np.median(excess) == pytest.approx(0, abs=0.05)
    assert mad_std(excess) == pytest.approx(1, abs=0.1)
    assert row["thickness_um"] == drawn["training"][1]["thickness_um"][0]


def test_groups_share_no_random_number_with_each_other_or_with_a_study(drawn):
    # Seeds of a set begin with more than any seed of a study may be.
    with pytest.raises(ConfigError, match="seed"):
        load_config({"seed": 2**63})
    (training, one), (validation, two) = drawn.values()
    seeds = {int(seed) for seed in (*one["seed"], *two["seed"])}
    assert len(seeds) == 2
    assert min(seeds) >= 2**64
    images = [one.charge for one in (*training, *validation)]
    assert not any((a == b).all() for a, b in itertools.combinations(images, 2))
    field = settings()["simulation"]
    catalogues = [simulate_catalogue(seed, 1, field, TEMPLATES) for seed in (1, *sorted(seeds))]
    brightest = {float(one["flux"].max()) for one in catalogues}
    assert len(brightest) == 3


def test_no_group_has_a_psf_of_the_tests():
    table, values = read_gaussians(PSF), settings()["training"]
    tabulated = draw_stamp(gaussian_grid(table).profiles[0])
    rng = np.random.default_rng(0)
    changes = np.array([width_change(rng, 0.1) for _ in range(300)])
    assert abs(changes).min() >= 0.01
    assert abs(changes).max() <= 0.1
    assert 0.4 < np.mean(changes > 0) < 0.6
    grid, one = draw_acs_psf(rng, table, values)
    assert abs(draw_stamp(grid.profiles[0]) - tabulated).max() > 0.002 * tabulated.max()
    assert abs(np.log(one["psf_width"])) >= 0.1 * values["psf_width"]
    nearest = perturb(table[:18], rng, 1.01, 1e-9)
    other = draw_stamp(gaussian_grid(nearest).profiles[0])
    assert abs(other - tabulated).max() > 0.002 * tabulated.max()
    # Those of CSST's tests are round, or elliptical along the rows.
    csst = settings()["csst"]
    found = [draw_csst_psf(rng, csst, values) for _ in range(20)]
    assert {one["psf"] for _, one in found} == {"moffat", "airy"}
    assert min(one["psf_ellipticity"] for _, one in found) >= 0.01
    grid, one = found[0]
    stamp = grid.profiles[0].drawImage(nx=51, ny=51, scale=1, method="no_pixel").array
    y, x = np.mgrid[-25:26, -25:26]
    xx, yy, xy = (np.average(value, weights=stamp) for value in (x * x, y * y, x * y))
    assert np.hypot(xx - yy, 2 * xy) / (xx + yy) > 0.2 * one["psf_ellipticity"]


def test_perturbed_psf_has_the_width_asked_for_and_all_the_light():
    table = read_gaussians(PSF)
    other = perturb(table, np.random.default_rng(1), 1.05, 0.1)
    change = np.log(other["sigma_major"] / table["sigma_major"])
    assert np.exp(change.mean()) == pytest.approx(1.05)
    assert change.std() > 0.05
    first = (table["x"] == table["x"][0]) & (table["y"] == table["y"][0])
    assert other["flux"][first].sum() == pytest.approx(1)


def test_stars_of_training_have_speckles_around_the_core_and_no_more_light():
    table, values = read_gaussians(PSF), settings()["training"]
    grid, one = draw_acs_psf(np.random.default_rng(2), table, values)
    rng = np.random.default_rng(2)
    width = np.exp(width_change(rng, values["psf_width"]))
    smooth = gaussian_grid(perturb(table, rng, width, values["psf_shape"]))
    assert len(grid.profiles) == len(smooth.profiles)
    y, x = np.mgrid[-12:13, -12:13]
    radius = np.hypot(x, y)
    for speckled, plain in ((grid.profiles[k], smooth.profiles[k]) for k in (0, -1)):
        assert speckled.flux == pytest.approx(1)
        change = np.log(draw_stamp(speckled) / draw_stamp(plain))
        # The core has what the speckles take or leave.
        assert change[radius < 2].std() < 0.005
        around = change[(radius > 4) & (radius < 9)].std() / one["psf_speckle"]
        assert 0.5 < around < 1.2


#: Files opened while a list is here.
OPENED: list[list[str]] = []
sys.addaudithook(lambda event, words: event == "open" and OPENED and OPENED[-1].append(words[0]))


@pytest.mark.parametrize("camera", ["acs", "csst"])
def test_neither_real_events_nor_exposures_are_read(camera, tmp_path):
    values = settings()
    values["csst"]["cosmic_rays"]["source"] = "transplanted"
    values["simulation"]["cosmic_rays"]["source"] = "transplanted"
    OPENED.append([])
    try:
        for part in ("training", "validation"):
            for example, row in draw_set(camera, part, 1, values, TEMPLATES):
                assert (example.charge > 0).any()
                for name, (low, high) in exposures.RAYS[camera].items():
                    assert low <= row[name] <= high
    finally:
        files = [str(path) for path in OPENED.pop()]
    assert any(str(PSF.name) in file for file in files) == (camera == "acs")
    assert [file for file in files if "events" in file or file.endswith(".fits")] == []


def test_configuration_of_the_training_is_no_study():
    text = (ROOT / "config/train.yaml").read_text(encoding="utf-8")
    study = load_config(yaml.safe_load(text))
    assert study.source == "training"
    names = {net.name for net in study.training.nets}
    assert {"stars-acs-wfc", "stars-acs-wfc-scratch", "stars-csst"} <= names


def test_table_of_a_set_has_units(drawn, tmp_path):
    table = drawn["training"][1]
    table.write(tmp_path / "set.ecsv")
    again = Table.read(tmp_path / "set.ecsv")
    assert str(again["thickness_um"].unit) == "um"
    assert again["seed"].dtype.kind == "U"
