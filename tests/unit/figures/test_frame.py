"""The exposure with its mask over it."""

import numpy as np
import pytest

from crstudy.figures import frame
from crstudy.metrics.frame import FALSE, FOUND, MISSED, PART_PX, classify, map_frame


@pytest.fixture
def table():
    """Return the map of four parts: 5 wrong pixels in the second, 2 in the third, else none."""
    shape = 2 * PART_PX, 2 * PART_PX
    label, flagged, valid = (np.zeros(shape, bool) for _ in range(3))
    valid[:] = True
    label[10, 10] = flagged[10, 10] = True
    label[3, PART_PX : PART_PX + 5] = True
    flagged[PART_PX, :3] = True
    valid[PART_PX, 2] = False
    image = np.arange(label.size, dtype=float).reshape(shape)
    return map_frame(image, classify(label, flagged, valid))


def test_parts_are_those_with_the_median_and_the_largest_number_of_wrong_pixels(table):
    row, meta = table[0], table.meta
    assert (meta["FOUND"], meta["FALSE"], meta["MISSED"], meta["BLOCK"]) == (1, 2, 5, 1)
    assert (meta["WORSTX"], meta["WORSTY"]) == (PART_PX, 0)
    assert (row["worst_kinds"] == MISSED).sum() == 5
    assert (meta["TYPICALX"], meta["TYPICALY"]) == (0, 0)
    assert (row["frame_kinds"] == FALSE).sum() == 2
    assert row["typical_kinds"][10, 10] == FOUND
    assert row["worst"][0, 0] == PART_PX


def test_a_block_shows_the_worst_of_its_pixels(monkeypatch):
    monkeypatch.setattr("crstudy.metrics.frame.SIDE_PX", 2)
    kinds = np.array([[FOUND, MISSED, 0, 0], [FALSE, 0, FALSE, FOUND]])
    table = map_frame(np.ones((2, 4)), kinds)
    assert table["frame_kinds"][0].tolist() == [[MISSED, FALSE]]


def test_figure_counts_and_marks_the_parts(table):
    table.meta |= {"DATASET": "a", "OBSERVED": "b", "EXPOSURE": "c", "CHIP": 1, "THRESH": 0.5}
    drawn = frame.draw(table)
    words = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert words == ["found (1 px)", "false (2 px)", "missed (5 px)"]
    assert len(drawn.axes[0].patches) == 2
