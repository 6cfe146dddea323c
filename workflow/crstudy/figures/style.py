"""What all figures share: theme, colours, points with intervals, reading, saving and titles."""

import json
import textwrap
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import matplotlib as mpl
import numpy as np
import seaborn as sns
import seaborn.objects as so
import yaml
from astropy.table import Table, vstack
from astropy.time import Time
from astropy.units import UnitsWarning
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike, NDArray

from crstudy.config.registry import METHODS
from crstudy.core.formatting import describe, plural
from crstudy.metrics.names import FULL, WITH_RIMS
from crstudy.metrics.published_table1 import published_table1

#: Of a title, at 7 points.
LETTERS_PER_INCH = 17
PAPER = "paper (Lin et al. 2023)"
NO_STAR = "no star passes the selection"
NO_INTERVAL = "too few groups: no interval"
#: Under the styles of ``workflow/report``.
THEME = sns.plotting_context("paper") | sns.axes_style("ticks")
#: Those of seaborn's colour-blind palette (blue, vermilion, green, pink) that have a contrast of at
#: least 3:1 on white, for lines (WCAG 2.1, 1.4.11), and two dark ones; black is the paper's.
COLOURS = [*(sns.color_palette("colorblind").as_hex()[i] for i in (0, 3, 2)), "#7a5000"]
COLOURS += [sns.color_palette("colorblind").as_hex()[4], "#332288"]
LINES = ("-", "--", ":", "-.")
MARKERS = "osD^vPX"
#: Of nets of the user.
OWN_LINES = ((0, (6, 1)), (0, (1, 3)), (0, (8, 2, 1, 2)), (0, (4, 1, 1, 1, 1, 1)))
#: What detections are compared with.
COMPARED_WITH = {"reference": "AstroDrizzle reference", "truth": "true cosmic rays"}
#: Colour and marker of each comparison.
COMPARISON_STYLE = {
    "reference": (COLOURS[0], "o"),
    "truth": (COLOURS[1], "s"),
    f"truth{WITH_RIMS}": (COLOURS[1], "D"),
    "reference_vs_truth": (COLOURS[2], "^"),
    f"reference_vs_truth{WITH_RIMS}": (COLOURS[2], "v"),
}
SCORES = ("recall", "precision")
#: A score of fewer pixels, or a fraction of fewer stars, has an open symbol.
FEW = 100
FEW_WORDS = f"open symbols: fewer than {FEW} px"
#: Distance of the points of neighbouring series, in units of that of their places.
SPREAD = 0.1
#: What crowded figures draw in colour, beside oracles and nets of the user; others are grey.
HIGHLIGHTED = ("zb20-f606w", "kwon21-acs-wfc", "stars-acs-wfc", "lacosmic", "median")
#: As many methods are not crowded.
FEW_METHODS = 8
#: Colours of those that would have another one's.
OWN_COLOURS = {"median": COLOURS[1], "stars-acs-wfc": COLOURS[5], "stars-csst": COLOURS[3]}
#: Contrast on white above 3:1.
GREY = "#8c8c8c"
#: Colour, marker and line of a series.
Look = tuple[ColorType, str, Any]
#: Of the paper's values.
PAPER_LOOK: Look = ("black", "*", "--")


def save(figure: Figure, pdf: str, png: str) -> None:
    """Save a figure; equal figures make equal files."""
    figure.savefig(pdf, metadata={"CreationDate": None})
    figure.savefig(png)


def read_input(path: str | Path) -> Any:
    """Read a table, or a YAML or JSON document, by the file's ending."""
    path = Path(path)
    if path.suffix in (".yaml", ".json"):
        return (yaml.safe_load if path.suffix == ".yaml" else json.loads)(
            path.read_text(encoding="utf-8")
        )
    with warnings.catch_warnings():
        # astropy does not know the unit "electron" of FITS.
        warnings.simplefilter("ignore", UnitsWarning)
        table = Table.read(path)
    table.convert_bytestring_to_unicode()
    return table


