"""The paper's figures: drawn from tables, also from one group and from none that count."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

from crstudy.config.registry import METHODS
from crstudy.figures import accuracy
from crstudy.figures.paper import fig1, fig3, fig6, fig7, fig8
from crstudy.figures.style import COLOURS, GREY, look_of, read_input, save, split_methods
from crstudy.photometry.accuracy import make_magnitude_table, make_repair_table
from crstudy.photometry.summary import summarise
from figure_tables import (
    NAN,
    RESAMPLING,
    drawn,
    make_density,
    make_groups,
    make_photometry,
    make_stability,
)
from project import ROOT

PUBLISHED = read_input(ROOT / "resources" / "published.yaml")
EDGES_PX = [16, 50, 200, 400]
REPORT = ROOT / "workflow" / "report"
ONE_GROUP = "too few groups: no interval"
NO_STAR = "no star passes the selection"


@cache
def draw(n=4, empty=False, known=True):
    """Return every figure of `n` groups, in the style of its rule, and the tables by name."""
    groups = make_groups(n)
    photometry = make_photometry(groups, used=not empty, known=known)
    summary = summarise(photometry, groups, 3, RESAMPLING)
    stability, trends = make_stability(groups, summary, 0 if empty else 1000)
    density, fits = make_density(groups, 0 if empty else 50)
    magnitudes = make_magnitude_table(photometry, 3, RESAMPLING)
    repair = make_repair_table(photometry, EDGES_PX, 3, RESAMPLING)
    drawings = {
        "fig1": lambda: fig1.draw(groups, PUBLISHED),
        "fig3": lambda: fig3.draw(photometry, summary, PUBLISHED),
        "fig6": lambda: fig6.draw(density, fits, PUBLISHED),
        "fig7": lambda: fig7.draw(stability, trends, PUBLISHED),
        "fig8": lambda: fig8.draw(summary, trends, PUBLISHED),
        "accuracy": lambda: accuracy.draw(magnitudes, repair, groups),
    }
    figures = {}
    for name, drawing in drawings.items():
        with in_style(name):
            figures[name] = drawing()
            figures[name].draw_without_rendering()
    return figures, {name: value for name, value in locals().items() if isinstance(value, Table)}


def in_style(name):
    styles = [REPORT / "crstudy.mplstyle", REPORT / "styles" / f"{name}.mplstyle"]
    return plt.style.context(styles)


@pytest.fixture
def four():
    return draw()


def words(figure):
    """Return all that is written outside the ticks."""
    texts = [figure.get_suptitle(), *figure.legends]
    for axis in figure.axes:
        texts += [*axis.texts, axis.get_title("left"), axis.get_legend()]
    texts = [t.get_texts() if hasattr(t, "get_texts") else [t] for t in texts if t]
    lines = [getattr(t, "get_text", lambda t=t: t)() for group in texts for t in group]
    return " ".join(" ".join(lines).split())


def points(axis, marker):
    """Return the rows x, y that are drawn with a marker, sorted."""
    lines = [line.get_xydata() for line in axis.lines if line.get_marker() == marker]
    return np.array(sorted(map(tuple, np.concatenate(lines))))


def dots(axis):
    """Return the rows x, y of what seaborn draws as dots."""
    drawn = [one for one in axis.collections if isinstance(one, PathCollection)]
    return np.concatenate([one.get_offsets() for one in drawn])


def black(axis):
    """Return the data of the black lines and points."""
    return [line.get_xydata().tolist() for line in axis.lines if line.get_color() == "k"]


@pytest.mark.parametrize(
    "case", [{}, {"n": 20}, {"n": 1}, {"n": 2, "known": False}, {"n": 1, "empty": True}], ids=str
)
def test_axes_have_units_and_nothing_leaves_the_page(case):
    figures, _ = draw(**case)
    for name, figure in figures.items():
        page, drawn = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert drawn.x0 > -1 and drawn.y0 > -1, name
        assert drawn.x1 < page.x1 + 1 and drawn.y1 < page.y1 + 1, name
        assert "Dataset made-up (simulated ACS/WFC F606W)" in words(figure)
        for axis in figure.axes:
            assert "(" in axis.get_xlabel(), name
            assert "(" in axis.get_ylabel() or axis.get_ylabel() in ("", "flux / clean flux"), name


def test_figure_1_shows_the_groups_and_the_paper(four):
    figure, groups = four[0]["fig1"], four[1]["groups"]
    dates, rays = figure.axes
    expected = np.column_stack([groups["exptime"], 100 * groups["cr_fraction"]])
    np.testing.assert_allclose(dots(rays), expected)
    assert [[1200, 4], [1500, 4]] in black(rays)
    (span,) = dates.patches
    assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((2010.7, 2019.6))
    assert "4 % at 1200 to 1500 s" in words(figure)
    assert "GLOBULAR CLUSTER (groups: 1)" in words(figure)


def test_figure_1_counts_groups_without_pixels():
    groups = make_groups(5)
    groups["cr_fraction"][1] = groups["cr_fraction_per_1000s"][1] = NAN
    groups["target"] = list("abcde")
    figure = fig1.draw(groups, PUBLISHED)
    assert "1 undefined, not drawn" in words(figure)
    assert "5 groups, 5 targets" in words(figure)


def test_figure_3_shows_every_measurement_and_the_shares(four):
    figure, everything = four[0]["fig3"], four[1]["summary"][-1]
    for axis in figure.axes:
        assert sum(len(points(axis, m)) for m in "ov^") == everything["measurements"]
        assert np.all(np.diff(axis.get_ylim()) > 0.8)
    assert all(line.get_rasterized() for line in figure.axes[0].lines if len(line.get_xdata()))
    limits = {y for line in black(figure.axes[1]) for _, y in line}
    assert limits == {0.9, 1.1, 0.97, 1.03}
    share = 100 * everything["outside_10_fraction"]
    assert f"outside 0.9 to 1.1: {share:.0f} [" in words(figure)
    assert "(Lin et al. 2023): 10 %" in words(figure)
    assert "(Lin et al. 2023): 55 %" in words(figure)
    assert f"{everything['contaminated']} contaminated" in words(figure)
    beyond = len(points(figure.axes[0], "^"))
    assert beyond > 0
    assert f"(a) original image; {beyond} beyond the axis" in words(figure)


def test_figure_6_shows_points_lines_and_readings(four):
    figure, density, fits = four[0]["fig6"], four[1]["density"], four[1]["fits"]
    rows = density[density["area_bin"] == "all"]
    expected = 100 * np.column_stack([rows["cr_fraction"], rows["contaminated_fraction"]])
    drawn = points(figure.axes[0], "o").tolist()
    assert all(any(np.allclose(row, point) for point in drawn) for row in expected)
    assert black(figure.axes[0]) == [[[9, 100]]]
    assert black(figure.axes[1]) == [[[14, 20]], [], [[14, 50]]]
    line = next(line for line in figure.axes[0].lines if line.get_linestyle() == "-")
    slope = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
    np.testing.assert_allclose(slope, fits["slope"][0])
    assert r"paper: $r$ = 0.86, $p = 7\times10^{-16}$; nearly 100 % at 9 %" in words(figure)
    assert r"paper: $r$ = 0.95, $p = 2\times10^{-12}$" in words(figure)


def test_figure_7_shows_scores_means_and_bands(four):
    figure, stability, trends = four[0]["fig7"], four[1]["stability"], four[1]["trends"]
    for axis, name in zip(figure.axes, ("f05", "f1", "f2"), strict=True):
        for comparison, marker in (("reference", "o"), ("truth", "s")):
            rows = stability[stability["comparison"] == comparison]
            expected = np.column_stack([rows["year"], 100 * rows[name]])
            np.testing.assert_allclose(points(axis, marker), expected)
    mean = 100 * trends["mean"][trends["quantity"] == "f1 reference"][0]
    assert f"mean {mean:.1f} ±" in words(figure)
    assert [len(axis.patches) for axis in figure.axes] == [0, 1, 1]
    assert [line[0][1] for axis in figure.axes for line in black(axis)] == [85, 88]
    assert "(Lin et al. 2023): 85 ± 2.4 %" in words(figure)


def test_figure_8_shows_rms_mean_and_three_deviations(four):
    figure, summary = four[0]["fig8"], four[1]["summary"]
    rms = 100 * np.asarray(summary["rms_trimmed"])[:-1]
    np.testing.assert_allclose(dots(figure.axes[0])[:, 1], rms)
    levels = {round(line.get_ydata()[0], 9) for line in figure.axes[0].lines[-3:]}
    mean, std = rms.mean(), rms.std(ddof=1)
    assert levels == {round(y, 9) for y in (mean, mean - 3 * std, mean + 3 * std)}
    assert "4 of 4 groups within" in words(figure)
    assert "points/decade" in words(figure)


def test_accuracy_shows_bias_and_repair(four):
    figure, repair = four[0]["accuracy"], four[1]["repair"]
    rows = four[1]["magnitudes"]
    rows = rows[(rows["population"] == "hit") & (rows["image"] == "original")]
    bias = drawn(figure.axes[0], figure.legends[0])["original image"]
    np.testing.assert_allclose(bias, 100 * rows["bias"])
    np.testing.assert_allclose(dots(figure.axes[3])[:, 1], 100 * repair["repaired_fraction"])
    assert "deviation from true flux" in words(figure)


def test_lines_stand_out_on_white():
    """Contrast by WCAG 2.1: relative luminances of white and a colour, each with 0.05 of glare."""
    srgb = np.array([to_rgb(colour) for colour in [*COLOURS, GREY]])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    assert min(1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)) >= 3


def test_crowded_figures_colour_few_methods_each_unlike_the_others():
    shown, others = split_methods(METHODS)
    assert {"zb20-f606w", "lacosmic", "median", "oracle-scene"} <= set(shown)
    assert len({look_of(name)[0] for name in shown if not METHODS[name].is_oracle}) == 5
    assert split_methods([*shown, others[0]]) == ([*shown, others[0]], [])
    assert len(shown) + len(others) == len(METHODS)


def test_one_group_says_that_it_has_no_interval():
    figures, _ = draw(n=1)
    assert [name for name, f in figures.items() if ONE_GROUP not in words(f)] == ["fig1"]


def test_figures_without_stars_say_so():
    figures, _ = draw(n=1, empty=True)
    silent = [name for name, f in figures.items() if NO_STAR not in words(f)]
    assert silent == ["fig1", "fig7"]
    assert "no pixel to score" in words(figures["fig7"])
    assert "1 undefined, not drawn" in words(figures["fig8"])


def test_equal_tables_make_equal_files(four, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        figure = fig1.draw(four[1]["groups"], PUBLISHED)
        save(figure, tmp_path / folder / "x.pdf", tmp_path / folder / "x.png")
    for name in ("x.pdf", "x.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
