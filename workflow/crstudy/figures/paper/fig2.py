"""Flow charts, drawn from the table of the workflow."""

import textwrap

import matplotlib as mpl
import networkx as nx
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from numpy.typing import NDArray

from crstudy.figures.paper.fig2_layout import (
    Node,
    arrow_ways,
    order_levels,
    place_nodes,
    width_of,
    with_waypoints,
)
from crstudy.figures.style import COLOURS
from crstudy.pipeline.rule_graph import rule_graph, upstream

#: Figure 2 shows this rule and everything upstream of it.
PHOTOMETRY_RULE = "summarise_photometry"
#: Products of the rules, by part of the study.
PARTS = {
    "exposures": {
        "simulate_catalogue": "stars and galaxies of a field",
        "simulate_exposure": "image and its true cosmic rays",
        "fetch_exposure": "verified file from archive or mirror",
        "align_group": "offsets of the exposures on the sky",
        "align_exposure": "registered exposures",
        "mask_pixels": "valid pixels",
        "make_groups": "dates and cosmic-ray rates",
    },
    "reference (AstroDrizzle)": {
        "drizzle_group": "blotted median of the group",
        "label_cosmic_rays": "cosmic-ray label, clean image",
    },
    "deepCR": {
        "fetch_weights": "verified network weights",
        "convert_net": "network converted for the CPU",
        "detect_cosmic_rays": "probability of a cosmic ray",
        "count_pixels": "true and false positives",
        "inpaint_exposures": "image cleaned by deepCR",
    },
    "photometry": {
        "find_stars": "one centre and radius per star",
        "measure_stars": "fluxes: original, clean, deepCR",
        "make_photometry": "one table of all groups",
        "summarise_photometry": "contaminated stars, flux ratios",
    },
}
GREY = "0.5"
PART_COLOURS = dict(zip(PARTS, (GREY, COLOURS[0], COLOURS[3], COLOURS[2]), strict=True))

#: Widest distance between the centres of neighbouring boxes, inches.
MAX_PITCH_INCH = 2.2
#: Width of a box in units of that distance.
BOX_WIDTH = 0.9
GAP_INCH = 0.3
#: Largest distance from the centre of a box at which an arrow starts or ends.
PORT_INCH = 0.4
LINE_INCH = 0.125
PAD_INCH = 0.07
LEGEND_INCH = 0.3
NAME_FONT = {"size": 7.5, "weight": "bold"}
PHRASE_FONT = {"size": 7, "weight": "normal"}
#: Mean width of a letter in units of the font size.
LETTER_WIDTH = {"bold": 0.68, "normal": 0.5}

#: A line of a box and its font.
Line = tuple[str, dict[str, object]]


def draw(table: Table) -> Figure:
    """Draw the flow chart of photometry (paper Figure 2).

    Parameters
    ----------
    table : Table
        Of `crstudy.pipeline.rule_graph.list_workflow`.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as its style says; a box for each rule upstream of `summarise_photometry`.

    Raises
    ------
    StudyError
        The workflow has no such rule.
    """
    return draw_flowchart(upstream(rule_graph(table), PHOTOMETRY_RULE))


def draw_flowchart(graph: nx.DiGraph) -> Figure:
    """Draw a graph of rules from top to bottom.

    Parameters
    ----------
    graph : networkx.DiGraph
        Rules, without a cycle; arrows lead to the rules that need them.

    Returns
    -------
    matplotlib.figure.Figure
        Its axes are in inches; each box has the name of its rule as `gid`.
    """
    page = mpl.rcParams["figure.figsize"][0]
    dense = with_waypoints(graph)
    rules = sorted(graph)
    placed = [(*place_nodes(dense, levels), levels) for levels in order_levels(dense)]
    place, _, levels = min(placed, key=lambda layout: layout[1])
    place, pitch = _to_page(place, page)
    width = BOX_WIDTH * pitch
    words = {rule: _words(rule, width) for rule in rules}
    height = LINE_INCH * max(map(len, words.values())) + 2 * PAD_INCH
    top = len(levels) * (height + GAP_INCH) + LEGEND_INCH
    middle = {
        node: top - GAP_INCH / 2 - height / 2 - i * (height + GAP_INCH)
        for i, level in enumerate(levels)
        for node in level
    }
    spots = {node: (place[node], middle[node]) for node in dense}

    figure = Figure(figsize=(page, top))
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, page), ylim=(0, top))
    axis.set_axis_off()
    for rule in rules:
        _draw_box(axis, rule, words[rule], spots[rule], (width, height))
    for way in arrow_ways(dense):
        _draw_arrow(axis, [spots[node] for node in way], height)
    _draw_legend(figure, graph)
    return figure


