"""The audit of the reference, against counting by hand."""

import numpy as np
import pytest
from astropy.table import Table

from crstudy.data.star_regions import star_regions
from crstudy.metrics.names import REFERENCE_MODEL, region_name
from crstudy.metrics.scores import count_pixels
from crstudy.reference.audit import (
    CELLS,
    GROUP,
    KEYS,
    LEAVE_ONE_OUT,
    DrizCrSetting,
    KnownChip,
    audit_chip,
)
from crstudy.reference.audit_table import make_audit, outcomes, pool_cells
from crstudy.reference.driz_cr import driz_cr
from crstudy.reference.labels import make_reference

PAPER, STRICT = DrizCrSetting((5.0, 1.5), (1.2, 0.7)), DrizCrSetting((5.0, 1.5), (0.3, 0.2))
REGIONS = {"multiples_rms": [3, 40], "background_box_px": 32}
RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}
SHAPE, SKY_E, READ_NOISE_E = (96, 128), 40.0, 4.0


def test_cells_are_sorted_into_outcomes():
    charged, label, detected, faint = np.random.default_rng(1).uniform(size=(4, 40, 50)) < 0.3
    truth, rims = charged & ~faint, charged & faint
    holds = np.where(truth, "t", np.where(rims, "r", "")).ravel()
    flags = (np.where(one, letter, "").ravel() for one, letter in ((label, "l"), (detected, "d")))
    names = ["".join(letters) or "none" for letters in zip(holds, *flags, strict=True)]
    cells = np.array([names.count(name) for name in CELLS])
    assert cells.sum() == truth.size
    everything = np.ones(truth.shape, bool)
    for comparison, predicted, actual, counted in (
        ("reference", detected, label, everything),
        ("truth", detected, truth, ~rims),
        ("truth_with_rims", detected, truth, everything),
        ("reference_vs_truth", label, truth, ~rims),
        ("reference_vs_truth_with_rims", label, truth, everything),
    ):
        expected = count_pixels(predicted, actual, counted)
        assert outcomes(cells, comparison).tolist() == list(expected[:3])
    assert outcomes(np.stack([cells, 2 * cells]), "truth").shape == (2, 3)


@pytest.fixture(scope="module")
def chip():
    """Return a chip with bright stars of which the median is a little wrong, and its hits."""
    rng = np.random.default_rng(3)
    rows, columns = np.indices(SHAPE)
    stars = np.zeros(SHAPE)
    for row in range(16, 96, 32):
        for column in range(16, 128, 32):
            stars += 20000 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8)
    cr = np.where(rng.uniform(size=SHAPE) < 0.03, rng.integers(500, 4000, SHAPE), 0)
    sci = rng.poisson(stars + SKY_E) + rng.normal(0, READ_NOISE_E, SHAPE) + cr
    blot = 0.99 * stars + SKY_E
    counted = np.ones(SHAPE, bool)
    counted[:, :5] = False
    blots = {GROUP: blot.astype(np.float32), LEAVE_ONE_OUT: (blot + 3).astype(np.float32)}
    no_reference = np.zeros(SHAPE, bool)
    no_reference[:4] = True
    counted &= ~no_reference
    sci = sci.astype(np.float32)
    sci[50, 2] = np.nan
    rims = (cr > 0) & (cr < 1000)
    return KnownChip(sci, cr, cr >= 1000, rims, blots, no_reference, counted, SKY_E, READ_NOISE_E)


@pytest.fixture(scope="module")
def table(chip):
    """Return the audit of the chip as one group."""
    rng = np.random.default_rng(4)
    detected = {"good": chip.truth & (rng.uniform(size=SHAPE) < 0.9), "none": chip.truth & False}
    rows = list(audit_chip(chip, detected, [PAPER, STRICT], grow_px=1, **REGIONS))
    table = Table(rows=rows, names=(*KEYS, *CELLS))
    table.meta["good"] = detected["good"]
    return table


