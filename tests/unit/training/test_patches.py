"""Patches of training exposures, their targets and weights, and how nets are measured."""

import numpy as np
import pytest

from crstudy.data.strata import Stratum
from crstudy.training import patches
from crstudy.training.patches import (
    BRIGHT_STAR,
    HIT_FRACTION,
    KINDS,
    STAR_CORE,
    Hit,
    Patches,
    loss_weight,
    target_on_sources,
)
from crstudy.training.sets import Example
from crstudy.training.validation import Validation

SIDE, SKY_NOISE = 200, 5.0
SETTINGS = {
    "patch_px": 32,
    "batch_size": 400,
    "star_weight": 4.0,
    "target_offset": 2.5,
    "saturation_e": 70_000.0,
    "matched_rate": 0.01,
}


@pytest.fixture
def example():
    """Return an exposure: dark but for a star of 11 x 11 px in the middle, and a cosmic ray."""
    image, stratum = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.uint8)
    star = np.s_[95:106, 95:106]
    image[star], stratum[star] = 1000.0, Stratum.STAR
    charge = np.zeros((SIDE, SIDE), np.int32)
    charge[33, 33:39] = 10_000
    charge[34, 33:39] = 12
    charge[35, 33:39] = 3
    valid = np.ones((SIDE, SIDE), bool)
    valid[50, 50] = False
    noise = np.sqrt(image + SKY_NOISE**2)
    return Example(image, charge.astype(np.float32), charge, noise, valid, stratum, SKY_NOISE)


def test_bad_and_saturated_pixels_have_no_weight(example):
    image = example.clean.copy()
    image[60, 60] = 70_001
    weight = loss_weight(example, image, SETTINGS)
    assert weight[50, 50] == weight[60, 60] == 0
    # The star is ten times as bright as stars from which on weights grow.
    assert weight[100, 100] == pytest.approx(4 * np.sqrt(10))
    assert weight[0, 0] == 1


def test_on_sources_the_charge_is_the_target_and_rims_do_not_count(example):
    charge = np.zeros_like(example.charge)
    noise = example.noise[100, 100]
    charge[100, 98:103] = np.array([0, 1, 2.9 * noise, 3.1 * noise, 1e4])
    charge[0, :3] = 0, 1, 1e4
    measured = np.zeros_like(charge, bool)
    measured[0, 1] = measured[100, 98] = True
    target, counted = target_on_sources(example, measured, charge, example.noise)
    assert target[100, 98:103].tolist() == [False, False, False, True, True]
    assert counted[100, 98:103].tolist() == [True, False, False, True, True]
    assert target[0, :3].tolist() == [False, True, False]
    assert counted[0].all()


def test_patches_lie_where_the_table_of_the_training_says(example):
    # The star is the only source: around it, KINDS say, and by chance elsewhere.
    other = example._replace(
        stratum=np.zeros_like(example.stratum),
        noise=np.full_like(example.noise, SKY_NOISE),
        clean=np.zeros_like(example.clean),
    )
    patches = Patches([example, other], SETTINGS)
    image, target, weight = patches.batch(np.random.default_rng(1))
    assert image.shape == target.shape == weight.shape == (400, 1, 32, 32)
    assert image.dtype == target.dtype == weight.dtype == np.float32
    found = (weight > 1).any(axis=(1, 2, 3)).mean()
    by_chance = 0.5 * (43 / 169) ** 2
    expected = 1 - KINDS["anywhere"] * (1 - by_chance)
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 400))
    assert (example.brightness()[example.stratum > 0] > max(BRIGHT_STAR, STAR_CORE)).all()


def test_patches_around_star_cores_have_a_cosmic_ray_there(example, monkeypatch):
    def hits():
        image, _, weight = Patches([example], SETTINGS).batch(np.random.default_rng(6))
        return ((weight > 1) & (image > 9000)).any(axis=(1, 2, 3)).mean()

    found = hits()
    assert found == pytest.approx(KINDS["star core"] * HIT_FRACTION, abs=0.06)
    monkeypatch.setattr(patches, "HIT_FRACTION", 0)
    assert hits() < found / 3


