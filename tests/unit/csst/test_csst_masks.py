"""Masks of the CSST study: counted pixel by pixel, and at the prevalence of the survey."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.csst.masks import COUNTED, RATES, count_mask, mask_rates, mask_table
from crstudy.csst.scores import ALL
from csst_tables import RESAMPLING


def groups_of(mask):
    """Return the pixels of every 8-connected group of a mask, found one by one."""
    left, found = set(map(tuple, np.argwhere(mask))), []
    while left:
        group, todo = set(), [left.pop()]
        while todo:
            y, x = todo.pop()
            group.add((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            todo += near
        found.append(group)
    return found


def test_mask_is_counted_pixel_by_pixel():
    rng = np.random.default_rng(3)
    shape = (40, 50)
    charge = np.where(rng.uniform(size=shape) < 0.15, rng.integers(1, 50, shape), 0)
    hit, mask = charge > 20, rng.uniform(size=shape) < 0.12
    valid = rng.uniform(size=shape) < 0.9
    expected = dict.fromkeys(COUNTED, 0)
    for y, x in np.argwhere(valid):
        free = charge[y, x] == 0
        expected["true_px"] += hit[y, x]
        expected["rim_px"] += not free and not hit[y, x]
        expected["free_px"] += free
        expected["tp"] += mask[y, x] and hit[y, x]
        expected["fp"] += mask[y, x] and free
    for group in groups_of(mask):
        inside = [charge[pixel] for pixel in group if valid[pixel]]
        expected["false_groups"] += bool(inside) and not any(inside)
    assert count_mask(mask, hit, charge, valid) == expected
    assert expected["false_groups"] > 10


def test_precision_at_another_prevalence_is_that_of_fields_with_it():
    """Of 1000 px, 100 are hit: fields with a tenth of the hits have the same recall and rate."""
    here = np.array([100, 40, 860, 90, 43, 20])
    rates = dict(zip(RATES, mask_rates(here, 0.01, 1e9), strict=True))
    hits, others = 0.01 * 1e6, 0.99 * 1e6
    right, wrong = 0.9 * hits, 43 / 860 * others
    assert rates["precision_at_prevalence"] == pytest.approx(right / (right + wrong))
    assert rates["prevalence"] == pytest.approx(0.1)
    assert rates["precision"] == pytest.approx(90 / 133)
    assert rates["false_px_per_deg2"] == pytest.approx(1e9 * 0.99 * 43 / 860)
    assert rates["false_groups_per_deg2"] == pytest.approx(1e9 * 0.99 * 20 / 860)
    same = dict(zip(RATES, mask_rates(np.array([1, 0, 9, 1, 1, 1]), 0.1, 1e9), strict=True))
    assert same["precision_at_prevalence"] == pytest.approx(same["precision"])
    assert np.isnan(mask_rates(np.zeros(6), 0.1, 1e9)).all()


def test_masks_are_pooled_over_fields_and_classes():
    names = ("method", "remedy", "exptime_s", "field_class", *COUNTED)
    fields = [
        Table(rows=[("zb20-f606w", "unchanged", 150.0, kind, 10, 5, 1000, 8, n, n)], names=names)
        for kind, n in (("extragalactic", 1), ("extragalactic", 2), ("globular_cluster", 9))
    ]
    table = mask_table(fields, 0.00235, 0.074, RESAMPLING)
    rows = {row["field_class"]: row for row in table}
    assert list(rows) == [ALL, "extragalactic", "globular_cluster"]
    assert (rows[ALL]["fp"], rows[ALL]["fields"], rows["extragalactic"]["fp"]) == (12, 3, 3)
    expected = 12 / 3000 * (1 - 0.00235) * (3600 / 0.074) ** 2
    assert rows[ALL]["false_px_per_deg2"] == pytest.approx(expected)
    assert rows[ALL]["false_px_per_deg2_lo"] < expected < rows[ALL]["false_px_per_deg2_hi"]
    assert np.isnan(rows["globular_cluster"]["recall_lo"])
    assert table.meta["survey_prevalence"] == 0.00235
