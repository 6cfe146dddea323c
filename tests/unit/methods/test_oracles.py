"""Oracles on a made-up chip: nothing that sees the image alone finds more."""

import numpy as np
import pytest

from crstudy.core.errors import StudyError
from crstudy.data.chips import Truth
from crstudy.data.view import View
from crstudy.methods import lacosmic, median, oracle_median, oracle_scene
from crstudy.methods.oracle_scene import BONUS, join_neighbours

SHAPE = (200, 200)
READ_NOISE_E, OTHERS = 4.0, 5
#: At which recall is compared.
RATE = 0.001
#: Recall of about 1000 pixels is uncertain by this much.
NOISE = 0.02


@pytest.fixture(scope="module")
def view():
    """Return stars and tracks with faint sides, and a median that is off by a tenth of a pixel."""
    rng = np.random.default_rng(5)
    y, x = np.indices(SHAPE)
    scene = np.full(SHAPE, 60.0)
    off = scene.copy()
    for row, column in rng.uniform(5, 195, (80, 2)):
        for image, shift in ((scene, 0.0), (off, 0.1)):
            image += 3000 * np.exp(-((y - row) ** 2 + (x - column - shift) ** 2) / 2)
    charge = np.zeros(SHAPE, np.int32)
    for row, column in rng.integers(5, 190, (300, 2)):
        track = rng.integers(100, 400, 4)
        for step, part in ((0, 1), (-1, 8), (1, 6)):
            charge[row + step, column : column + 4] += track // part
    sci = rng.poisson(scene) + charge + rng.normal(0, READ_NOISE_E, SHAPE)
    truth = Truth(charge, scene.astype(np.float32), 0.0, READ_NOISE_E)
    good = np.ones(SHAPE, bool)
    blot = off + rng.normal(0, 1, SHAPE) * np.sqrt((off + READ_NOISE_E**2) / OTHERS)
    return View(
        sci.astype(np.float32),
        good,
        READ_NOISE_E,
        np.ones((1, 1)),
        None,
        blot.astype(np.float32),
        OTHERS + 1,
        truth,
    )


def recall(view, score):
    """Count by brute force: the threshold with this rate of pixels without any charge."""
    charge = view.truth.cr
    threshold = np.quantile(score[charge == 0], 1 - RATE)
    return (score[view.truth.cosmic_rays(3.0)] > threshold).mean()


def test_oracles_are_not_beaten(view):
    scene = recall(view, oracle_scene.score(view))
    stack = recall(view, oracle_median.score(view))
    plain = recall(view, oracle_scene.score(view, limit=np.inf))
    best = max(recall(view, median.score(view, scale)) for scale in (0.3, 0.7, 1.2))
    others = recall(view, lacosmic.score(view, objlim=3.0, sigfrac=0.3))
    assert scene > stack - NOISE
    assert stack > best + NOISE
    assert scene > plain + 2 * NOISE
    assert min(stack, plain) > others + NOISE
    assert scene > 0.97


def test_oracles_do_not_see_the_charge(view):
    moved = Truth(np.roll(view.truth.cr, 7), view.truth.scene, 0.0, READ_NOISE_E)
    blind = View(view.sci, view.good, READ_NOISE_E, view.psf, truth=moved)
    np.testing.assert_array_equal(oracle_scene.score(blind), oracle_scene.score(view))


def test_stack_is_drawn_once_for_each_chip_with_the_noise_of_the_others(view):
    score = oracle_median.score(view, limit=np.inf)
    np.testing.assert_array_equal(score, oracle_median.score(view, limit=np.inf))
    free = view.truth.cr == 0
    assert score[free].std() == pytest.approx(1, abs=0.02)
    assert score[free].mean() == pytest.approx(0, abs=0.02)
    # What image and stack share is the image's noise: 1 of 1 + 1/5 of the variance.
    alone = oracle_scene.score(view, limit=np.inf)
    shared = np.corrcoef(score[free], alone[free])[0, 1]
    assert shared == pytest.approx(np.sqrt(OTHERS / (OTHERS + 1)), abs=0.01)


def test_stack_needs_other_exposures(view):
    alone = View(view.sci, view.good, READ_NOISE_E, view.psf, truth=view.truth)
    with pytest.raises(StudyError, match="no other exposure of the field"):
        oracle_median.score(alone)


def test_neighbours_are_counted_pixel_by_pixel():
    sigma = np.random.default_rng(2).normal(2, 4, (9, 11))
    sigma[4, 4] = np.nan
    good = np.random.default_rng(3).random(sigma.shape) < 0.8
    joined = join_neighbours(sigma, good, 6.0)
    for row, column in np.ndindex(sigma.shape):
        near = [
            sigma[i, j]
            for i in range(max(row - 1, 0), min(row + 2, 9))
            for j in range(max(column - 1, 0), min(column + 2, 11))
            if (i, j) != (row, column) and good[i, j] and np.isfinite(sigma[i, j])
        ]
        expected = sigma[row, column] + BONUS * min(max([0.0, *near]) / 6.0, 1)
        np.testing.assert_allclose(joined[row, column], expected, rtol=1e-6)
