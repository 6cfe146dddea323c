"""Tests of the remedies for deepCR on stars, on made-up stars and cosmic rays."""

from dataclasses import replace

import galsim
import numpy as np
import pytest
from astropy.table import Table

from crstudy.data.chips import ComparisonData
from crstudy.data.view import View
from crstudy.instrument.epsf import PsfGrid
from crstudy.refinement.psf_fitting import detected_at, sample_psf
from crstudy.refinement.refine import refine, try_settings
from crstudy.refinement.settings import (
    MODEL_ERRORS,
    NONE,
    RECOVER_SIGMAS,
    RESIDUALS,
    THRESHOLD,
    Setting,
    choose_settings,
    chosen_settings,
    trial_settings,
)
from crstudy.refinement.star_model import fit_stars

SKY_E, READ_NOISE_E, BOX_PX = 60.0, 4.2, 32
#: An undersampled PSF: a quarter of the light may fall on one pixel.
SIGMA_PX = 0.8
SHAPE = (128, 128)
GRID = PsfGrid(
    np.array([0.0, 4096.0]), np.array([0.0, 2048.0]), (galsim.Gaussian(sigma=SIGMA_PX),) * 2
)
PSF = sample_psf(GRID, SHAPE, 1)
#: Stars on a grid, off the pixel centres by different amounts.
X, Y = (20.0 + 20 * a.ravel() + 0.13 * np.arange(25) % 1 for a in np.mgrid[:5, :5])
FLUX = 2000.0 * np.geomspace(1, 40, 25)
PLAIN = Setting(0.01, protect_sigma=0.0, recover_sigma=6.0)


