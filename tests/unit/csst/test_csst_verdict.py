"""Verdict, limits of few stars and figure of the CSST study, from made-up counts and fluxes."""

import matplotlib.pyplot as plt
import pytest

from crstudy.csst.differences import NOTHING
from crstudy.csst.photometry import photometry_table
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.csst.verdict import GAIN, HARM, NO_GAIN, UNDECIDED, find_changes, write_verdict
from crstudy.figures import csst
from csst_tables import FLUXES, PUBLISHED, RESAMPLING, stars, tables
from figure_tables import drawn
from project import ROOT

STYLE = [ROOT / "workflow/report/crstudy.mplstyle", ROOT / "workflow/report/styles/csst.mplstyle"]


NET, TUNED = ("zb20-f606w", UNCHANGED), ("zb20-f606w", THRESHOLD)
LACOSMIC = ("lacosmic", THRESHOLD)


def study(net, rival=(8, 7, 9), hit=70):
    """Return the tables of fields with so many wrong stars of 100 in 150 s."""
    return tables(
        *(
            {(ORIGINAL, UNCHANGED): (3, none), NET: (0, a), TUNED: (0, 0), LACOSMIC: (0, b)}
            for none, a, b in zip((9, 7, 8), net, rival, strict=True)
        ),
        hit=hit,
    )


@pytest.mark.parametrize(
    ("net", "hit", "verdict"),
    [
        ((4, 3, 2), 70, GAIN),
        ((4, 3, 2), 6, GAIN),
        ((12, 9, 12), 70, HARM),
        ((10, 6, 8), 70, NO_GAIN),
        ((10, 6, 8), 66, UNDECIDED),
        # The same change in all fields has no interval.
        ((8, 6, 7), 70, UNDECIDED),
    ],
)
def test_verdict_follows_the_paired_difference(net, hit, verdict):
    made = study(net, hit=hit)
    change = find_changes(made["photometry"], made["differences"], 150.0)[NET][NOTHING]
    assert change.verdict == verdict
    assert change.value == pytest.approx((sum(net) - 24) / 300)
    text = write_verdict(made, PUBLISHED)
    assert f"with its default threshold: {verdict} against no correction" in text
    n = 3 * hit
    assert f"{n} stars that a cosmic ray hit" in text
    assert ("fewer than 200" in text) == (n < 200)


def test_verdict_is_written_from_the_tables():
    text = write_verdict(study((4, 3, 2), (5, 1, 4)), PUBLISHED).replace("\u00a0", " ")
    for words in (
        "Fluxes of stars in 150 s",
        "with its default threshold: gain against no correction (−5.00 [−5.67, −4.33])",
        "no gain against L.A.Cosmic with a tuned threshold (−0.33 [−1.67, 1.00])",
        "with a tuned threshold: gain against no correction (−8.00 [",
        "(210 extragalactic)",
        "Where 0.235 % of the pixels are hit, as in the survey (0.249 % here)",
        "in extragalactic fields: with its default threshold 96.0",
        "False and lost sources per square degree of all fields: with its default threshold gain",
        "no correction (−280,000 [−280,000, −280,000]); with a tuned threshold gain against",
        "There are 320,000 [320,000, 320,000] without correction; 40,000",
        "a tuned threshold deepCR (zb20) suffices for the photometry of stars that tolerates these",
        "and catalogues (30.0 [30.0, 30.0] of 1000 sources of all fields false or lost)",
        "97.90 ± 0.18 % recall and 98.67 ± 0.05 % precision (Yu, Ma",
    ):
        assert words in text, text


def test_no_wrong_source_is_no_proof_of_none():
    made = study((4, 3, 2))
    catalogue = made["catalogue"]
    here = catalogue["method"] == NET[0]
    for name in ("false", "lost"):
        catalogue[name][here] = 0
    catalogue["area_deg2"][here] = 0.01
    # -ln(0.025) counts in 0.01 square degrees.
    assert "none (hence fewer than 369, Poisson) after deepCR" in write_verdict(
        made, PUBLISHED
    ).replace("\u00a0", " ")


def test_without_an_interval_or_the_rival_nothing_is_decided():
    made = tables(FLUXES)
    text = write_verdict(made, PUBLISHED)
    assert f"with its default threshold: {UNDECIDED} against no correction (" in text
    assert f"{GAIN} against" not in text.split("This rests")[0]
    assert "L.A.Cosmic with" not in text
    assert "suffices for no photometry of stars (undecided)" in text


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


def test_figure_names_what_is_missing():
    scores, fluxes = (tables()[name] for name in ("scores", "photometry"))
    scores.meta["missing"] = {"lacosmic": ["csst001-0150", "csst002-0150"]}
    with plt.style.context(STYLE):
        title = csst.draw(scores, fluxes, {"retrained": PUBLISHED}).get_suptitle()
    assert "L.A.Cosmic failed on 2 inputs, excluded for this method" in title.replace("\n", " ")
    plt.close("all")


def test_figure_shows_every_method_and_the_published_band():
    scores, fluxes = (tables()[name] for name in ("scores", "photometry"))
    with plt.style.context(STYLE):
        figure = csst.draw(scores, fluxes, {"retrained": PUBLISHED})
        figure.draw_without_rendering()
    left, right = figure.axes[:2]
    before, after = (drawn(axis, figure.legends[0]) for axis in (left, right))
    assert before["deepCR (zb20)"] == pytest.approx([100, 100])
    assert before["L.A.Cosmic"] == pytest.approx([80, 80])
    (band,) = left.patches
    assert band.get_y() == pytest.approx(97.72)
    assert after["deepCR (zb20)"] == pytest.approx([95, 95])
    assert [len(axis.lines[0].get_ydata()) for axis in figure.axes[4:6]] == [2, 2]
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {"no rejection", "deepCR (zb20)", "L.A.Cosmic", "Yu et al. 2025, retrained"}
    plt.close(figure)