def _to_page(place: dict[Node, float], page: float) -> tuple[dict[Node, float], float]:
    """Return places in inches, in the middle of the page, and the width of a box with margin."""
    left = min(x - width_of(node) / 2 for node, x in place.items())
    right = max(x + width_of(node) / 2 for node, x in place.items())
    pitch = min(MAX_PITCH_INCH, page / (right - left))
    middle = (left + right) / 2
    return {n: page / 2 + pitch * (x - middle) for n, x in place.items()}, pitch


def _part_of(rule: str) -> str | None:
    return next((part for part, phrases in PARTS.items() if rule in phrases), None)


def _words(rule: str, width: float) -> list[Line]:
    """Return the lines of a box: the rule's name in words, and its product if known."""
    phrase = PARTS[part][rule] if (part := _part_of(rule)) else ""
    name = rule.replace("_", " ").capitalize()
    lines = []
    for text, font in ((name, NAME_FONT), (phrase, PHRASE_FONT)):
        letter = LETTER_WIDTH[font["weight"]] * font["size"] / 72
        lines += [(line, font) for line in textwrap.wrap(text, int((width - PAD_INCH) / letter))]
    return lines


def _draw_box(
    axis: Axes, rule: str, lines: list[Line], centre: tuple[float, float], size: tuple[float, float]
) -> None:
    (x, y), (width, height) = centre, size
    corner = x - width / 2, y - height / 2
    style = "round,pad=0,rounding_size=0.06"
    box = FancyBboxPatch(corner, width, height, style, **_paint(_part_of(rule)), lw=0.8, gid=rule)
    axis.add_patch(box)
    for i, (line, font) in enumerate(lines):
        down = LINE_INCH * (i - (len(lines) - 1) / 2)
        axis.text(x, y - down, line, ha="center", va="center_baseline", **font)


def _draw_arrow(axis: Axes, way: list[tuple[float, float]], height: float) -> None:
    """Draw an arrow that is upright at every level and bends only between them."""
    # What comes from the side leaves and arrives beside the middle of a box.
    start, end = (
        x + float(np.clip((other - x) / 4, -PORT_INCH, PORT_INCH))
        for x, other in ((way[0][0], way[1][0]), (way[-1][0], way[-2][0]))
    )
    columns = [start, *(x for x, _ in way[1:-1]), end]
    points, codes = [(start, way[0][1] - height / 2)], [Path.MOVETO]
    for x, (_, y) in zip(columns[1:], way[1:], strict=True):
        (x0, y0), top = points[-1], y + height / 2
        half = (y0 + top) / 2
        points += [(x0, half), (x, half), (x, top), (x, y - height / 2)]
        codes += [Path.CURVE4] * 3 + [Path.LINETO]
    # The last piece would cross the box at which the arrow ends.
    line = Path(points[:-1], codes[:-1])
    style = "-|>,head_length=3,head_width=1.5"
    axis.add_patch(
        FancyArrowPatch(path=line, arrowstyle=style, color="0.25", lw=0.8, shrinkA=0, shrinkB=0)
    )


def _draw_legend(figure: Figure, graph: nx.DiGraph) -> None:
    present = {_part_of(rule) for rule in graph}
    handles = [Patch(**_paint(part), label=part) for part in PARTS if part in present]
    figure.legend(handles=handles, loc="lower center", ncols=len(PARTS), handlelength=1.2)


def _paint(part: str | None) -> dict[str, NDArray[np.float64]]:
    """Return the colours of a box's face and edge."""
    colour = np.array(to_rgb(PART_COLOURS.get(part, GREY)))
    return {"facecolor": 0.2 * colour + 0.8, "edgecolor": 0.8 * colour}
