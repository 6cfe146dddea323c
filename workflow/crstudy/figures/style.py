"""What all figures share: colours, reading and saving, titles, intervals and legends."""

import json
import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import matplotlib as mpl
import numpy as np
import yaml
from astropy.table import Table
from astropy.time import Time
from astropy.units import UnitsWarning
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike, NDArray

from crstudy.config.registry import METHODS
from crstudy.core.formatting import describe, plural
from crstudy.metrics.names import FULL, WITH_RIMS

#: Of a title, at 7 points.
LETTERS_PER_INCH = 17
PAPER = "paper (Lin et al. 2023)"
NO_STAR = "no star passes the selection"
NO_INTERVAL = "too few groups: no interval"
#: Colour-blind safe (Okabe and Ito 2008); black is left to the paper's values.
COLOURS = [mpl.color_sequences["okabe_ito"][i] for i in (5, 6, 3, 1, 7, 2)]
LINES = ("-", "--", ":", "-.")
#: Of nets of the user.
OWN_LINES = ((0, (6, 1)), (0, (1, 3)), (0, (8, 2, 1, 2)), (0, (4, 1, 1, 1, 1, 1)))
#: What detections are compared with.
COMPARED_WITH = {"reference": "AstroDrizzle reference", "truth": "true cosmic rays"}
#: Colour and marker of each comparison.
COMPARISON_STYLE = {
    "reference": (COLOURS[0], "o"),
    "truth": (COLOURS[1], "s"),
    f"truth{WITH_RIMS}": (COLOURS[1], "s"),
    "reference_vs_truth": (COLOURS[2], "^"),
    f"reference_vs_truth{WITH_RIMS}": (COLOURS[2], "^"),
}


def save(figure: Figure, pdf: str, png: str) -> None:
    """Save a figure; equal figures make equal files."""
    figure.savefig(pdf, metadata={"CreationDate": None})
    figure.savefig(png)


def read_input(path: str | Path) -> Any:
    """Read a table, or a YAML or JSON document, by the file's ending."""
    path = Path(path)
    if path.suffix in (".yaml", ".json"):
        return (yaml.safe_load if path.suffix == ".yaml" else json.loads)(path.read_text())
    with warnings.catch_warnings():
        # astropy does not know the unit "electron" of FITS.
        warnings.simplefilter("ignore", UnitsWarning)
        table = Table.read(path)
    table.convert_bytestring_to_unicode()
    return table


def published_numbers(published: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the numbers of ``resources/published.yaml`` by key."""
    return {number["key"]: number for number in published["numbers"]}


def style_of(method: str) -> tuple[str, str]:
    """Return colour and line style of a method: the same in every figure; of oracles, black."""
    if method not in METHODS:
        # By its name alone: two nets of a user may look alike.
        code = crc32(method.encode())
        return COLOURS[code % len(COLOURS)], OWN_LINES[code // len(COLOURS) % len(OWN_LINES)]
    oracle = METHODS[method].is_oracle
    number = [name for name, one in METHODS.items() if one.is_oracle == oracle].index(method)
    if oracle:
        return "black", LINES[1 + number]
    return COLOURS[number % len(COLOURS)], LINES[number // len(COLOURS)]


def set_title(figure: Figure, table: Table, *notes: str) -> None:
    """Say above a figure what was measured on, and what else must be known."""
    letters = int(LETTERS_PER_INCH * figure.get_figwidth())
    lines = [textwrap.fill(note, letters) for note in (describe(table), *notes) if note]
    figure.suptitle("\n".join(lines), size=7)


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


def draw_intervals(
    axis: Axes, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: ColorType
) -> None:
    """Draw intervals as bars; undefined ones are left out."""
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    # A percentile interval may lie beside its value, which error bars cannot.
    middle, half = (low + high) / 2, (high - low) / 2
    axis.errorbar(x, middle, half, fmt="none", ecolor=colour, elinewidth=0.8, capsize=2, zorder=2)


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
    down = ScaledTranslation(-0.35, -0.38, axis.figure.dpi_scale_trans)
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


def name_regions(axis: Axes, regions: list[str]) -> None:
    """Make the horizontal axis one of the full frame and star regions."""
    axis.set_xticks(range(len(regions)), ["full" if r == FULL else r for r in regions])
    axis.set_xlabel("region: full frame, or stars above k × RMS")


def shown_regions(table: Table, first: str) -> list[str]:
    """Return this region and two of stars: the faintest, and the one nearest to 20 RMS."""
    stars = sorted({str(region) for region in table["region"]} - {first, FULL}, key=float)
    bright = min(stars[1:], key=lambda name: abs(float(name) - 20), default=None)
    return [first, *stars[:1], *([bright] if bright else [])]
