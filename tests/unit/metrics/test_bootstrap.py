"""Sums over groups, and intervals from draws of groups, against brute force and known scores."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.metrics.bootstrap import (
    draw_weights,
    estimate,
    fraction_differences,
    fraction_table,
    interval,
)
from crstudy.metrics.pooling import bin_index, ratio, series, sum_rows, sum_table

RESAMPLING = {"samples": 300, "confidence": 0.9, "seed": 3}


def part(sums):
    return ratio(sums[..., 0], sums[..., 1])


def test_nothing_to_divide_by_is_undefined():
    np.testing.assert_array_equal(ratio([1, 0, 5], [2, 0, 0]), [0.5, np.nan, np.nan])


def test_bins_hold_their_lower_edge_and_the_last_one_both():
    values = [-1, 0, 0.5, 1, 2.9, 3, 3.1, np.nan]
    assert bin_index(values, [0, 1, 3]).tolist() == [-1, 0, 0, 1, 1, 1, -1, -1]
    assert bin_index([0, 7, np.inf], [1, 5, np.inf]).tolist() == [-1, 1, 1]


def test_weights_count_the_groups_drawn():
    weights = draw_weights(7, 50, seed=1)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    picks = np.random.default_rng(1).integers(0, 7, (50, 7))
    assert weights[20].tolist() == [(picks[20] == i).sum() for i in range(7)]


def test_samples_without_a_value_are_counted_and_left_out():
    sums = np.array([(1, 2), (3, 4), (1, 4), (0, 0)])
    found = estimate(part, sums, RESAMPLING)
    drawn = part(np.tensordot(draw_weights(4, 300, 3), sums, axes=1))
    assert found.undefined == np.isnan(drawn).sum() > 0
    assert (found.low, found.high) == interval(drawn, 0.9)


def test_two_groups_with_a_value_give_no_interval():
    sums = np.array([[(1, 2), (1, 2)], [(1, 4), (1, 4)], [(0, 0), (1, 2)]])
    found = estimate(part, sums, RESAMPLING)
    np.testing.assert_array_equal(found.value, [1 / 3, 3 / 8])
    np.testing.assert_array_equal(found.low, [np.nan, 0.25])
    np.testing.assert_array_equal(found.high, [np.nan, 0.5])


@pytest.fixture
def groups():
    """Three groups with several rows of a key, in any order, and keys that are not everywhere."""
    rng = np.random.default_rng(2)
    return [
        Table(
            {
                "method": rng.choice(methods, 40),
                "low": rng.choice([-np.inf, 0.5, 2.0], 40),
                "hits": rng.integers(0, 5, 40),
                "all": rng.integers(5, 9, 40),
            },
            meta={"exposure": i},
        )
        for i, methods in enumerate((["a", "long name"], ["a"], ["long name", "c"]))
    ]


def test_rows_of_a_key_are_added_up_by_group(groups):
    keys, sums = sum_rows(groups, ("method", "low"), ("hits", "all"))
    assert len(keys) == 9
    assert tuple(keys[0]) == tuple(groups[0]["method", "low"][0])
    for i, row in enumerate(keys):
        for g, table in enumerate(groups):
            here = [r for r in table if (r["method"], r["low"]) == tuple(row)]
            assert sums[g, i].tolist() == [sum(r[n] for r in here) for n in ("hits", "all")]
    table = sum_table(groups, ("method", "low"), ("hits", "all"))
    assert table["hits"].dtype.kind == "i"
    assert table["all"].tolist() == sums[..., 1].sum(axis=0).tolist()


def test_series_are_sorted(groups):
    found = {
        key["method"]: (low, sums) for key, low, sums in series(groups, ["method"], "low", ["all"])
    }
    assert set(found) == {"a", "long name", "c"}
    low, sums = found["c"]
    assert low.tolist() == [-np.inf, 0.5, 2.0]
    assert not sums[:2].any()
    here = groups[2][groups[2]["method"] == "c"]
    assert sums[2, :, 0].tolist() == [here["all"][here["low"] == k].sum() for k in low]


def test_fraction_table_pools_counts(groups):
    groups.append(groups[1])
    table = fraction_table(groups, ["method"], {"part": ("hits", "all")}, RESAMPLING)
    assert table.colnames == ["method", "hits", "all", "part", "part_lo", "part_hi", "groups"]
    everything = sum(g["hits"].sum() for g in groups), sum(g["all"].sum() for g in groups)
    assert (table["hits"].sum(), table["all"].sum()) == everything
    np.testing.assert_array_equal(table["part"], table["hits"] / table["all"])
    assert table["hits"].dtype.kind == "i"
    by_method = {row["method"]: row for row in table}
    assert by_method["c"]["groups"] == 1
    assert np.isnan(by_method["c"]["part_lo"])
    assert by_method["a"]["part_lo"] < by_method["a"]["part"] < by_method["a"]["part_hi"]


def test_fraction_of_nothing_is_undefined_with_its_count():
    tables = [Table({"key": ["a"], "hits": [0], "all": [0]})] * 3
    row = fraction_table(tables, ["key"], {"part": ("hits", "all")}, RESAMPLING)[0]
    assert (row["all"], row["groups"]) == (0, 0)
    assert all(np.isnan(row[name]) for name in ("part", "part_lo", "part_hi"))


def test_differences_are_paired():
    """Ten more of a hundred in every group: no doubt about the difference, much about each."""
    groups = [
        Table(
            {
                "method": ["net", "scan", "net"],
                "region": ["full", "full", "star"],
                "hits": [hits, hits + 10, 1],
                "all": [100, 100, 1],
            }
        )
        for hits in (30, 50, 80)
    ]
    fractions = {"part": ("hits", "all")}
    table = fraction_table(groups, ["method", "region"], fractions, RESAMPLING)
    assert table["part_hi"][0] - table["part_lo"][0] > 0.1
    (row,) = fraction_differences(groups, ("scan", "net"), ["region"], fractions, RESAMPLING)
    assert (row["method"], row["minus"], row["region"]) == ("scan", "net", "full")
    numbers = [row[f"difference{end}"] for end in ("", "_lo", "_hi")]
    assert numbers == pytest.approx([0.1] * 3)
    assert row["undefined_samples"] == 0