def draw(x, y, flux, sigma=SIGMA_PX):
    rows, columns = np.indices(SHAPE)
    image = np.zeros(SHAPE)
    for star in zip(x, y, flux, strict=True):
        square = (columns - star[0]) ** 2 + (rows - star[1]) ** 2
        image += star[2] * np.exp(-square / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return image


def look(scene, charge=0.0, good=None, seed=3):
    """Expose a scene, with the charge of cosmic rays."""
    rng = np.random.default_rng(seed)
    image = rng.poisson(scene + SKY_E) + rng.normal(0, READ_NOISE_E, SHAPE) + charge
    counts = np.ones(SHAPE, bool) if good is None else good
    return View(image.astype(np.float32), counts, READ_NOISE_E, np.ones((1, 1)))


def fit(view, flagged=None, **options):
    flags = np.zeros(SHAPE, bool) if flagged is None else flagged
    return fit_stars(view, flags, PSF, PLAIN.model_error, BOX_PX, **options)


@pytest.fixture(scope="module")
def scene():
    return draw(X, Y, FLUX)


def hit_core(number=20):
    """Return charge beside the centre of a star, 3 px in a row, and the pixel of the centre."""
    row, column = round(Y[number]), round(X[number])
    charge = np.zeros(SHAPE)
    charge[row - 1, column - 1 : column + 2] = 4000
    return charge, row, column


def test_sampled_psf_is_the_profile_anywhere():
    dx, dy = np.meshgrid(np.linspace(-3, 3, 41), np.linspace(-3.01, 2.9, 40))
    value, ddx, ddy = PSF.at(0, dx, dy)
    exact = np.exp(-(dx**2 + dy**2) / (2 * SIGMA_PX**2)) / (2 * np.pi * SIGMA_PX**2)
    np.testing.assert_allclose(value, exact, atol=0.004 * exact.max())
    np.testing.assert_allclose(ddx, -dx / SIGMA_PX**2 * exact, atol=0.01 * exact.max())
    np.testing.assert_allclose(ddy, -dy / SIGMA_PX**2 * exact, atol=0.01 * exact.max())
    wide = replace(PSF, width=1.1).at(0, dx, dy)[0]
    assert wide.max() == pytest.approx(value.max() / 1.1**2, rel=0.01)


def test_nearest_position_counts_from_the_corner_of_the_cut():
    assert PSF.x.tolist() == [-1984.0, 2112.0]
    assert PSF.y.tolist() == [-960.0, 1088.0]
    assert sample_psf(GRID, SHAPE, 2).y.tolist() == [-3008.0, -960.0]
    assert PSF.nearest(np.array([0.0, 128.0]), np.array([0.0, 128.0])).tolist() == [0, 1]


def test_stars_are_measured(scene):
    model = fit(look(scene))
    distance = np.hypot(np.subtract.outer(X, model.stars.x), np.subtract.outer(Y, model.stars.y))
    match = distance.argmin(axis=1)
    assert len(model.stars) == len(X)
    assert distance.min(axis=1).max() < 0.15
    error = np.sqrt(FLUX + 20 * SKY_E)
    assert (np.abs(model.stars.flux[match] - FLUX) < 5 * error + 0.01 * FLUX).all()
    assert model.width == pytest.approx(1, abs=0.02)
    exact = fit_stars(look(scene), np.zeros(SHAPE, bool), PSF, 0.001, BOX_PX)
    faint = exact.tested & (exact.light < 2000)
    assert exact.residual[faint].std() == pytest.approx(1, abs=0.2)


def test_width_of_the_psf_is_found():
    model = fit(look(draw(X, Y, FLUX, 1.06 * SIGMA_PX)))
    assert model.width == pytest.approx(1.06, abs=0.015)


def test_cosmic_ray_on_a_core_is_recovered(scene):
    charge, _, _ = hit_core()
    view, probability = look(scene, charge), np.zeros(SHAPE, np.float32)
    probability[100:103, 3] = 0.9
    mask = refine(RESIDUALS, PLAIN, probability, 0.5, fit(view))
    assert mask[100:103, 3].all()
    mask[100:103, 3] = False
    assert mask[charge > 0].all()
    assert mask.sum() <= 5
    untouched = refine(NONE, Setting(np.nan), probability, 0.5, fit(view))
    assert not untouched[charge > 0].any()


def test_nothing_is_added_to_clean_stars(scene):
    view = look(scene)
    assert not refine(RESIDUALS, PLAIN, np.zeros(SHAPE), 0.5, fit(view)).any()


def test_clean_core_is_protected_and_a_hit_one_is_not(scene):
    charge, row, column = hit_core()
    probability = np.zeros(SHAPE, np.float32)
    clean_row, clean_column = round(Y[22]), round(X[22])
    probability[clean_row - 1 : clean_row + 2, clean_column - 1 : clean_column + 2] = 0.9
    probability[row - 1, column - 1 : column + 2] = 0.9
    model = fit(look(scene, charge), probability > 0.5)
    kept = refine(RESIDUALS, PLAIN._replace(protect_sigma=5.0), probability, 0.5, model)
    assert not kept[clean_row - 2 : clean_row + 3, clean_column - 2 : clean_column + 3].any()
    assert kept[charge > 0].all()
    bare = refine(RESIDUALS, PLAIN, probability, 0.5, model)
    assert bare[clean_row, clean_column]


def test_threshold_holds_on_stars_alone(scene):
    probability = np.zeros(SHAPE, np.float32)
    probability[round(Y[20]), round(X[20])] = probability[100, 3] = 0.3
    model = fit(look(scene))
    mask = refine(THRESHOLD, Setting(0.01, 0.2), probability, 0.5, model)
    assert np.argwhere(mask).tolist() == [[round(Y[20]), round(X[20])]]
    assert not refine(THRESHOLD, Setting(0.01, 0.4), probability, 0.5, model).any()


def test_bright_cosmic_ray_is_no_star():
    charge = np.zeros(SHAPE)
    charge[60, 60:70] = 3000
    charge[30, 30] = 8000
    charge[30, 31] = 2000
    model = fit(look(np.zeros(SHAPE), charge))
    assert not model.tested[60, 62:68].any()
    assert not model.tested[30, 30]


def test_neighbours_are_taken_off():
    x, y, flux = [40.0, 45.2, 90.0], [40.0, 41.0, 90.0], [60000.0, 20000.0, 50000.0]
    view = look(draw(x, y, flux))
    model = fit(view)
    assert len(model.stars) == 3
    assert np.sort(model.stars.flux) == pytest.approx(np.sort(flux), rel=0.02)
    assert not refine(RESIDUALS, PLAIN, np.zeros(SHAPE), 0.5, model).any()
    alone = fit(view, rounds=1).stars
    errors = [np.abs(np.sort(f) / np.sort(flux) - 1).max() for f in (alone.flux, model.stars.flux)]
    assert errors[0] > errors[1]


def test_blend_is_left_alone():
    """Two stars within the width of the PSF fit no star: nothing there is taken for charge."""
    model = fit(look(draw([40.0, 41.4, 90.0], [40.0, 40.3, 90.0], [60000.0, 50000.0, 50000.0])))
    assert len(model.stars) == 1
    assert not refine(RESIDUALS, PLAIN, np.zeros(SHAPE), 0.5, model).any()


def test_star_without_a_model_is_left_alone(scene):
    bright = scene + draw([64.3], [70.2], [3e6], 2.0)
    view = look(bright, good=bright < 70000)
    model = fit(view)
    beside = np.hypot(*(np.indices(SHAPE) - np.array([70, 64])[:, None, None])) < 5
    assert not model.tested[beside].any()
    found = refine(RESIDUALS, PLAIN, np.zeros(SHAPE), 0.5, model)
    assert not found[beside].any()


def test_nan_and_bad_pixels_do_no_harm(scene):
    charge, row, column = hit_core()
    view = look(scene, charge)
    view.sci[row + 1, column] = np.nan
    view.sci[0, :5] = np.nan
    view.good[row, column - 2] = False
    view.sci[row, column - 2] = 60000
    model = fit(view)
    probability = np.where(np.isfinite(view.sci), 0, np.nan).astype(np.float32)
    mask = refine(RESIDUALS, PLAIN, probability, 0.5, model)
    assert mask[charge > 0].all()
    assert not mask[~view.good | ~np.isfinite(view.sci)].any()
    assert np.array_equal(np.isnan(model.residual), np.isnan(view.sci))
    assert np.isfinite(model.light).all()


@pytest.mark.parametrize("counts", [True, False])
def test_chip_without_stars_keeps_its_mask(counts):
    view = look(np.zeros(SHAPE), good=np.full(SHAPE, counts))
    probability = np.zeros(SHAPE, np.float32)
    probability[5, 7] = 1
    model = fit(view)
    assert len(model.stars) == 0
    assert not model.tested.any()
    for remedy, setting in ((RESIDUALS, PLAIN), (THRESHOLD, Setting(0.01, 0.1))):
        mask = refine(remedy, setting, probability, 0.5, model)
        assert np.argwhere(mask).tolist() == [[5, 7]]


def test_no_source_is_fitted_to_nothing():
    assert len(detected_at([], [])) == 0
    assert len(detected_at([1.0], [2.0]) + detected_at([], [])) == 1


def compared_with(charge):
    return ComparisonData(
        charge > 0, charge > 0, np.ones(SHAPE, bool), *np.zeros((2, *SHAPE), np.float32)
    )


def test_settings_are_tried_and_the_best_is_chosen(scene, monkeypatch):
    monkeypatch.setattr("crstudy.refinement.settings.MODEL_ERRORS", MODEL_ERRORS[:1])
    charge, _, _ = hit_core()
    probability = np.zeros(SHAPE, np.float32)
    probability[charge > 0] = 0.25
    stars = scene > 20
    rows = list(
        try_settings(
            look(scene, charge), probability, 0.5, PSF, compared_with(charge), stars, BOX_PX
        )
    )
    assert len(rows) == 1 + len(trial_settings())
    assert {row["positives"] for row in rows} == {row["positives_full"] for row in rows} == {3}
    assert rows[0]["remedy"] == NONE
    assert rows[0]["tp"] == rows[0]["flagged"] == 0
    table = choose_settings([Table(rows), Table(rows)])
    assert table["chosen"].sum() == 3
    best = chosen_settings(table)
    assert list(best) == [NONE, THRESHOLD, RESIDUALS]
    assert best[THRESHOLD].star_threshold < 0.25
    (row,) = table[(table["remedy"] == THRESHOLD) & table["chosen"]]
    assert (row["tp"], row["flagged"], row["positives"], row["f1"]) == (6, 6, 6, 1)
    (row,) = table[(table["remedy"] == RESIDUALS) & table["chosen"]]
    assert row["f1"] == table["f1"][table["remedy"] == RESIDUALS].max() > 0.7


def test_without_cosmic_rays_the_first_setting_is_taken(monkeypatch):
    monkeypatch.setattr("crstudy.refinement.settings.MODEL_ERRORS", MODEL_ERRORS[:1])
    dark, nothing = np.zeros(SHAPE), np.zeros(SHAPE, np.float32)
    rows = list(try_settings(look(dark), nothing, 0.5, PSF, compared_with(dark), dark > 0, BOX_PX))
    table = choose_settings([Table(rows)])
    assert np.isnan(table["f1"]).all()
    assert (table["positives"] == 0).all()
    assert chosen_settings(table)[RESIDUALS].recover_sigma == RECOVER_SIGMAS[0]
