"""False alarms on star cores, on hand-made chips."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.metrics.bootstrap import fraction_table
from crstudy.metrics.objects.star_cores import (
    ALARMS,
    STAR_EDGES,
    bin_alarms,
    star_false_alarms,
)

SHAPE = (10, 12)
RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}


def masks():
    """Return nothing flagged, no charge, every pixel counted."""
    return np.zeros(SHAPE, bool), np.zeros(SHAPE, np.int32), np.ones(SHAPE, bool)


def stars(*positions):
    x, y = np.array(positions, dtype=float).reshape(-1, 2).T
    mag = 20.0 + np.arange(len(x))
    return Table({"x": x, "y": y, "mag": mag, "peak_fraction": np.linspace(0.1, 0.3, len(x))})


def test_a_core_is_3_px_wide():
    flagged, charge, counted = masks()
    flagged[4, 7] = True
    # Pixels of the centres: (6, 3), (8, 5) and (9, 5), whose core begins one further.
    table = star_false_alarms(flagged, stars((6, 3), (8.4, 4.6), (8.6, 5)), charge, counted)
    assert table["mag"].tolist() == [20, 21, 22]
    assert table["flagged"].tolist() == [True, True, False]


def test_cores_with_cosmic_rays_or_excluded_pixels_or_off_the_chip_are_left_out():
    flagged, charge, counted = masks()
    charge[2, 2] = 1
    counted[8, 8] = False
    places = ((1, 1), (1, 4), (3, 3), (4, 3), (7, 7), (6, 6), (0, 5), (11, 5), (5, 9), (10, 1))
    table = star_false_alarms(flagged, stars(*places), charge, counted)
    # Kept: (1, 4), (4, 3), (6, 6), (10, 1).
    assert table["mag"].tolist() == [21, 23, 25, 29]
    assert not table["flagged"].any()


def test_every_star_has_its_row():
    flagged, charge, counted = masks()
    for mask in (flagged, ~flagged):
        table = star_false_alarms(mask, stars((3, 3), (7, 6)), charge, counted)
        assert table["flagged"].tolist() == [mask.all()] * 2
        assert table["peak_fraction"].tolist() == [0.1, 0.3]


def alarms(mag, peak_fraction, flagged):
    return Table({"mag": mag, "peak_fraction": peak_fraction, "flagged": np.array(flagged) > 0})


def test_fraction_of_cores_flagged_is_pooled_over_groups():
    edges = {"mag": [20, 21, 22], "peak_fraction": [0.1, 0.2, 0.3]}
    groups = []
    for hits in (2, 6):
        found = alarms([20.5] * 10, [0.15] * 5 + [0.25] * 5, np.arange(10) < hits)
        groups.append(bin_alarms(found, "net", edges))
    table = fraction_table(groups * 2, ("method", "property", "low", "high"), ALARMS, RESAMPLING)
    everything, bright, faint, broad, sharp = table
    names = ("flagged_fraction", "flagged_fraction_lo", "flagged_fraction_hi")
    for row in (everything, bright):
        assert (row["method"], row["cores"], row["flagged"]) == ("net", 40, 16)
        assert [row[n] for n in names] == pytest.approx([0.4, 0.2, 0.6])
    assert (bright["property"], bright["low"], bright["high"]) == ("mag", 20, 21)
    assert faint["cores"] == 0
    assert np.isnan([faint[n] for n in names]).all()
    assert (broad["flagged_fraction"], sharp["flagged_fraction"]) == pytest.approx((0.7, 0.1))


def test_chip_without_stars():
    flagged, charge, counted = masks()
    table = star_false_alarms(flagged, stars(), charge, counted)
    assert len(table) == 0
    assert not bin_alarms(table, "net", STAR_EDGES)["cores"].any()


def test_every_property_counts_every_star_once():
    found = alarms([15.0, 20.5, 30.0], [0.1, 0.15, 0.5], [True, False, True])
    table = bin_alarms(found, "net", STAR_EDGES)
    for name in ("all", "mag", "peak_fraction"):
        rows = table[table["property"] == name]
        assert (rows["cores"].sum(), rows["flagged"].sum()) == (3, 2)
        assert (rows["low"][1:] == rows["high"][:-1]).all()
    (bright,) = table[table["high"] == 19]
    assert (bright["low"], bright["cores"], bright["flagged"]) == (-np.inf, 1, 1)
    assert bin_alarms(found, "net", {})["property"].tolist() == ["all"]
