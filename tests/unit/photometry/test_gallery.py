"""Galleries: who is drawn, what is cut out, and that every gallery can be drawn."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table

from crstudy.figures.paper.fig4_fig5 import TITLES
from crstudy.figures.paper.fig4_fig5 import draw as draw_gallery
from crstudy.photometry.gallery import (
    COLUMNS,
    HALF_PX,
    SIDE_PX,
    add_cutouts,
    choose,
    cutout,
    read_gallery,
    write_gallery,
)
from project import ROOT

SIGMA, LIMITS = 3.0, (0.9, 1.1)


def photometry(n=200, simulated=True):
    """Return measurements of n / 4 stars in four exposures, all used but every tenth."""
    rng = np.random.default_rng(2)
    number = np.arange(n)
    clean = np.full(n, 1000.0)
    return Table(
        {
            "group": np.where(number % 2, "g001", "g002"),
            "exposure": [f"e{i % 4}" for i in number],
            "chip": np.ones(n, int),
            "star": number // 4,
            "mag": np.full(n, 24.0),
            "area": np.full(n, 20.0),
            "radius": np.full(n, 3.0),
            "x": rng.uniform(0, 59, n),
            "y": rng.uniform(0, 39, n),
            "flux_original": clean + 200,
            "flux_clean": clean,
            "flux_inpaint": clean * rng.uniform(0.7, 1.3, n),
            # A difference of 0.09 of the flux is anomalous, or one of 0.15.
            "sigma": np.where(number % 3, 30.0, 50.0),
            "cr_true": np.where(number % 5, 200.0, 0.0) if simulated else np.full(n, np.nan),
            "label_px": np.full(n, 2.0),
            "flagged_px": np.full(n, 4.0),
            "used": number % 10 != 0,
        }
    )


def draw(table, rows=5, seed=1):
    return choose(table, *LIMITS, SIGMA, rows, seed)


def read(group, exposure):
    """Return products of a chip with stars of 500 e- everywhere and a hit."""
    clean = np.random.default_rng(1).normal(100, 5, (40, 60)).astype(np.float32)
    clean[::4, ::4] += 500
    original = clean.copy()
    original[20, 20] += 900
    valid = np.ones(clean.shape, bool)
    valid[3:5, 3] = False
    images = {"original": original, "clean": clean, "inpaint": np.minimum(clean, 300)}
    return [SimpleNamespace(extver=1, valid=valid, **images)]


def gallery(path, table):
    """Return a table of cutouts that was written and read again."""
    drawn = add_cutouts(draw(table), read)
    drawn.meta |= {"DATASET": "test", "OBSERVED": "simulated ACS/WFC F606W"}
    write_gallery(path, drawn)
    return read_gallery(path)


def test_rule_is_obeyed():
    table = photometry()
    drawn = draw(table)
    assert list(drawn["figure"]) == ["fig4"] * 5 + ["fig5"] * 5
    for figure in ("fig4", "fig5"):
        here = drawn[drawn["figure"] == figure]
        assert len(set(zip(here["group"], here["star"], strict=True))) == 5
        assert list(here["ratio"]) == sorted(here["ratio"])
        low = figure == "fig4"
        assert np.all(here["ratio"] < 0.9) if low else np.all(here["ratio"] > 1.1)
        assert np.all(here["n_sigma"] < -3) if low else np.all(here["n_sigma"] > 3)
    ratio = table["flux_inpaint"] / table["flux_clean"]
    far = table["used"] & (np.abs(ratio - 1) * 1000 > SIGMA * table["sigma"])
    assert drawn.meta["USED"] == table["used"].sum()
    assert drawn.meta["FIG4_N"] == (far & (ratio < 0.9)).sum()
    high = far & (ratio > 1.1)
    assert drawn.meta["FIG5_N"] == high.sum() < (table["used"] & (ratio > 1.1)).sum()
    assert drawn.meta["FIG5_HIT"] == (high & (table["cr_true"] > 0)).sum()
    assert drawn.meta["FIG5_CR0"] == (high & (table["cr_true"] == 0)).sum() > 0
    truth = 1200 - table["cr_true"]
    near = np.abs(table["flux_inpaint"] - truth) <= SIGMA * table["sigma"]
    # Without true charge the clean flux is 200 e- below the truth.
    assert drawn.meta["FIG5_REF"] == (high & near & (table["cr_true"] == 0)).sum() > 0
    assert drawn.meta["FIG4_REF"] == 0
    assert "at most one per star" in drawn.meta["RULE"]


def test_every_star_is_drawn_once_where_all_fit():
    table = photometry()
    drawn = draw(table, rows=1000)
    for figure in ("fig4", "fig5"):
        here = drawn[drawn["figure"] == figure]
        assert len(set(zip(here["group"], here["star"], strict=True))) == len(here)
        assert 5 < len(here) < drawn.meta[f"{figure.upper()}_N"]


def test_choice_depends_on_the_seed_and_not_on_the_order_of_rows():
    table = photometry()
    shuffled = table[np.random.default_rng(4).permutation(len(table))]
    assert np.all(draw(table).as_array() == draw(shuffled).as_array())
    assert np.any(draw(table)["star"] != draw(table, seed=2)["star"])


def test_real_data_have_no_true_charge():
    drawn = draw(photometry(simulated=False))
    assert np.isnan(drawn["cr_sigma"]).all()
    assert "FIG4_HIT" not in drawn.meta


@pytest.mark.parametrize(("x", "y"), [(0.0, 20.0), (30.0, 39.4), (59.4, 0.2), (30.4, 20.4)])
def test_cutout_is_centred_and_nan_beyond_the_edge(x, y):
    rows, columns = np.indices((40, 60))
    cut = cutout(rows * 60 + columns, x, y)
    assert cut.shape == (SIDE_PX, SIDE_PX)
    assert cut[HALF_PX, HALF_PX] == round(y) * 60 + round(x)
    beyond = [
        (at + np.arange(-HALF_PX, HALF_PX + 1) < 0) | (at + np.arange(-HALF_PX, HALF_PX + 1) >= n)
        for at, n in ((round(y), 40), (round(x), 60))
    ]
    assert np.array_equal(np.isnan(cut), beyond[0][:, None] | beyond[1])


def test_file_holds_cutouts_units_and_equal_bytes(tmp_path):
    table = gallery(tmp_path / "a.fits", photometry())
    gallery(tmp_path / "b.fits", photometry())
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    assert [table[name].dtype.str[1:] for name in ("clean", "excluded")] == ["f4", "u1"]
    assert (str(table["clean"].unit), str(table["area"].unit)) == ("electron", "pix2")
    for row in table:
        chip = read(row["group"], row["exposure"])[0]
        assert np.array_equal(row["inpaint"], cutout(chip.inpaint, row["x"], row["y"]), True)
        bad = np.nan_to_num(cutout(~chip.valid, row["x"], row["y"]), nan=1)
        assert np.array_equal(row["excluded"], bad)
    assert table["excluded"].any()
    assert not table["excluded"].all()


def test_empty_choice_has_all_columns_and_a_figure(tmp_path):
    table = photometry()
    table["flux_inpaint"] = table["flux_clean"]
    table = gallery(tmp_path / "gallery.fits", table)
    assert len(table) == 0
    assert table.colnames == [*COLUMNS, "original", "clean", "inpaint", "excluded"]
    assert table["clean"].shape == (0, SIDE_PX, SIDE_PX)
    for figure in ("fig4", "fig5"):
        drawn = draw_gallery(table, figure)
        words = drawn.texts[0].get_text()
        assert "no measurement" in words
        assert "180 measurements used" in words
        plt.close(drawn)


@pytest.mark.parametrize("n", [200, 12])
def test_gallery_is_drawn(tmp_path, n):
    table = gallery(tmp_path / "gallery.fits", photometry(n))
    for figure in ("fig4", "fig5"):
        report = ROOT / "workflow" / "report"
        styles = [report / "crstudy.mplstyle", report / "styles" / f"{figure}.mplstyle"]
        with plt.style.context(styles):
            drawn = draw_gallery(table, figure)
            drawn.savefig(tmp_path / "figure.png", dpi=50)
        examples = int((table["figure"] == figure).sum())
        images = [axis for axis in drawn.axes if axis.images]
        assert 0 < examples <= 5
        assert len(images) == len(TITLES) * examples
        assert drawn.get_figwidth() == 7.1
        plt.close(drawn)