def row_of(table, **wanted):
    here = np.logical_and.reduce([table[name] == value for name, value in wanted.items()])
    (index,) = np.flatnonzero(here)
    return table[index]


def cells_of(table, **wanted):
    return np.array([row_of(table, **wanted)[name] for name in CELLS])


def test_every_row_equals_the_counts_of_the_study(chip, table):
    assert len(table) == 2 * 2 * 2 * 3 * 2
    noise = {"sky_e": SKY_E, "read_noise_e": READ_NOISE_E}
    for name, blot in chip.blots.items():
        for setting, scale in ((PAPER, "1.2 0.7"), (STRICT, "0.3 0.2")):
            flagged = driz_cr(chip.sci, blot, *setting, **noise)
            reference = make_reference(chip.sci, blot, flagged, chip.no_reference)
            for cleaned_by, clean in (
                ("reference", reference.clean),
                ("truth", chip.sci - chip.cr),
            ):
                areas = star_regions(clean, chip.valid, [3, 40], 32)
                for k, area in areas.items():
                    cells = cells_of(
                        table,
                        median=name,
                        driz_cr_scale=scale,
                        cleaned_by=cleaned_by,
                        region=region_name(k),
                        model="good",
                    )
                    known = chip.valid & area & ~chip.rims
                    for comparison, predicted, actual, counted in (
                        ("reference", table.meta["good"], reference.label, chip.valid & area),
                        ("truth", table.meta["good"], chip.truth, known),
                        ("reference_vs_truth", reference.label, chip.truth, known),
                    ):
                        expected = count_pixels(predicted, actual, counted)
                        assert outcomes(cells, comparison).tolist() == list(expected[:3])


def test_audit_shows_what_the_derivative_hides_on_stars(table):
    audit = make_audit([table] * 3, RESAMPLING)
    assert set(audit["median"]) == {GROUP, LEAVE_ONE_OUT}
    labels = {
        (row["driz_cr_scale"], row["region"]): row
        for row in audit
        if (row["median"], row["cleaned_by"], row["model"]) == (GROUP, "truth", REFERENCE_MODEL)
    }
    paper, strict = labels["1.2 0.7", "40"], labels["0.3 0.2", "40"]
    assert paper["tp"] + paper["fn"] == strict["tp"] + strict["fn"] > 40
    assert paper["recall"] < 0.7 < 0.9 < strict["recall"]
    assert labels["1.2 0.7", "full"]["recall"] > paper["recall"] + 0.1
    # Three groups that are alike: the interval has no width.
    assert paper["recall"] == paper["recall_lo"] == paper["recall_hi"]
    assert paper["groups"] == 3
    # Against the truth a detector's score does not depend on the labels.
    truth = audit[(audit["comparison"] == "truth") & (audit["cleaned_by"] == "truth")]
    for model, recall in (("good", 0.9), ("none", 0.0)):
        found = truth[(truth["model"] == model) & (truth["region"] == "full")]["recall"]
        assert len(found) == 4
        assert found == pytest.approx(recall, abs=0.05)
        assert np.ptp(found) == 0
    # The labels are listed once, not beside every detector.
    of_labels = [name.startswith("reference_vs_") for name in audit["comparison"]]
    assert (of_labels == (audit["model"] == REFERENCE_MODEL)).all()
    assert len(audit) == 2 * 2 * 2 * 3 * (3 * 2 + 2)


def test_groups_are_pooled_and_those_without_pixels_are_left_out(table):
    empty = table.copy()
    for name in CELLS:
        empty[name] = 0
    keys, cells = pool_cells([table, empty, table])
    assert cells.shape == (2, len(table), 12)
    assert cells[0].tolist() == [list(row) for row in table[list(CELLS)]]
    assert list(keys["region"][:3]) == ["full", "3", "40"]
    one = make_audit([table, empty], RESAMPLING)
    assert set(one["groups"]) == {1}
    assert np.isnan(one["recall_lo"]).all()
