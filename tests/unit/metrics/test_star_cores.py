"""False alarms on star cores, on hand-made chips."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.metrics.objects.star_cores import (
    bin_alarms,
    bin_by_property,
    false_alarm_table,
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
    table = star_false_alarms(
        {"net": flagged}, stars((6, 3), (8.4, 4.6), (8.6, 5)), charge, counted
    )
    assert table["mag"].tolist() == [20, 21, 22]
    assert table["flagged"].tolist() == [True, True, False]


def test_cores_with_cosmic_rays_or_excluded_pixels_or_off_the_chip_are_left_out():
    flagged, charge, counted = masks()
    charge[2, 2] = 1
    counted[8, 8] = False
    places = ((1, 1), (1, 4), (3, 3), (4, 3), (7, 7), (6, 6), (0, 5), (11, 5), (5, 9), (10, 1))
    table = star_false_alarms({"net": flagged}, stars(*places), charge, counted)
    # Kept: (1, 4), (4, 3), (6, 6), (10, 1).
    assert table["mag"].tolist() == [21, 23, 25, 29]
    assert not table["flagged"].any()


def test_every_method_has_a_row_for_every_star():
    flagged, charge, counted = masks()
    table = star_false_alarms(
        {"none": flagged, "every pixel": ~flagged}, stars((3, 3), (7, 6)), charge, counted
    )
    assert table["method"].tolist() == ["none"] * 2 + ["every pixel"] * 2
    assert table["flagged"].tolist() == [False, False, True, True]
    assert table["peak_fraction"].tolist() == [0.1, 0.3] * 2


def alarms(method, mag, peak_fraction, flagged):
    return Table(
        {
            "method": [method] * len(mag),
            "mag": mag,
            "peak_fraction": peak_fraction,
            "flagged": flagged,
        }
    )


def test_alarms_are_counted_by_magnitude_and_sharpness():
    found = alarms("net", [20.0, 20.5, 21.0, 30.0], [0.1, 0.2, 0.3, 0.2], [1, 1, 0, 1])
    found["flagged"] = found["flagged"].astype(bool)
    table = bin_alarms(found, ["net", "other"], [20, 21, 22], [0.1, 0.2, 0.3])
    assert table["method"].tolist() == ["net"] * 4 + ["other"] * 4
    assert table["cores"].tolist() == [1, 1, 0, 1] + [0] * 4
    assert table["flagged"].tolist() == [1, 1, 0, 0] + [0] * 4
    assert tuple(table[1])[:5] == ("net", 20, 21, 0.2, 0.3)


def test_fraction_of_cores_flagged_is_pooled_over_groups():
    groups = []
    for hits in (2, 6):
        found = alarms("net", [20.5] * 10, [0.15] * 5 + [0.25] * 5, np.arange(10) < hits)
        groups.append(bin_alarms(found, ["net", "other"], [20, 21, 22], [0.1, 0.2, 0.3]))
    table = false_alarm_table(groups, ("method", "mag_lo", "mag_hi"), RESAMPLING)
    row = table[0]
    assert (row["method"], row["mag_lo"], row["cores"], row["flagged"]) == ("net", 20, 20, 8)
    names = ("flagged_fraction", "flagged_fraction_lo", "flagged_fraction_hi")
    assert [row[n] for n in names] == pytest.approx([0.4, 0.2, 0.6])
    assert np.isnan(table["flagged_fraction"][1:]).all()
    sharpness = false_alarm_table(groups, ("method", "peak_lo", "peak_hi"), RESAMPLING)
    assert sharpness["flagged_fraction"][:2].tolist() == pytest.approx([0.7, 0.1])


def test_chip_without_stars():
    flagged, charge, counted = masks()
    table = star_false_alarms({"net": flagged}, stars(), charge, counted)
    assert len(table) == 0
    counts = bin_alarms(table, ["net"], [20, 21], [0.1, 0.2])
    assert counts["cores"].tolist() == [0]


def test_every_property_counts_every_star_once():
    found = alarms("net", [15.0, 20.5, 30.0], [0.1, 0.15, 0.5], np.array([True, False, True]))
    table = bin_by_property(found, ["net", "other"])
    for name in ("all", "mag", "peak_fraction"):
        rows = table[(table["property"] == name) & (table["method"] == "net")]
        assert (rows["cores"].sum(), rows["flagged"].sum()) == (3, 2)
        assert (rows["low"][1:] == rows["high"][:-1]).all()
    (bright,) = table[(table["method"] == "net") & (table["high"] == 19)]
    assert (bright["low"], bright["cores"], bright["flagged"]) == (-np.inf, 1, 1)
    assert not table["cores"][table["method"] == "other"].any()
