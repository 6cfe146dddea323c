"""Figures 4 and 5: stars whose flux ratio is clearly too small or too large."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from astropy.table import Row, Table
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm, Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from crstudy.figures.style import COLOURS
from crstudy.photometry.gallery import IMAGES, ROWS, SIDE_PX, first_pixel

TITLES = ("original", "original − clean", "clean", "|clean − deepCR|", "cleaned by deepCR")
#: From the median absolute deviation to the standard deviation.
MAD_TO_SIGMA = 1.4826
#: Images start this many sigma below the sky, and are linear up to as many above it.
SKY_SIGMA = 3
APERTURE_COLOUR = COLOURS[0]
EXCLUDED_COLOUR = "#ffe8a3"
CHANGE_COLOURS = ("white", COLOURS[1], "#5a1400")
SCALE_BAR_PX = 10
#: Width of the margin in panels, and part of the figure's height that its titles take.
MARGIN = 0.75
TOP_PART = 0.09


def draw(gallery: Table, figure: str) -> Figure:
    """Draw the examples of a figure, one a row (paper figures 4 and 5).

    Parameters
    ----------
    gallery : Table
        Of `crstudy.photometry.gallery.read_gallery`.
    figure : str
        One of `crstudy.photometry.gallery.FIGURES`.

    Returns
    -------
    matplotlib.figure.Figure
        Five panels a row: original, original - clean, clean, ``|clean - deepCR|``, cleaned by
        deepCR. It is as large as its style says for `ROWS` rows, and lower for fewer; without
        an example, a line that says so.
    """
    rows = gallery[gallery["figure"] == figure]
    width, height = mpl.rcParams["figure.figsize"]
    size = width, height * (TOP_PART + (1 - TOP_PART) * len(rows) / ROWS)
    title = _title(gallery, figure, len(rows))
    if len(rows) == 0:
        empty = Figure(figsize=size)
        empty.text(0.5, 0.5, title, ha="center", va="center")
        return empty
    drawn = Figure(figsize=size, layout="constrained")
    ratios = [MARGIN, *[1] * len(TITLES)]
    axes = drawn.subplots(len(rows), len(ratios), squeeze=False, width_ratios=ratios)
    drawn.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for axis, words in zip(axes[0, 1:], TITLES, strict=True):
        axis.set_title(words)
    for (margin, *panels), row in zip(axes, rows, strict=True):
        margin.set_axis_off()
        margin.text(0, 0.5, _describe(row), va="center", size=7, transform=margin.transAxes)
        _draw_row(panels, row)
    _draw_scale_bar(axes[0, 1])
    drawn.suptitle(title, size=8)
    return drawn


def _title(gallery: Table, figure: str, shown: int) -> str:
    """Describe the sample."""
    meta = gallery.meta
    limit = f"< {meta['LOW']:g}" if figure == "fig4" else f"> {meta['HIGH']:g}"
    drawn = f"{shown} of {meta[f'{figure.upper()}_N']} measurements, drawn at random"
    return (
        f"Dataset {meta['DATASET']} ({meta['OBSERVED']}), {meta['USED']:,} measurements used\n"
        f"flux cleaned by deepCR / clean flux {limit} and difference > {meta['FLUXSIG']:g}σ: "
        f"{drawn if shown else 'no measurement'}\n"
        "labelled by AstroDrizzle, flagged by deepCR: pixels in the aperture (circle); "
        "≤: charge at the dark end of the scale"
    )


def _draw_row(axes: Sequence[Axes], row: Row) -> None:
    """Draw the five panels of a star."""
    excluded = row["excluded"].astype(bool)
    original, clean, cleaned = (np.ma.masked_where(excluded, row[name]) for name in IMAGES)
    sky = np.ma.median(clean)
    missing, wrong = original - clean, np.abs(clean - cleaned)
    centre = row["x"] - first_pixel(row["x"]), row["y"] - first_pixel(row["y"])
    aperture = _in_circle(centre, row["radius"])
    stretch = image_norm(clean - sky, aperture)
    change = Normalize(0, max(1.0, missing[aperture].max(), wrong[aperture].max()))
    greys = mpl.colormaps[mpl.rcParams["image.cmap"]]
    reds = LinearSegmentedColormap.from_list("change", CHANGE_COLOURS)
    panels = (
        (original - sky, stretch, greys),
        (missing, change, reds),
        (clean - sky, stretch, greys),
        (wrong, change, reds),
        (cleaned - sky, stretch, greys),
    )
    for axis, panel in zip(axes, panels, strict=True):
        _draw_panel(axis, *panel)
        axis.add_patch(Circle(centre, row["radius"], fill=False, ec=APERTURE_COLOUR, lw=0.9))
    _write_maximum(axes[1], change)
    _write_maximum(axes[2], stretch)


def _draw_panel(axis: Axes, image: np.ma.MaskedArray, norm: Normalize, cmap: Colormap) -> None:
    axis.imshow(image, norm=norm, cmap=cmap.with_extremes(bad=EXCLUDED_COLOUR))
    rows, columns = np.nonzero(np.ma.getmaskarray(image))
    axis.plot(columns, rows, "x", color="0.3", ms=1.5, mew=0.4)
    limits = (-0.5, SIDE_PX - 0.5)
    axis.set(xticks=[], yticks=[], xlim=limits, ylim=limits)


def image_norm(clean: np.ma.MaskedArray, aperture: NDArray[np.bool_]) -> AsinhNorm:
    """Return the stretch of a row's images: asinh, from below the sky to the star's maximum.

    Parameters
    ----------
    clean : masked array, shape (n, n)
        Clean image less its median, e-.
    aperture : ndarray of bool, shape (n, n)
        Pixels of the star's aperture.

    Returns
    -------
    AsinhNorm
        Linear within `SKY_SIGMA` sigma of the sky, sigma from the median absolute deviation.
    """
    sigma = max(1.0, MAD_TO_SIGMA * np.ma.median(np.abs(clean)))
    top = max(clean[aperture].max(), SKY_SIGMA * sigma)
    return AsinhNorm(SKY_SIGMA * sigma, vmin=-SKY_SIGMA * sigma, vmax=top)


def _in_circle(centre: tuple[float, float], radius: float) -> NDArray[np.bool_]:
    """Return a mask of the pixels whose centres lie in the aperture."""
    rows, columns = np.indices((SIDE_PX, SIDE_PX))
    return np.hypot(columns - centre[0], rows - centre[1]) <= radius


def _describe(row: Row) -> str:
    """Describe a measurement in the margin."""
    numbers = [
        f"{row['mag']:.1f} mag, {row['area']:.0f} px",
        f"ratio {row['ratio']:.2f} ({row['n_sigma']:+.0f}σ)",
        f"{row['label_px']:.0f} px labelled,",
        f"{row['flagged_px']:.0f} px flagged",
    ]
    if np.isfinite(row["cr_sigma"]):
        clean = row["clean_sigma"]
        numbers += [
            f"true CR {row['cr_sigma']:.0f}σ",
            f"clean off by {round(clean):+d}σ",
            f"deepCR off by {round(clean + row['n_sigma']):+d}σ",
        ]
    minus = [words.replace("-", "−") for words in numbers]
    return "\n".join([row["group"], row["exposure"], *minus])


def _write_maximum(axis: Axes, norm: Normalize) -> None:
    """Write the charge at the dark end of a panel's scale."""
    axis.text(0.97, 0.03, f"≤ {norm.vmax:,.0f} e⁻", ha="right", va="bottom", **_on_image(axis))


def _draw_scale_bar(axis: Axes) -> None:
    left, low = 1.5, 1.5
    axis.plot([left, left + SCALE_BAR_PX], [low, low], color="black", lw=1.5)
    middle = (left + SCALE_BAR_PX / 2) / SIDE_PX
    axis.text(middle, 0.11, f"{SCALE_BAR_PX} px", ha="center", va="bottom", **_on_image(axis))


def _on_image(axis: Axes) -> dict[str, Any]:
    box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.8}
    return {"transform": axis.transAxes, "size": 6.5, "bbox": box}
