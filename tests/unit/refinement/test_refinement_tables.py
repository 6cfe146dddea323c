"""Tables and figure of the remedies, by hand."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table

from crstudy.data.chips import Truth
from crstudy.figures import refinement
from crstudy.refinement.repair import MODEL_FILLED, TRUE_MASK, UNREPAIRED, measure_repairs
from crstudy.refinement.settings import MASK_COUNTS, NONE, REFINEMENTS, RESIDUALS, THRESHOLD
from crstudy.refinement.tables import count_anomalies, mask_score_table, repair_table
from figure_tables import drawn
from project import ROOT
from starfield import PHOTOMETRY, SHAPE, make_chip

RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 1}
META = {"dataset": "made-up", "observed_with": "simulated ACS/WFC F606W"}
STARS = ((80.0, 90.0, 20000.0), (170.0, 160.0, 40000.0))


def counts(recovered):
    """Return the pixels of a group: deepCR finds 5 of 10, its remedy some more."""
    rows = [
        (NONE, "truth", "3", "all", 5, 6, 10),
        (THRESHOLD, "truth", "3", "all", 5, 10, 10),
        (RESIDUALS, "truth", "3", "all", 5 + recovered, 6 + recovered, 10),
    ]
    rows += [(name, "truth", "160", "all", 0, 0, 0) for name in REFINEMENTS]
    return Table(rows=rows, names=MASK_COUNTS)


def test_scores_and_their_changes_are_those_of_the_sums():
    table = mask_score_table([counts(1), counts(3)] * 2, RESAMPLING)
    rows = {(row["remedy"], row["region"]): row for row in table}
    best = rows[RESIDUALS, "3"]
    assert (best["tp"], best["flagged"], best["positives"]) == (28, 32, 40)
    assert best["recall"] == pytest.approx(0.7)
    assert best["precision"] == pytest.approx(14 / 16)
    assert best["f1"] == pytest.approx(28 / 36)
    assert best["recall_change"] == pytest.approx(0.2)
    assert best["f1_change"] == pytest.approx(28 / 36 - 20 / 32)
    assert best["recall_change_lo"] == pytest.approx(0.1)
    assert best["recall_change_hi"] == pytest.approx(0.3)
    assert rows[THRESHOLD, "3"]["precision_change"] == pytest.approx(0.5 - 5 / 6)
    assert np.isnan(rows[NONE, "3"]["recall_change"])
    empty = rows[RESIDUALS, "160"]
    assert np.isnan([empty["recall"], empty["f1"], empty["recall_change"]]).all()
    assert (empty["positives"], empty["groups"]) == (0, 0)


def make_stars(chip):
    sky = chip.wcs.pixel_to_world(*np.array(STARS)[:, :2].T)
    return Table(
        {"star": [1, 2], "ra": sky.ra.deg, "dec": sky.dec.deg, "radius": [5.0, 5.0]},
    )


@pytest.fixture(scope="module")
def measured():
    """Return the photometry of two stars, of which a cosmic ray hit the second."""
    chip = make_chip(STARS)
    charge = np.zeros(SHAPE, np.int32)
    charge[160, 170:172] = 5000
    known = Truth(charge, chip.original, 1.0, 4.0)
    chip = replace(chip, original=chip.original + charge.astype(np.float32), truth=known)
    mended = chip.original - charge
    images = {UNREPAIRED: chip.original, NONE: chip.original, THRESHOLD: chip.original}
    images |= {RESIDUALS: mended, MODEL_FILLED: mended - 1, TRUE_MASK: mended}
    return measure_repairs(chip, make_stars(chip), images, PHOTOMETRY)


def test_repaired_stars_are_compared_with_the_exposure_without_cosmic_rays(measured):
    rows = {(row["method"], row["star"]): row for row in measured}
    assert len(rows) == 12
    assert rows[NONE, 2]["charge"] == pytest.approx(10000)
    assert rows[NONE, 2]["flux"] - rows[NONE, 2]["flux_clean"] == pytest.approx(10000, rel=1e-4)
    assert rows[RESIDUALS, 2]["flux"] == pytest.approx(rows[RESIDUALS, 2]["flux_clean"])
    assert rows[NONE, 1]["charge"] == 0
    lost = rows[MODEL_FILLED, 1]["flux"] - rows[MODEL_FILLED, 1]["flux_clean"]
    assert lost == pytest.approx(-np.pi * 25, rel=1e-3)


def test_real_exposures_are_compared_with_the_reference():
    chip = make_chip(STARS)
    label = np.zeros(SHAPE, bool)
    label[160, 170] = True
    hit = replace(chip, original=chip.original + 3000 * label.astype(np.float32), label=label)
    table = measure_repairs(hit, make_stars(chip), {NONE: hit.original}, PHOTOMETRY)
    assert table["charge"].tolist() == pytest.approx([0, 3000], rel=1e-3)
    assert (table["flux"] - table["flux_clean"]).tolist() == pytest.approx([0, 3000], abs=1)


def test_anomalies_are_counted(measured):
    names = (NONE, RESIDUALS)
    table = count_anomalies(measured, 3.0, names)
    before, after = table
    assert (before["stars"], before["hit"], before["free"]) == (2, 1, 1)
    assert (before["anomalous"], before["anomalous_hit"], before["anomalous_free"]) == (1, 1, 0)
    assert (after["stars"], after["anomalous"]) == (2, 0)
    result = repair_table([measured, measured], 3.0, RESAMPLING)
    rows = {row["remedy"]: row for row in result}
    assert list(rows) == [UNREPAIRED, *REFINEMENTS, MODEL_FILLED, TRUE_MASK]
    assert rows[NONE]["anomalous_fraction"] == 0.5
    assert rows[RESIDUALS]["anomalous_hit_fraction_change"] == -1
    assert rows[RESIDUALS]["anomalous_free_fraction_change"] == 0


def test_without_a_star_fractions_are_undefined(measured):
    table = repair_table([measured[:0]], 3.0, RESAMPLING)
    assert list(table["remedy"]) == list(REFINEMENTS)
    assert np.isnan(table["anomalous_fraction"]).all()
    assert (table["stars"] == 0).all()


@pytest.mark.parametrize("stars", [True, False])
def test_figure_shows_the_tables(measured, stars):
    scores = mask_score_table([counts(1), counts(3)], RESAMPLING)
    photometry = repair_table([measured, measured] if stars else [measured[:0]], 3.0, RESAMPLING)
    scores.meta |= META
    report = ROOT / "workflow/report"
    with plt.style.context([report / "crstudy.mplstyle", report / "styles/remedy.mplstyle"]):
        figure = refinement.draw(scores, photometry)
        figure.draw_without_rendering()
    lines = drawn(figure.axes[0], figure.subfigs[0].legends[0])
    assert lines["deepCR, unmodified"] == pytest.approx([50, np.nan], nan_ok=True)
    assert lines[RESIDUALS] == pytest.approx([70, np.nan], nan_ok=True)
    words = [text.get_text() for text in figure.axes[-1].texts]
    assert any("no star" in text for text in words) != stars
