"""Tests of gaps in the histograms of boxes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from crstudy.core.errors import StudyError
from crstudy.data.view import View
from crstudy.methods import pych
from crstudy.methods.pych import THRESHOLDS, find_cosmic_rays, lay_boxes, lowest_above_gap, replace

SKY_E, NOISE_E = 40.0, 7.5
#: 97 pixels of sky: bins 9 to 13, mode 10.
SKY = [9.5] * 9 + [10.5] * 40 + [11.5] * 30 + [12.5] * 10 + [13.5] * 8


def sky(shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(SKY_E, NOISE_E, shape).astype(np.float32)


def look(image: NDArray[np.floating], good: NDArray[np.bool_] | None = None) -> View:
    counts = np.ones(image.shape, bool) if good is None else good
    return View(image.astype(np.float32), counts, 4.2, np.ones((1, 1)))


def lowest(pixels: list[float], empty_bins: float) -> float:
    """Return what is above the first gap of more than a number of empty bins in one box."""
    values = np.array(pixels)
    known = values[np.isfinite(values)]
    deviation = known[np.abs(known - known.mean()) <= 3 * known.std()].std()
    # In the middle of the bin, far from rounding.
    return lowest_above_gap(values[None], (empty_bins + 0.5) / deviation)[0]


@pytest.mark.parametrize(
    ("extra", "empty_bins", "expected"),
    [
        ([30.5, 31.5, 32.5], 15, 30.5),
        # Sixteen empty bins, 14 to 29, are not more than sixteen.
        ([30.5, 31.5, 32.5], 16, np.inf),
        # The first wide gap counts, not the widest,
        ([20.5, 60.5, 61.5], 5, 20.5),
        # and a narrow one before it does not.
        ([20.5, 60.5, 61.5], 6, 60.5),
        # Below the mode, gaps do not count.
        ([-30.5, -31.5, 13.5], 5, np.inf),
        ([30.5, np.nan, np.nan], 15, 30.5),
        ([np.nan, np.nan, np.nan], 5, np.inf),
    ],
)
def test_gap_of_a_histogram(extra: list[float], empty_bins: int, expected: float) -> None:
    assert lowest(SKY + extra, empty_bins) == expected


def test_more_pixels_than_the_side_of_the_box_are_no_cosmic_rays() -> None:
    assert lowest(SKY[7:] + [30.5] * 10, 15) == 30.5
    assert lowest(SKY[8:] + [30.5] * 11, 15) == np.inf


def test_mode_in_the_lowest_bin_gives_way_to_the_mean() -> None:
    """The gap from bin 1 to 9 counts from the mean, in bin 6."""
    pixels = [0.5] * 40 + [10.5, 11.5, 12.5] * 19 + [40.5] * 3
    assert lowest(pixels, 4) == 40.5
    # Found, but with too many pixels above it.
    assert lowest(pixels, 3) == np.inf


def test_first_of_two_equal_peaks_is_the_mode() -> None:
    slope = [value + 0.5 for value in range(6, 14) for _ in range(9)]
    pixels = [0.5, *[5.5] * 10, *slope, *[14.5] * 7, *[30.5] * 10]
    assert len(pixels) == 100
    assert lowest(pixels, 14) == 30.5


def by_histogram(values: NDArray[np.float64], threshold: float) -> float:
    """Find the first gap of one box the slow way: count bin after bin."""
    near = np.abs(values - values.mean()) <= 3 * values.std()
    mean, deviation = values[near].mean(), values[near].std()
    bins = np.floor(values - values.min()).astype(int)
    histogram = np.bincount(bins)
    mode = histogram.argmax() or int(mean - values.min())
    empty = 0
    for number in range(mode, histogram.size):
        if histogram[number] > 0 and empty > int(threshold * deviation):
            above = values[bins >= number]
            return above.min() if above.size <= int(np.sqrt(values.size)) else np.inf
        empty = 0 if histogram[number] > 0 else empty + 1
    return np.inf


@pytest.mark.parametrize("threshold", [0.3, 1.0, 3.0, 10.0])
def test_same_as_counting_bins(threshold: float) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(SKY_E, NOISE_E, (300, 324))
    values[:, :8] += rng.exponential(100, (300, 8)) * (rng.random((300, 8)) < 0.4)
    values[200:] *= rng.uniform(0.1, 30, (100, 1))
    # Few different values: modes in the lowest bin, and peaks of equal height.
    values[280:, :] = rng.choice(
        [0.5, 3.5, 4.5, 19.5, 90.5], (20, 324), p=[0.6, 0.2, 0.1, 0.09, 0.01]
    )
    expected = [by_histogram(box, threshold) for box in values]
    assert 10 < np.isfinite(expected).sum() < 300
    np.testing.assert_array_equal(lowest_above_gap(values, threshold), expected)


@pytest.mark.parametrize("shape", [(36, 36), (41, 59), (10, 25)])
def test_boxes_cover_the_image(shape: tuple[int, int]) -> None:
    (height, width), corners = lay_boxes(shape, 18)
    covered = np.zeros(shape, int)
    for y, x in corners:
        assert covered[y : y + height, x : x + width].shape == (height, width)
        covered[y : y + height, x : x + width] += 1
    assert covered.min() >= 1
    assert (height, width) == (min(18, shape[0]), min(18, shape[1]))
    if shape == (36, 36):
        assert len(corners) == 9
        assert covered[9:27, 9:27].min() == covered.max() == 4


@pytest.mark.parametrize("shape", [(60, 60), (41, 59), (11, 12)])
def test_hits_are_found_up_to_the_edges(shape: tuple[int, int]) -> None:
    image = sky(shape, seed=3)
    hits = [(0, 0), (0, -1), (-1, 0), (-1, -1), (shape[0] // 2, shape[1] // 2)]
    for hit in hits:
        image[hit] += 1000
    score = pych.score(look(image), growth=0)
    assert score.shape == shape
    assert score.dtype == np.float32
    assert min(score[hit] for hit in hits) > 8
    assert (score > 3).sum() == len(hits)


@pytest.mark.parametrize("growth", [0, 1, 2])
def test_growth(growth: int) -> None:
    image = np.tile(np.arange(38.0, 43.0), (40, 8))
    image[20, 11] += 500
    flagged = find_cosmic_rays(image.astype(np.float32), 5.0, 18, growth)
    expected = np.zeros(image.shape, bool)
    expected[20 - growth : 21 + growth, 11 - growth : 12 + growth] = True
    assert np.array_equal(flagged, expected)


def test_later_passes_find_what_bright_hits_hid(monkeypatch: pytest.MonkeyPatch) -> None:
    image = sky((36, 36), seed=4)
    # One quarter of a box: all four boxes hold all hits.
    image[[10, 10, 11], [10, 11, 10]] += 1e5
    image[16, 10] += 3000
    image[16, 16] += 300
    faint = find_cosmic_rays(image, 3.0, 18, 1)[16, 16]
    monkeypatch.setattr(pych, "MAX_PASSES", 1)
    once = find_cosmic_rays(image, 3.0, 18, 1)
    assert faint
    assert once[10, 10]
    assert not once[16, 16]


def test_brighter_hits_score_no_lower() -> None:
    image = sky((60, 400), seed=5)
    columns = np.arange(20, 400, 40)
    image[30, columns] = SKY_E + np.geomspace(40, 4000, columns.size)
    score = pych.score(look(image), growth=0)[30, columns]
    assert np.all(np.diff(score) >= 0)
    assert 0 < score[0] < score[-1]
    assert set(score.tolist()) <= set(np.float32(THRESHOLDS).tolist())


@pytest.mark.parametrize("shape", [(60, 60), (41, 59)])
def test_constant_image_holds_nothing(shape: tuple[int, int]) -> None:
    assert not pych.score(look(np.full(shape, SKY_E + 0.1))).any()


def test_nan_stays_where_it_was() -> None:
    image = sky((60, 60), seed=6)
    image[30, 30] += 1000
    whole = pych.score(look(image))
    image[10, 10], image[0, 0], image[40:, 40:] = np.nan, np.inf, np.nan
    score = pych.score(look(image))
    assert np.array_equal(np.isnan(score), ~np.isfinite(image))
    assert score[30, 30] == whole[30, 30] > 8
    assert np.nanmax(np.delete(score, [29, 30, 31], axis=0)) < 3


@pytest.mark.parametrize("value", [-500.0, 70000.0])
def test_bad_pixels_do_not_touch_others(value: float) -> None:
    image, good = sky((60, 60), seed=7), np.ones((60, 60), bool)
    good[20, 20], good[40:50, 30:50] = False, False
    image[~good] = value
    score = pych.score(look(image, good))
    assert not score[~good].any()
    assert score.max() < 3
    # Nor does a hit grow onto one.
    image[20, 21] += 1000
    score = pych.score(look(image, good), growth=1)
    assert score[20, 22] > 8
    assert score[20, 20] == 0


def test_replacement() -> None:
    image = np.arange(81, dtype=np.float32).reshape(9, 9)
    image[4, 5] = np.nan
    flagged = np.zeros(image.shape, bool)
    flagged[4, 4] = True
    # 28 neighbours within 3 px, whose mean is 40, but for pixel 41.
    assert replace(image, flagged)[4, 4] == pytest.approx((28 * 40 - 41) / 27)
    replaced = replace(image, np.ones(image.shape, bool))
    assert np.isnan(replaced).all()


def test_no_pixel_counts() -> None:
    with pytest.raises(StudyError, match="pych: the chip has no valid pixel"):
        pych.score(look(np.full((20, 20), np.nan)))
