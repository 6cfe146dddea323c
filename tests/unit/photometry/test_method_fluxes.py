"""Fluxes after every method's mask, against a count by hand on made-up stars."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from crstudy.data.chips import Truth
from crstudy.photometry.method_fluxes import (
    ALL_CLASSES,
    TRUE_MASK,
    UNREPAIRED,
    count_fluxes,
    method_flux_table,
)
from starfield import PHOTOMETRY, SHAPE, make_chip

RADIUS_PX = 5.0
STARS = [(x, y, 20000.0) for x in (40.0, 100.0, 160.0, 210.0) for y in (50.0, 120.0, 200.0)]
SETTINGS = PHOTOMETRY | {"flux_sigma": 3.0}
RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 1}
NET, RIVAL = "zb20-f606w", "lacosmic"


def hit_chip(charges):
    """Return a chip whose stars have a cosmic ray of this charge beside their centre, and them."""
    chip = make_chip(STARS)
    charge = np.zeros(SHAPE, np.int32)
    for (x, y, _), one in zip(STARS, charges, strict=True):
        charge[int(y) + 1, int(x) - 1] = one
    truth = Truth(charge, chip.original, 1.0, 4.0)
    chip = replace(chip, original=chip.original + charge.astype(np.float32), truth=truth)
    sky = chip.wcs.pixel_to_world(*np.array(STARS)[:, :2].T)
    n = len(STARS)
    columns = {"star": range(n), "ra": sky.ra.deg, "dec": sky.dec.deg, "radius": [RADIUS_PX] * n}
    return chip, Table({name: list(values) for name, values in columns.items()})


def by_hand(image, clean, charge):
    """Count right and wrong fluxes, star by star."""
    counts = dict.fromkeys(("stars", "anomalous", "hit", "repaired", "free", "degraded"), 0)
    noise = 5.0**2 * np.pi * RADIUS_PX**2
    for x, y, _ in STARS:
        # What is added lies well within the apertures.
        near = np.s_[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4]
        limit = 3 * np.sqrt(noise + 20000)
        wrong = abs(float((image - clean)[near].sum(dtype=float))) > limit
        e = charge[near].sum()
        counts["stars"] += 1
        counts["anomalous"] += wrong
        counts["hit"] += e > limit
        counts["repaired"] += e > limit and not wrong
        counts["free"] += e == 0
        counts["degraded"] += e == 0 and wrong
    return counts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_are_those_by_hand(seed):
    rng = np.random.default_rng(seed)
    charges = rng.choice([0, 0, 100, 2000, 9000], len(STARS))
    chip, stars = hit_chip(charges)
    charge, clean = chip.truth.cr, chip.original - chip.truth.cr
    # A method that removes some charges, and takes light off some stars that none touched.
    mended = chip.original.copy()
    for x, y, _ in STARS:
        spot = int(y) + 1, int(x) - 1
        mended[spot] -= charge[spot] * rng.integers(2)
        mended[int(y), int(x)] -= 3000 * rng.integers(2)
    images = {(UNREPAIRED, "default"): chip.original, (NET, "default"): mended}
    images |= {(TRUE_MASK, "default"): clean}
    table = count_fluxes(chip, stars, images, SETTINGS)
    for row, image in zip(table, images.values(), strict=True):
        expected = by_hand(image, clean, charge)
        assert {name: row[name] for name in expected} == expected
    nothing, _, best = table
    assert nothing["anomalous"] == nothing["hit"] > 0
    assert nothing["repaired"] == nothing["degraded"] == 0
    assert best["repaired"] == best["hit"]
    assert best["anomalous"] == 0


def group(field_class, *rows):
    names = ("method", "threshold_kind", "repaired", "hit", "degraded", "free", "anomalous")
    table = Table(rows=rows, names=names)
    table["stars"], table["field_class"] = 20, field_class
    return table


def test_changes_are_paired_and_by_field_class():
    nothing = UNREPAIRED, "default", 0, 10, 0, 8, 10
    groups = [
        group("extragalactic", nothing, (RIVAL, "default", 6, 10, 2, 8, 6)),
        group("globular_cluster", nothing, (RIVAL, "default", 2, 10, 8, 8, 16)),
        group("globular_cluster", nothing, (RIVAL, "default", 3, 10, 0, 8, 7)),
    ]
    table = method_flux_table(groups, RESAMPLING)
    rows = {(row["method"], row["field_class"]): row for row in table}
    every = rows[RIVAL, ALL_CLASSES]
    assert (every["stars"], every["hit"], every["groups"]) == (60, 30, 3)
    assert every["repaired_fraction"] == pytest.approx(11 / 30)
    assert every["degraded_fraction"] == pytest.approx(10 / 24)
    assert every["anomalous_fraction_change"] == pytest.approx(29 / 60 - 30 / 60)
    assert every["anomalous_fraction_change_lo"] < 0 < every["anomalous_fraction_change_hi"]
    clusters = rows[RIVAL, "globular_cluster"]
    assert clusters["anomalous_fraction_change"] == pytest.approx(3 / 40)
    assert np.isnan(rows[UNREPAIRED, ALL_CLASSES]["anomalous_fraction_change"])


def test_rival_is_compared_at_its_matched_threshold():
    nothing = UNREPAIRED, "default", 0, 10, 0, 8, 10
    groups = [
        group(
            "globular_cluster",
            nothing,
            (RIVAL, "default", 0, 10, 8, 8, 18),
            (RIVAL, "matched", 5, 10, 0, 8, 5 + extra),
            (NET, "default", 6, 10, 1, 8, 3 + extra),
            (NET, "matched", 6, 10, 1, 8, 8 + extra),
        )
        for extra in range(3)
    ]
    table = method_flux_table(groups, RESAMPLING)
    rows = {(row["method"], row["threshold_kind"], row["field_class"]): row for row in table}
    name = "anomalous_fraction_minus_rival"
    for kind, wrong in (("default", -2), ("matched", 3)):
        row = rows[NET, kind, ALL_CLASSES]
        expected = pytest.approx(wrong / 20)
        assert (row[name], row[f"{name}_lo"], row[f"{name}_hi"]) == (expected,) * 3
    assert rows[UNREPAIRED, "default", ALL_CLASSES][name] == pytest.approx(4 / 20)
    assert np.isnan(rows[RIVAL, "default", ALL_CLASSES][name])
