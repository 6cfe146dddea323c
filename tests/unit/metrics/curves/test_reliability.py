"""Reliability of probabilities against analytic values and brute force."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import vstack
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crstudy.data.chips import ComparisonData
from crstudy.figures import reliability
from crstudy.metrics.curves.reliability import (
    brier_differences,
    calibration_table,
    reliability_table,
)
from crstudy.metrics.curves.score_histograms import (
    EDGES,
    count_reliability,
    pool_reliability,
)
from crstudy.metrics.names import SKY
from figure_tables import drawn
from project import ROOT

RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}


def group(probability, actual, edges=EDGES):
    """Make the table of a group of one chip of which every pixel counts."""
    return counted_of(probability, actual, np.ones(actual.shape, bool), edges)


def counted_of(probability, actual, valid, edges=EDGES):
    """Make the table of a chip in the full frame."""
    data = ComparisonData(actual, None, valid, probability)
    (table,) = count_reliability("net", probability, data, {"reference": {}}, edges)
    return table[table["region"] == "full"]


def constant(probability, positives):
    """Give 100 px one probability, of which some hold cosmic rays."""
    actual = np.arange(100).reshape(10, 10) < positives
    return group(np.full((10, 10), probability), actual)


def test_edges_increase_from_0_to_1():
    assert (EDGES[0], EDGES[-1]) == (0, 1)
    assert (np.diff(EDGES) > 0).all()
    assert 0.5 in EDGES


def test_calibrated_probabilities():
    (row,) = calibration_table([constant(0.3, 30), constant(0.3, 30)], RESAMPLING)
    assert row["brier"] == pytest.approx(0.21)
    assert row["brier_constant"] == pytest.approx(0.21)
    assert row["ece"] == pytest.approx(0, abs=1e-12)
    assert (row["pixels"], row["positives"], row["groups"]) == (200, 60, 2)


def test_overconfident_probabilities():
    (row,) = calibration_table([constant(0.8, 50)] * 2, RESAMPLING)
    assert row["ece"] == pytest.approx(0.3)
    assert row["brier"] == pytest.approx(0.5 * 0.2**2 + 0.5 * 0.8**2)
    assert row["brier_constant"] == 0.25


def test_errors_of_groups_in_one_bin_cancel_when_pooled():
    """Calibration is that of all pixels together; the interval tells how groups differ."""
    (row,) = calibration_table([constant(0.8, 70), constant(0.8, 90)] * 2, RESAMPLING)
    assert row["ece"] == pytest.approx(0, abs=1e-12)
    assert row["ece_hi"] == pytest.approx(0.1)
    assert row["brier_lo"] < row["brier"] < row["brier_hi"]


def test_errors_in_different_bins_do_not_cancel():
    (row,) = calibration_table([constant(0.8, 70), constant(0.2, 30)], RESAMPLING)
    assert row["ece"] == pytest.approx(0.1)


def test_diagram():
    table = reliability_table([constant(0.8, 70), constant(0.85, 90)] * 2, RESAMPLING)
    assert len(table) == len(EDGES) - 1
    assert table["low"].tolist() == pytest.approx(list(EDGES[:-1]))
    (row,) = table[table["pixels"] > 0]
    assert (row["low"], row["high"], row["pixels"]) == (0.8, 0.9, 400)
    assert row["mean_probability"] == pytest.approx(0.825)
    assert row["observed_fraction"] == 0.8
    assert (row["observed_fraction_lo"], row["observed_fraction_hi"]) == (0.7, 0.9)
    assert np.isnan(table["observed_fraction"][table["pixels"] == 0]).all()


def test_no_pixels_no_scores():
    nothing = group(np.empty((0, 4)), np.empty((0, 4), bool))
    (row,) = calibration_table([nothing, nothing], RESAMPLING)
    assert row["pixels"] == 0
    assert all(np.isnan(row[name]) for name in ("brier", "ece", "brier_lo", "ece_hi"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    probability=arrays(np.float32, (6, 5), elements=st.sampled_from([0, 0.05, 0.1, 0.7, 1])),
    flags=arrays(np.int8, (6, 5), elements=st.integers(0, 3)),
)
def test_counts_equal_brute_force(probability, flags):
    edges = (0, 0.1, 0.5, 1)
    actual, counted = flags % 2 == 1, flags >= 2
    table = counted_of(probability, actual, counted, edges)
    expected = np.zeros((3, 4))
    for p, y, c in zip(probability.flat, actual.flat, counted.flat, strict=True):
        if c:
            row = sum(bool(p >= np.float32(e)) for e in edges[1:-1])
            expected[row] += 1, y, p, (p - y) ** 2
    found = np.column_stack([table[n] for n in ("pixels", "positives", "probability")])
    np.testing.assert_allclose(found, expected[:, :3])
    np.testing.assert_allclose(table["squared_error"], expected[:, 3], rtol=1e-6)


def test_what_is_no_probability_is_refused():
    probability, counted = np.full((2, 2), 0.5), np.ones((2, 2), bool)
    for bad in (np.nan, -0.1, 1.1):
        probability[0, 0] = bad
        counted[0, 0] = True
        with pytest.raises(ValueError, match=r"outside 0\.\.1"):
            counted_of(probability, counted, counted)
        counted[0, 0] = False
        assert counted_of(probability, counted, counted)["pixels"].sum() == 3


def test_brier_differences_are_paired_on_shared_pixels():
    def pair(one, other, positives=50):
        tables = constant(one, positives), constant(other, positives)
        tables[1].replace_column("method", ["other"] * len(tables[1]))
        return vstack(tables)

    lone = constant(0.1, 50)
    (row,) = brier_differences([pair(0.8, 0.5)] * 3 + [lone], ("net", "other"), RESAMPLING)
    assert (row["method"], row["minus"], row["quantity"]) == ("net", "other", "brier")
    assert row["difference"] == pytest.approx(0.34 - 0.25)
    assert row["difference_lo"] == row["difference_hi"] == pytest.approx(0.09)
    assert len(brier_differences([lone], ("net", "other"), RESAMPLING)) == 0


def chip():
    """Return made-up probabilities, what they are compared with, and star regions."""
    rng = np.random.default_rng(4)
    probability = rng.uniform(size=(30, 40)).astype(np.float32)
    truth, counted = rng.uniform(size=(2, 30, 40)) < [[[0.2]], [[0.9]]]
    regions = {3.0: np.zeros((30, 40), bool), 20.0: np.zeros((30, 40), bool)}
    regions[3.0][:12] = True
    regions[20.0][:5] = True
    both = {"reference": regions, "truth": regions}
    return probability, ComparisonData(~truth, truth, counted, probability, probability), both


def test_sky_and_stars_make_the_full_frame():
    probability, data, regions = chip()
    tables = list(count_reliability("net", probability, data, regions))
    pooled = pool_reliability([*tables, *tables])
    sums = {}
    for region in ("full", SKY, "3", "20"):
        rows = pooled[(pooled["region"] == region) & (pooled["comparison"] == "truth")]
        assert len(rows) == len(EDGES) - 1
        sums[region] = np.array([rows["pixels"], rows["positives"], rows["squared_error"]])
    np.testing.assert_allclose(sums["full"], sums[SKY] + sums["3"])
    assert sums["full"][0].sum() == 2 * data.valid.sum()
    assert sums["20"][1].sum() == 2 * (data.truth & data.valid & regions["truth"][20.0]).sum()
    assert len(pool_reliability([])) == 0


def test_figure_shows_both_comparisons_on_sky_and_stars():
    groups = [pool_reliability(list(count_reliability("zb20-f606w", *chip())))] * 2
    tables = [make(groups, RESAMPLING) for make in (reliability_table, calibration_table)]
    for table in tables:
        table.meta |= {"dataset": "made-up", "observed_with": "nothing", "missing": {}}
    report = ROOT / "workflow/report"
    styles = [report / "crstudy.mplstyle", report / "styles/reliability.mplstyle"]
    with plt.style.context(styles):
        figure = reliability.draw(*tables)
        figure.draw_without_rendering()
    assert len(figure.axes) == 6
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["sky", "stars above 3 RMS", "stars above 20 RMS"] * 2
    assert "AstroDrizzle reference" in figure.axes[0].get_ylabel()
    assert "true cosmic rays" in figure.axes[3].get_ylabel()
    diagram, scores = (
        table[(table["comparison"] == "truth") & (table["region"] == "20")] for table in tables
    )
    line = drawn(figure.axes[5], figure.legends[0])["deepCR (zb20)"]
    shown = diagram[(diagram["observed_fraction"] > 0) & (diagram["observed_fraction"] < 1)]
    np.testing.assert_allclose(line, shown["observed_fraction"])
    assert f"{scores['brier'][0]:.2g}" in figure.axes[5].texts[1].get_text()
    plt.close(figure)
