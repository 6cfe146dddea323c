"""Tests of linear filtering with the PSF minus a delta function."""

import numpy as np
import pytest
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.view import View
from crstudy.methods import rhoads
from crstudy.methods.rhoads import (
    THRESHOLDS,
    apply,
    filtered_noise,
    make_kernel,
    replace,
    significance,
)

SKY_E, READ_NOISE_E = 40.0, 4.2
#: Sigma of a well-sampled PSF, px.
SIGMA_PX = 1.2


def gaussian(side: int, dx: float = 0.0, dy: float = 0.0) -> NDArray[np.float64]:
    """Return a Gaussian of sum 1, offset from the central pixel."""
    y, x = np.mgrid[:side, :side] - side // 2
    return np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / (2 * SIGMA_PX**2)) / (2 * np.pi * SIGMA_PX**2)


PSF = gaussian(17)


def expose(scene: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
    """Add sky, Poisson noise and read noise to sources."""
    rng = np.random.default_rng(seed)
    noisy = rng.poisson(scene + SKY_E) + rng.normal(0, READ_NOISE_E, scene.shape)
    return noisy.astype(np.float32)


def look(image: NDArray[np.floating], good: NDArray[np.bool_] | None = None) -> View:
    counts = np.ones(image.shape, bool) if good is None else good
    return View(image.astype(np.float32), counts, READ_NOISE_E, PSF)


def test_delta_of_a_gaussian_weighs_one_half() -> None:
    kernel = make_kernel(PSF)
    assert PSF[8, 8] - kernel[8, 8] == pytest.approx(0.5, rel=1e-3)
    assert np.array_equal(np.delete(kernel, 8 * 17 + 8), np.delete(PSF, 8 * 17 + 8))


def test_one_pixel_becomes_the_kernel() -> None:
    image = np.zeros((41, 41), np.float32)
    image[20, 20] = 1000
    kernel = make_kernel(PSF)
    np.testing.assert_allclose(apply(kernel, image)[12:29, 12:29], 1000 * kernel, atol=1e-3)


def test_edges_are_mirrored() -> None:
    kernel = make_kernel(PSF)
    np.testing.assert_allclose(apply(kernel, np.ones((20, 30))), kernel.sum(), rtol=1e-5)


def test_asymmetric_kernel_is_correlated() -> None:
    image = np.zeros((31, 31), np.float32)
    image[15, 15] = 1
    kernel = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(apply(kernel, image)[14:17, 14:17], kernel[::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("weight", [0.8, 1.0, 1.2])
def test_star_is_nowhere_positive_up_to_the_full_weight(weight: float) -> None:
    star = 1e5 * gaussian(41).astype(np.float32)
    response = -apply(make_kernel(PSF, weight), star)
    assert (response.max() > 10) == (weight > 1)
    # At the star, f (a' - a) P(0) for a weight of a' instead of a.
    expected = 1e5 * 0.5 * (weight - 1) * PSF[8, 8]
    assert response[20, 20] == pytest.approx(expected, abs=2)


def test_noise_is_the_scatter_of_realisations() -> None:
    """Sky with a gradient and a star: the noise differs from pixel to pixel."""
    scene = np.linspace(20, 400, 48)[:, None] + 2e4 * gaussian(48, 3, -4)
    rng = np.random.default_rng(3)
    kernel = make_kernel(PSF)
    count = 800
    filtered = [
        apply(kernel, rng.poisson(scene) + rng.normal(0, READ_NOISE_E, scene.shape))
        for _ in range(count)
    ]
    noise = filtered_noise(kernel, (scene + READ_NOISE_E**2).astype(np.float32))
    # Mirrored edges are not independent.
    inner = np.s_[9:-9, 9:-9]
    ratio = (np.std(filtered, axis=0) / noise)[inner]
    assert noise[inner].max() > 3 * noise[inner].min()
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert ratio.std() == pytest.approx(1 / np.sqrt(2 * count), rel=0.2)


def test_blank_sky_has_unit_scatter() -> None:
    image = expose(np.zeros((200, 200)), seed=4)
    sky = np.full(image.shape, SKY_E, np.float32)
    ratio = significance(image, sky, make_kernel(PSF), READ_NOISE_E)
    # A pixel brings its own Poisson noise: high ones count a little less than low ones.
    assert ratio.mean() == pytest.approx(0, abs=0.1)
    assert ratio.std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("flux_e", [500, 5000, 50000])
def test_hit_is_found_and_star_is_not(flux_e: float) -> None:
    scene = np.zeros((80, 80))
    rng = np.random.default_rng(5)
    for y, x in ((20, 20), (20, 60), (60, 20)):
        dx, dy = rng.uniform(-0.5, 0.5, 2)
        scene[y - 12 : y + 13, x - 12 : x + 13] += flux_e * gaussian(25, dx, dy)
    image = expose(scene, seed=6)
    image[60, 60] += 300
    score = rhoads.score(look(image))
    assert score[60, 60] > 6
    stars = scene > 0.01 * scene.max()
    assert score[stars].max() < 4
    # Hardly more false alarms than the tail of a Gaussian beyond the lowest threshold.
    assert (score[stars] > 0).mean() < 0.05


def test_hit_on_a_star_is_found() -> None:
    image = expose(5000 * gaussian(61), seed=7)
    image[30, 30] += 2000
    score = rhoads.score(look(image))
    assert score[30, 30] > 6


def test_brighter_hits_score_no_lower() -> None:
    image = np.full((40, 120), SKY_E)
    columns = np.arange(15, 120, 15)
    image[20, columns] += np.geomspace(20, 100_000, columns.size)
    score = rhoads.score(look(image))[20, columns]
    assert np.all(np.diff(score) >= 0)
    assert score[0] < score[-1] == np.float32(THRESHOLDS[-1])
    assert set(score.tolist()) <= {0.0, *np.float32(THRESHOLDS).tolist()}


def test_blob_is_found_from_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.full((41, 41), SKY_E)
    blob = np.s_[19:22, 19:22]
    image[blob] += 3000
    assert rhoads.score(look(image))[blob].min() > 4
    monkeypatch.setattr(rhoads, "MAX_RUNS", 1)
    assert rhoads.score(look(image))[blob].min() == 0


def test_weight_trades_stars_for_blobs() -> None:
    image = expose(2e4 * gaussian(41), seed=8)
    centre = [rhoads.score(look(image), weight=weight)[20, 20] for weight in (1.0, 1.3)]
    assert centre[0] < 3 < centre[1]


@pytest.mark.parametrize("shape", [(60, 60), (37, 53), (11, 12)])
def test_constant_image_holds_nothing(shape: tuple[int, int]) -> None:
    score = rhoads.score(look(np.full(shape, SKY_E)))
    assert score.shape == shape
    assert score.dtype == np.float32
    assert not score.any()


def test_nan_stays_where_it_was() -> None:
    image = expose(np.zeros((60, 60)), seed=9)
    image[30, 30] += 1000
    whole = rhoads.score(look(image))
    image[10, 10], image[0, 0], image[50, 40:] = np.nan, np.inf, np.nan
    score = rhoads.score(look(image))
    assert np.array_equal(np.isnan(score), ~np.isfinite(image))
    assert score[30, 30] == whole[30, 30] > 6
    assert np.nanmax(np.delete(score, 30, axis=0)) < 4


@pytest.mark.parametrize("value", [-500.0, 70000.0])
def test_bad_pixels_do_not_touch_others(value: float) -> None:
    image, good = expose(np.zeros((80, 80)), seed=10), np.ones((80, 80), bool)
    good[20, 20], good[40:53, 40:53] = False, False
    image[~good] = value
    score = rhoads.score(look(image, good))
    assert not score[~good].any()
    assert score.max() < 4
    # Its surroundings stand in for a bad pixel, but do not make it a cosmic ray.
    blob = np.s_[18:23, 18:23]
    image[blob] += 5000
    score = rhoads.score(look(image, good), weight=2)
    assert np.count_nonzero(score[blob]) == 24
    assert score[20, 20] == 0


def test_replacement() -> None:
    image = np.arange(63.0).reshape(7, 9)
    unwanted = np.zeros(image.shape, bool)
    unwanted[3, 4] = True
    assert replace(image, unwanted)[3, 4] == 31
    unwanted[1:, :] = True
    replaced = replace(image, unwanted)
    assert replaced[2, 4] == 4
    assert replaced[1, 0] == 1
    assert replaced[6, 4] == replaced[2, 4]
    assert np.array_equal(replaced[0], image[0])


def test_no_pixel_counts() -> None:
    with pytest.raises(StudyError, match="rhoads: the chip has no valid pixel"):
        rhoads.score(look(np.full((20, 20), np.nan)))


@pytest.mark.parametrize(
    ("psf", "weight"), [(PSF, 0.2), (np.pad([[1.0]], 3), 1.0)], ids=["light delta", "sharp psf"]
)
def test_filter_that_would_not_see_cosmic_rays(psf: NDArray[np.float64], weight: float) -> None:
    with pytest.raises(StudyError, match="below the peak of the PSF"):
        make_kernel(psf, weight)
