"""Stored probability maps decide as those of the net; stored scores are exact."""

from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from advice import follow
from crstudy.data.exposure import read_images
from crstudy.data.score_maps import (
    PROBABILITY,
    read_scores,
    read_star_scores,
    write_probabilities,
    write_scores,
)

THRESHOLDS = np.arange(1, 100) / 100


def stored(folder, maps):
    write_probabilities(folder / "map.fits", maps, "net", "float32")
    return read_images(folder / "map.fits", PROBABILITY)


def assert_same_decisions(found, expected):
    for threshold in THRESHOLDS:
        # As scripts compare: a float32 map with a Python number.
        np.testing.assert_array_equal(found > float(threshold), expected > float(threshold))


def test_no_decision_changes_beside_or_on_a_threshold(tmp_path):
    exact = THRESHOLDS.astype(np.float32)
    below, above = np.nextafter(exact, np.float32(0)), np.nextafter(exact, np.float32(1))
    values = np.stack((exact, below, above))
    found = stored(tmp_path, {1: values})[1]
    assert_same_decisions(found, values)
    assert not (found[0] > THRESHOLDS.astype(np.float32)).any()
    assert (found[2] > exact).all()


def test_no_decision_changes_among_many_values(tmp_path):
    values = np.random.default_rng(5).random((800, 1000), dtype=np.float32)
    found = stored(tmp_path, {1: values})[1]
    assert_same_decisions(found, values)
    assert abs(found - values).max() < 8e-6


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    values=arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.floats(0, 1, width=32) | st.just(np.nan),
    )
)
def test_any_map(tmp_path_factory, values):
    found = stored(tmp_path_factory.mktemp("maps"), {1: values})[1]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    assert_same_decisions(found, values)
    assert found.dtype == np.float32
    assert (abs(found - values)[np.isfinite(values)] < 8e-6).all()


def test_chips_keep_their_numbers_and_other_readers_see_probabilities(tmp_path):
    values = np.linspace(0, 1, 120, dtype=np.float32).reshape(10, 12)
    values[3, 4] = np.nan
    assert sorted(stored(tmp_path, {1: values, 2: values[::-1]})) == [1, 2]
    with fits.open(tmp_path / "map.fits", disable_image_compression=True) as hdus:
        assert hdus[1].header["ZCMPTYPE"] == "RICE_1"
        assert hdus[1].header["ZBITPIX"] == 16
        zero, scale = hdus[1].header["BZERO"], hdus[1].header["BSCALE"]
    with fits.open(tmp_path / "map.fits", do_not_scale_image_data=True) as hdus:
        steps = hdus[1].data.astype(float)
    steps[3, 4] = np.nan
    np.testing.assert_allclose(steps * scale + zero, values, rtol=0, atol=8e-6)


def test_a_map_of_the_sky_takes_less_than_a_third_of_float32(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.lognormal(np.log(1e-3), 0.5, (512, 512))
    hit = rng.random(values.shape) < 0.01
    values[hit] = rng.random(hit.sum())
    stored(tmp_path, {1: values.astype(np.float32)})
    assert (tmp_path / "map.fits").stat().st_size < values.size * 4 / 3


@pytest.mark.parametrize("read_again", [False, True])
def test_equal_maps_give_equal_bytes(tmp_path, read_again):
    values = np.random.default_rng(2).random((30, 40), dtype=np.float32)
    again = stored(tmp_path, {1: values})[1] if read_again else values
    write_probabilities(tmp_path / "one.fits", {1: values}, "net", "float32")
    write_probabilities(tmp_path / "two.fits", {1: again}, "net", "float32")
    assert (tmp_path / "one.fits").read_bytes() == (tmp_path / "two.fits").read_bytes()


def test_time_does_not_change_the_bytes_of_scores(tmp_path, monkeypatch):
    for time in (1e9, 2e9):
        monkeypatch.setattr("time.time", lambda time=time: time)
        write_scores(tmp_path / f"{time}", {1: np.eye(3, dtype=np.float32)}, "")
    one, other = tmp_path.iterdir()
    assert one.read_bytes() == other.read_bytes()


def test_scores_on_disk(tmp_path):
    maps = {
        ver: np.random.default_rng(ver).normal(size=(40, 50)).astype(np.float32) for ver in (1, 2)
    }
    maps[2][3, 3] = np.nan
    write_scores(tmp_path / "one_score.fits", maps, "")
    write_scores(tmp_path / "two_score.fits", {}, "it has not converged")
    assert read_star_scores(tmp_path, "one") == {}
    write_scores(tmp_path / "of_stars_score.fits", maps, "", {ver: -m for ver, m in maps.items()})
    for ver, of_stars in read_star_scores(tmp_path, "of_stars").items():
        np.testing.assert_array_equal(of_stars, -read_scores(tmp_path, "of_stars")[ver])
    read = read_scores(tmp_path, "one")
    assert read.keys() == maps.keys()
    for ver in maps:
        np.testing.assert_array_equal(read[ver], maps[ver])
    assert read_scores(tmp_path, "two") == {}


def test_exposure_without_a_map_is_one_line(tmp_path):
    write_probabilities(tmp_path / "one_probability.fits", {1: np.zeros((4, 5), "f4")}, "net", "f4")
    maps = {1: np.zeros((4, 5), "f4")}
    again = partial(write_probabilities, tmp_path / "two_probability.fits", maps, "net", "f4")
    what, read = "data/score_maps: delete it and run again", partial(read_scores, tmp_path, "two")
    problem = rf"^{tmp_path}: has neither two_probability\.fits nor two_score\.fits"
    follow(what, read, again, match=problem)
