"""The event finder: events made by hand, images with known events, and noise alone."""

import numpy as np
import pytest

from crstudy.simulation.rays.events import find_events, label_events

SHAPE = (60, 70)
ALL = np.ones(SHAPE, bool)


def image_of(*pixels, background=0.0):
    """Image with electrons at (y, x)."""
    image = np.full(SHAPE, background)
    for y, x, electrons in pixels:
        image[y, x] += electrons
    return image


def test_features_of_an_event_made_by_hand():
    pixels = [(30, 20, 1000), (30, 21, 300), (31, 20, 200), (29, 20, 50), (32, 20, 20)]
    table = find_events(image_of(*pixels, background=7.0), 7.0, 10.0, ALL)
    assert len(table) == 1
    event = table[0]
    # The pixel of 20 e- is only 2 sigma above the background.
    assert event["charge"] == 1550
    assert event["peak"] == 1000
    assert [event[f"n_{k}sigma"] for k in (3, 5, 25, 100)] == [4, 3, 2, 0]
    assert event["peak_3x3"] == pytest.approx(1000 / 1550, abs=1e-4)
    assert event["peak_5x5"] == pytest.approx(1000 / 1570, abs=1e-4)
    assert event["second"] == 0.3
    assert event["laplacian"] == pytest.approx(1 - 550 / 4000)
    assert event["clean"]
    x, y = 20 + 300 / 1550, 30 + 150 / 1550
    assert (event["x"], event["y"]) == pytest.approx((x, y), abs=0.01)
    xx = 300 / 1550 - (300 / 1550) ** 2
    yy = 250 / 1550 - (150 / 1550) ** 2
    xy = -(300 / 1550) * (150 / 1550)
    minor, major = np.sqrt(np.linalg.eigvalsh([[xx, xy], [xy, yy]]))
    assert event["minor"] == pytest.approx(minor, abs=1e-4)
    assert event["elongation"] == pytest.approx(1 - minor / major, abs=1e-4)


def test_a_straight_line_has_no_width():
    line = [(30 + k, 20 + k, 500.0) for k in range(6)]
    event = find_events(image_of(*line), 0.0, 10.0, ALL)[0]
    assert event["minor"] == pytest.approx(0, abs=1e-4)
    assert event["elongation"] == pytest.approx(1, abs=1e-3)
    assert event["n_3sigma"] == 6


def test_what_counts_as_an_event():
    faint = [(10, 10, 45), (10, 11, 45)]
    lone = [(20, 20, 400)]
    diagonal = [(30, 30, 60), (31, 31, 35)]
    labels = label_events(image_of(*faint, *lone, *diagonal), 10.0, ALL)
    assert np.argwhere(labels).tolist() == [[30, 30], [31, 31]]


def test_nothing_is_found_in_an_empty_image():
    table = find_events(np.zeros(SHAPE), 0.0, 1.0, ALL)
    assert len(table) == 0
    assert "charge" in table.colnames


@pytest.mark.parametrize("place", ["edge", "invalid", "neighbour", "alone"])
def test_clean(place):
    pixels = [(30, 20, 1000), (30, 21, 300)]
    valid = ALL.copy()
    if place == "edge":
        pixels = [(0, 20, 1000), (0, 21, 300)]
    elif place == "invalid":
        valid[31, 22] = False
    elif place == "neighbour":
        pixels += [(32, 23, 800), (32, 24, 400)]
    else:
        valid[32, 22] = False
        pixels += [(33, 24, 800), (33, 25, 400)]
    table = find_events(image_of(*pixels), 0.0, 10.0, valid)
    assert table["clean"].tolist() == [place == "alone"] * len(table)


def test_pixels_not_valid_are_ignored():
    pixels = [(30, 20, 1000), (30, 21, 300), (30, 22, 300)]
    valid = ALL.copy()
    valid[30, 21] = False
    image = image_of(*pixels)
    image[30, 21] = np.nan
    assert len(find_events(image, 0.0, 10.0, valid)) == 0


def test_known_events_in_noise():
    rng = np.random.default_rng(1)
    shape, sigma = (600, 600), 5.0
    background = np.linspace(10, 200, 600)[:, None] * np.ones(shape)
    image = background + rng.normal(0, sigma, shape)
    kernel = np.outer([0.1, 0.8, 0.1], [0.15, 0.7, 0.15])
    rows, columns = np.mgrid[20:590:30, 20:590:30]
    charges = rng.uniform(500, 5000, rows.size)
    for y, x, charge in zip(rows.flat, columns.flat, charges, strict=True):
        image[y - 1 : y + 2, x - 1 : x + 2] += charge * kernel
    table = find_events(image, background, sigma, np.ones(shape, bool))
    assert len(table) == rows.size
    assert table["clean"].all()
    table = table[np.lexsort([table["x"], table["y"].round(-1)])]
    np.testing.assert_allclose(table["x"], columns.ravel(), atol=0.2)
    # Pixels below 3 sigma are left out: the corners and a side of faint events.
    lost = (charges - table["charge"]) / sigma
    assert np.all((lost > -4 * 3) & (lost < 6 * 3))
    assert np.median(table["peak"] / charges) == pytest.approx(0.56, abs=0.005)
    assert np.median(table["laplacian"]) == pytest.approx(
        1 - (2 * 0.1 * 0.7 + 2 * 0.8 * 0.15) / (4 * 0.56), abs=0.01
    )