def published_numbers(published: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the numbers of ``resources/published.yaml`` by key."""
    return {number["key"]: number for number in published["numbers"]}


def look_of(method: str) -> Look:
    """Return the look of a method: the same in every figure; of oracles, black."""
    if method not in METHODS:
        # By its name alone: two nets of a user may look alike.
        code = crc32(method.encode())
        own = OWN_LINES[code // len(COLOURS) % len(OWN_LINES)]
        return COLOURS[code % len(COLOURS)], MARKERS[code % len(MARKERS)], own
    oracle = METHODS[method].is_oracle
    number = [name for name, one in METHODS.items() if one.is_oracle == oracle].index(method)
    if oracle:
        return "black", MARKERS[number], LINES[1 + number]
    if method in OWN_COLOURS:
        return OWN_COLOURS[method], MARKERS[number % len(MARKERS)], LINES[-1]
    colour = COLOURS[number % len(COLOURS)]
    return colour, MARKERS[number % len(MARKERS)], LINES[number // len(COLOURS)]


def method_looks(methods: Iterable[str]) -> dict[str, Look]:
    """Return the looks of methods by their labels."""
    return {METHODS[name].label: look_of(name) for name in methods}


def split_methods(methods: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the methods that a figure shows in colour, and the others, in their order."""
    names = list(dict.fromkeys(str(name) for name in methods))
    if len(names) <= FEW_METHODS:
        return names, []
    others = [
        name
        for name in names
        if name in METHODS and name not in HIGHLIGHTED and not METHODS[name].is_oracle
    ]
    return [name for name in names if name not in others], others


def looks_with_others(shown: Iterable[str], others: Sequence[str]) -> dict[str, Look]:
    """Return the looks of methods in colour by their labels, and one for the grey others."""
    looks = method_looks(shown)
    return looks | {f"{len(others)} other methods": (GREY, "", "-")} if others else looks


def draw_other(axis: Axes, x: ArrayLike, y: ArrayLike) -> None:
    """Draw the line of one of the other methods, below those in colour."""
    axis.plot(x, y, color=GREY, lw=0.5, zorder=1)


def set_title(figure: Figure, table: Table, *notes: str) -> None:
    """Say above a figure what was measured on, and what else must be known."""
    letters = int(LETTERS_PER_INCH * figure.get_figwidth())
    words = "; ".join(filter(None, (describe(table), *notes)))
    figure.suptitle(textwrap.fill(words, letters), size=7)


def bars_words(table: Table) -> str:
    """Say what the bars of a figure are."""
    return f"bars: {table.meta['interval'].split(', the same draws')[0].split(';')[0]}"


def annotate_empty(axis: Axes, words: str) -> None:
    """Write across a panel why no measurement is drawn; without anything it has no ticks."""
    if not axis.has_data():
        axis.set(xticks=[], yticks=[])
    axis.text(0.5, 0.7, words, transform=axis.transAxes, ha="center", size=8)


def missing_words(table: Table, noun: str = "exposures") -> list[str]:
    """Say on how many exposures each method failed."""
    return [
        f"{METHODS[method].label} failed on {plural(len(inputs), noun)}, excluded for this method"
        for method, inputs in table.meta["missing"].items()
        if inputs
    ]


def undefined(*values: ArrayLike) -> str:
    """Say how many points are not drawn because a value of theirs is undefined, if any."""
    count = int((~np.isfinite(np.array(values, dtype=float))).any(axis=0).sum())
    return f"{count} undefined, not drawn" if count else ""


def percent(rows: Table, name: str) -> NDArray[np.float64]:
    """Return a column of fractions and the two ends of its interval in percent, shape (3, n)."""
    return 100 * np.array([rows[f"{name}{end}"] for end in ("", "_lo", "_hi")], dtype=float)


def long_form(table: Table, names: Sequence[str]) -> Table:
    """Put quantities one below the other: columns quantity, value, low and high, in percent."""
    parts = []
    for name in names:
        parts.append(table.copy())
        parts[-1]["quantity"] = name
        parts[-1]["value"], parts[-1]["low"], parts[-1]["high"] = percent(table, name)
    return vstack(parts, metadata_conflicts="silent")


def score_rows(table: Table) -> Table:
    """Put recall and precision one below the other; column few: of fewer than `FEW` pixels."""
    rows = long_form(table, SCORES)
    flagged = rows["flagged"] if "flagged" in rows.colnames else rows["tp"] + rows["fp"]
    rows["few"] = np.where(rows["quantity"] == "recall", _positives(rows), flagged) < FEW
    return rows


def _positives(table: Table) -> ArrayLike:
    """Return the pixels with a cosmic ray of each row."""
    return table["positives"] if "positives" in table.colnames else table["tp"] + table["fn"]


def with_paper(rows: Table, published: Mapping[str, Any], words: str = PAPER) -> Table:
    """Add the paper's Table 1, as a series, to rows of scores."""
    paper = published_table1(published)
    for name in SCORES:
        paper[f"{name}_lo"] = paper[f"{name}_hi"] = np.nan
    paper = long_form(paper[np.isin(paper["region"], rows["region"])], SCORES)
    paper["series"], paper["few"] = words, False
    return vstack([rows, paper], join_type="inner", metadata_conflicts="silent")


def draw_points(
    target: Figure | SubFigure | Axes,
    rows: Table,
    x: str,
    looks: Mapping[str, Look],
    *,
    share_y: bool | str = False,
    **facets: Any,
) -> None:
    """Draw percentages with their intervals, a line per series.

    Parameters
    ----------
    target : Figure, SubFigure or Axes
        Takes the panels.
    rows : Table
        Columns series, value, low, high, `x` and those of facets; symbols are open where few, if
        there is such a column, is true.
    x : str
        Column; names of it stand at 0, 1 and so on, the series side by side.
    looks : mapping
        Colour, marker and line of each series, in their order.
    share_y : bool or str
        Whether all panels, or those of a ``"row"``, have the same vertical axis.
    **facets
        Columns by whose values panels stand beside (`col`) and below (`row`) each other, and the
        `order` of these.
    """
    shown = {name: look for name, look in looks.items() if name in rows["series"]}
    columns = {name: np.asarray(rows[name]) for name in rows.colnames}
    columns.setdefault("few", np.zeros(len(rows), bool))
    if columns[x].dtype.kind == "U":
        places, order = list(dict.fromkeys(rows[x])), list(shown)
        shift = [order.index(name) - (len(order) - 1) / 2 for name in rows["series"]]
        spread = min(SPREAD, 0.7 / len(order))
        columns[x] = [places.index(name) for name in rows[x]] + spread * np.array(shift)
    look = dict.fromkeys(("color", "marker", "linestyle"), "series")
    plot = so.Plot(columns, x=x, y="value", **look).facet(**facets)
    if any(line for *_, line in shown.values()):
        plot = plot.add(so.Path(linewidth=0.8), marker=None, legend=False)
    ends = {"ymin": "low", "ymax": "high", "linestyle": None}
    plot = plot.add(so.Range(linewidth=0.8), **ends, legend=False)
    dot = so.Dot(pointsize=mpl.rcParams["lines.markersize"], edgewidth=0.8)
    plot = plot.add(dot, fill="few", legend=False)
    for number, name in enumerate(look):
        values = [style[number] or "-" for style in shown.values()]
        plot = plot.scale(**{name: so.Nominal(values, order=list(shown))})
    theme = {name: mpl.rcParams[name] for name in so.Plot.config.theme}
    plot = plot.scale(fill={True: False, False: True}).theme(theme)
    plot.share(x=True, y=share_y).on(target).plot()
    for axis in [target] if isinstance(target, Axes) else target.axes:
        axis.tick_params(labelleft=True)


def legend_of(
    target: Figure | SubFigure | Axes, looks: Mapping[str, Look], where: str, **style: Any
) -> None:
    """Explain the looks of series."""
    handles = [
        Line2D([], [], color=colour, marker=marker, ls=line, label=words)
        for words, (colour, marker, line) in looks.items()
    ]
    target.legend(handles=handles, loc=where, **style)


def with_interval(row: Any, name: str, form: str = ".0f", unit: str = "%") -> str:
    """Write a fraction in percent with its interval, such as ``14 [9, 18] %``."""
    value, low, high = percent(row, name)
    if np.isnan(value):
        return "undefined"
    interval = "" if np.isnan(low) else f" [{low:{form}}, {high:{form}}]"
    return f"{value:{form}}{interval} {unit}".replace("-", "−")


def mean_words(trend: Any, form: str = ".1f") -> str:
    """Write the mean of the groups with their standard deviation."""
    if np.isnan(trend["mean"]):
        return "no group with a score"
    if np.isnan(trend["std"]):
        return f"{100 * trend['mean']:{form}} %, {NO_INTERVAL}"
    return f"mean {100 * trend['mean']:{form}} ± {100 * trend['std']:{form}} %"


def drift_words(trend: Any, form: str = "+.1f") -> str:
    """Say how a quantity drifts, in percentage points."""
    if np.isnan(trend["slope_per_decade"]):
        return "" if trend["groups"] < 2 else "too few groups for a drift"
    return with_interval(trend, "slope_per_decade", form, "points/decade")


def legend_below(axis: Axes) -> None:
    """Put the legend of a panel below it."""
    down = ScaledTranslation(-0.3, -0.38, axis.figure.dpi_scale_trans)
    where = {"bbox_to_anchor": (0, 0), "bbox_transform": axis.transAxes + down}
    axis.legend(loc="upper left", borderaxespad=0, **where)


def decimal_years(mjd: ArrayLike) -> NDArray[np.float64]:
    """Return Modified Julian Dates, d, as years with decimals."""
    return Time(np.asarray(mjd, dtype=float), format="mjd").decimalyear


def name_years(axis: Axes, years: ArrayLike) -> None:
    """Make the horizontal axis one of dates that holds these years, and at least four."""
    spare = max(0.6, (4 - np.ptp(years)) / 2)
    axis.set_xlim(np.min(years) - spare, np.max(years) + spare)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axis.set_xlabel("date (year)")


def name_regions(axis: Axes, regions: Sequence[str], pixels: Sequence[int] | None = None) -> None:
    """Make the horizontal axis one of the full frame and star regions, with a count of pixels."""
    names = list(regions)
    words = "region: full frame, or stars above k × RMS"
    if pixels is not None:
        count = EngFormatter(sep="")
        names = [
            f"{name}\n{count(float(f'{number:.2g}'))}"
            for name, number in zip(names, pixels, strict=True)
        ]
        words += ";\nbelow: its cosmic-ray pixels"
    axis.set_xticks(range(len(names)), names)
    axis.set(xlabel=words, xlim=(-0.5, max(len(names), 1) - 0.5))


def finish_scores(axes: Sequence[Axes], scores: Sequence[str], table: Table) -> None:
    """Finish panels of scores against region; a table of scores tells its cosmic-ray pixels."""
    regions = list(dict.fromkeys(table["region"]))
    pixels = [max(_positives(table)[table["region"] == name]) for name in regions]
    for axis, score in zip(axes, scores, strict=True):
        axis.set(title="", ylabel=f"{score} (%)", ylim=(-3, 103))
        axis.yaxis.label.set_visible(True)
        name_regions(axis, regions, pixels)


def shown_regions(table: Table, first: str) -> list[str]:
    """Return this region and two of stars: the faintest, and the one nearest to 20 RMS."""
    stars = sorted({str(region) for region in table["region"]} - {first, FULL}, key=float)
    bright = min(stars[1:], key=lambda name: abs(float(name) - 20), default=None)
    return [first, *stars[:1], *([bright] if bright else [])]