@pytest.mark.parametrize("flipped", [False, True])
def test_cosmic_ray_lies_on_the_pixel_to_be_hit_and_can_be_found_there(example, flipped):
    # Those at the edges cannot lie on every pixel of a patch: it would leave the exposure.
    for edge in ((0, 5), (5, 0), (SIDE - 1, 90), (90, SIDE - 1)):
        example.charge[edge] = 10_000
    drawn, rng = Patches([example], SETTINGS), np.random.default_rng(7)
    for row, column in ((0, 31), (8, 9), (31, 0), (31, 31)):
        for _ in range(20):
            _, place = drawn._rays_at(rng, Hit(row, column, 90.0), flipped)
            charge = example.charge[place]
            assert charge.shape == (32, 32)
            assert (charge[:, ::-1] if flipped else charge)[row, column] == 10_000


def test_exposure_without_such_a_cosmic_ray_lends_any_of_its_patches(example):
    _, place = Patches([example], SETTINGS)._rays_at(
        np.random.default_rng(8), Hit(3, 4, 1e5), False
    )
    assert example.charge[place].shape == (32, 32)


def test_charge_to_be_found_on_a_star_core_is_above_its_noise(example):
    drawn, rng = Patches([example], SETTINGS), np.random.default_rng(9)
    hits = [hit for _, hit in (drawn._place(rng) for _ in range(300)) if hit is not None]
    noise = np.sqrt(1000 + SKY_NOISE**2)
    assert {round(hit.least_e, 3) for hit in hits} == {round(3 * noise, 3)}


def test_target_is_that_of_the_cosmic_rays_put_on_the_patch(example):
    image, target, _ = Patches([example], SETTINGS).batch(np.random.default_rng(2))
    assert (target[image > 9000] == 1).all()
    # Where the noise is 5 e-, those of 12 e- are only flagged if more sky and its noise are added.
    assert set(np.unique(target)) == {0, 1}
    assert (image[target == 1] > 12.5).all()
    faint = (target == 1) & (image < 9000)
    assert 0 < faint.sum() < (target == 1).sum()


def test_patch_without_any_source_lies_anywhere(example):
    dark = example._replace(stratum=np.zeros_like(example.stratum))
    assert Patches([dark], SETTINGS).batch(np.random.default_rng(3))[0].shape == (400, 1, 32, 32)


def test_same_seed_gives_the_same_batch(example):
    first, second = (Patches([example], SETTINGS).batch(np.random.default_rng(4)) for _ in "ab")
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def measure(example, logit):
    return Validation([example], SETTINGS).measure([logit])


def test_net_that_knows_the_charge_is_perfect(example):
    found = measure(example, np.where(example.charge > 100, 5.0, -5.0))
    assert found["average_precision"] == found["label_precision"] == found["recall_sky"] == 1
    assert found["false_fraction"] == found["rim_fraction"] == 0
    assert np.isnan(found["recall_star"])


def test_wide_masks_lose_average_precision_though_they_flag_no_clean_pixel(example):
    narrow = np.where(example.charge > 100, 5.0, -5.0)
    # Rims are ranked before the rest: a third of the flagged pixels is right.
    wide = np.where(example.charge > 0, 5.0 - 1e-4 * example.charge, -5.0)
    found = measure(example, wide)
    assert (found["false_fraction"], found["rim_fraction"]) == (0, 1)
    assert found["average_precision"] < 0.4 < measure(example, narrow)["average_precision"]
    assert found["validation_loss"] > measure(example, narrow)["validation_loss"]


def test_recall_is_at_a_rate_of_false_positives(example):
    logit = np.random.default_rng(5).normal(size=example.clean.shape)
    logit[33, 33:36], logit[33, 36:39] = 9.0, -9.0
    found = measure(example, logit)
    assert found["recall_sky"] == 0.5
    free = (example.charge == 0) & example.valid
    limit = np.log(found["threshold"] / (1 - found["threshold"]))
    assert (logit[free] > limit).mean() == pytest.approx(0.01, abs=1e-4)
