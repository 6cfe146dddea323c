"""Verdict, limits of few stars and figure of the CSST study, from made-up counts and fluxes."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import vstack

from crstudy.csst.photometry import photometry_table
from crstudy.csst.scores import ALL, count_variants, score_table
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED, choose_variants
from crstudy.csst.verdict import CAUTION, OPEN, UNUSABLE, USABLE, judge, write_verdict
from crstudy.figures import csst
from csst_tables import (
    FLUXES,
    PUBLISHED,
    RESAMPLING,
    TIMES,
    USUAL,
    counts,
    photometry,
    stars,
    tables,
    whole_field,
)
from project import ROOT

STYLE = [ROOT / "workflow/report/crstudy.mplstyle", ROOT / "workflow/report/styles/csst.mplstyle"]


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ((0.001, 0.009), USABLE),
        ((0.02, 0.04), CAUTION),
        ((0.06, 0.2), UNUSABLE),
        ((0.005, 0.02), CAUTION),
        ((0.04, 0.06), OPEN),
        ((np.nan, np.nan), OPEN),
    ],
)
def test_verdict_follows_the_interval(ends, verdict):
    assert judge(*ends) == verdict


def test_verdict_is_written_from_the_tables():
    text = write_verdict(*tables(), PUBLISHED).replace("\u00a0", " ")
    for words in (
        "In 150 s, deepCR (zb20) with default settings finds 100.0 [100.0, 100.0] %",
        "50.0 [50.0, 50.0] % of what it flags",
        "with threshold 0.8, chosen on other fields",
        "97.90 ± 0.18 % and 98.67 ± 0.05 % (Yu, Ma",
        "9.0 [9.0, 9.0] % have a wrong flux if nothing is done",
        "if nothing is done 1 % at all exposure times, 5 % from 83 [83, 83] s on",
        "after tuning 1 % at none, 5 % at none",
        "tuning changes recall by −5.0 (without interval), precision by 50.0",
        "the fraction of wrong fluxes by −4.0 (without interval) percentage points",
        f"with default settings {CAUTION}, and after tuning it {USABLE}",
        "L.A.Cosmic",
    ):
        assert words in text, text
    worse = write_verdict(*tables(FLUXES | {("zb20-f606w", THRESHOLD): (5, 20)}), PUBLISHED)
    assert f"after tuning it {UNUSABLE}" in worse


def test_verdict_of_one_field_is_open():
    assert OPEN in write_verdict(*tables(n_fields=1), PUBLISHED)


@pytest.mark.parametrize(
    ("wrong", "n", "ends"),
    # 0.05 ** (1 / 12) of 12 stars, and so on.
    [(0, 4, (0, 0.2209)), (0, 100, (0, 0.00994)), (4, 4, (0.7791, 1))],
)
def test_few_stars_decide_little_if_none_or_all_are_wrong(wrong, n, ends):
    fields = [stars(ORIGINAL, UNCHANGED, 150.0, wrong, n) for _ in range(3)]
    table = photometry_table(fields, 3.0, RESAMPLING)
    (row,) = table[table["field_class"] == ALL]
    found = row["anomalous_fraction_lo"], row["anomalous_fraction_hi"]
    assert found == pytest.approx(ends, abs=1e-4)
    assert "exact binomial" in table.meta["interval"]


def test_detector_is_not_usable_for_want_of_stars():
    """No star of twelve is wrong: up to 22 % may be, at this confidence."""
    none = {("zb20-f606w", THRESHOLD): (0, 0), ("zb20-f606w", UNCHANGED): (0, 0)}
    scores, _, limits, differences = tables(FLUXES | none)
    few = photometry_table(photometry(FLUXES | none, n=4), 3.0, RESAMPLING)
    text = write_verdict(scores, few, limits, differences, PUBLISHED)
    assert f"with default settings {OPEN}, and after tuning it {OPEN}" in text
    alone = photometry_table(photometry(none, 1, n=4), 3.0, RESAMPLING)
    assert np.isnan(alone["anomalous_fraction_lo"]).all()


def test_rival_is_the_best_of_the_validation_fields():
    """The filter of Rhoads is perfect there, and finds a tenth elsewhere."""
    good, bad = [(-np.inf, 0, 900), (6.0, 100, 0)], [(-np.inf, 90, 900), (6.0, 10, 0)]
    fields = [
        vstack([whole_field(), *(counts("rhoads", bins, time=t) for t in TIMES)])
        for bins in (good, bad)
    ]
    remedies = choose_variants(fields[:1], USUAL | {"rhoads": 6.0})
    scores = score_table([count_variants(fields[1], remedies)] * 3, remedies, RESAMPLING)
    text = write_verdict(scores, *tables()[1:], PUBLISHED).replace("\u00a0", " ")
    assert "Rhoads filter (threshold) did best on the validation fields" in text
    assert "on the others it finds 10.0 [10.0, 10.0] %" in text


def test_figure_names_what_is_missing():
    scores, fluxes, *_ = tables()
    scores.meta["missing"] = {"lacosmic": ["csst001-0150", "csst002-0150"]}
    with plt.style.context(STYLE):
        title = csst.draw(scores, fluxes, {"retrained": PUBLISHED}).get_suptitle()
    assert "L.A.Cosmic failed on 2 inputs, excluded for this method" in title.replace("\n", " ")
    plt.close("all")


def test_figure_shows_every_method_and_the_published_band():
    scores, fluxes, *_ = tables()
    with plt.style.context(STYLE):
        figure = csst.draw(scores, fluxes, {"retrained": PUBLISHED})
        figure.draw_without_rendering()
    left, right = figure.axes[:2]
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    assert drawn["deepCR (zb20)"] == pytest.approx([100, 100])
    assert drawn["L.A.Cosmic"] == pytest.approx([80, 80])
    (band,) = left.patches
    assert band.get_y() == pytest.approx(97.72)
    after = {line.get_label(): line.get_ydata() for line in right.lines}
    assert after["deepCR (zb20)"] == pytest.approx([95, 95])
    assert [len(axis.lines[0].get_ydata()) for axis in figure.axes[4:6]] == [2, 2]
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {"no rejection", "deepCR (zb20)", "L.A.Cosmic", "Yu et al. 2025, retrained"}
    plt.close(figure)
