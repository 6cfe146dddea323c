"""Figure of an exposure with its mask over it: found, missed and false pixels."""

import numpy as np
from astropy.table import Table
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from crstudy.figures.style import COLOURS
from crstudy.metrics.frame import FALSE, FOUND, MISSED, NOTHING

KINDS = {
    FOUND: ("found", COLOURS[0]),
    FALSE: ("false", COLOURS[2]),
    MISSED: ("missed", COLOURS[1]),
}
#: Percentiles of an image at the ends of the grey scale.
GREYS = 1, 99
OVERLAY = ListedColormap([(0, 0, 0, 0), *(to_rgba(KINDS[i][1]) for i in sorted(KINDS))])


def draw(table: Table) -> Figure:
    """Draw an exposure and two parts of it.

    Parameters
    ----------
    table : Table
        Of `crstudy.metrics.frame.map_frame`, with metadata DATASET, OBSERVED, EXPOSURE, CHIP and
        THRESH.

    Returns
    -------
    Figure
    """
    row, meta = table[0], table.meta
    figure = Figure(layout="constrained")
    axes = figure.subplot_mosaic([["frame", "typical"], ["frame", "worst"]], width_ratios=(2, 1))
    blocks = f", in blocks of {meta['BLOCK']} px" if meta["BLOCK"] > 1 else ""
    titles = {
        "frame": f"(a) {meta['EXPOSURE']}, chip {meta['CHIP']}{blocks}",
        "typical": "(b) a typical part",
        "worst": "(c) the part with most errors",
    }
    for name, axis in axes.items():
        image = np.asarray(row[name])
        low, high = np.nanpercentile(image, GREYS)
        axis.imshow(image, vmin=low, vmax=high)
        axis.imshow(row[f"{name}_kinds"], cmap=OVERLAY, vmin=NOTHING, vmax=MISSED)
        axis.set(xticks=[], yticks=[])
        axis.set_title(titles[name], loc="left")
        if name != "frame":
            x, y = (meta[f"{name.upper()}{end}"] / meta["BLOCK"] for end in "XY")
            side = image.shape[0] / meta["BLOCK"]
            axes["frame"].add_patch(Rectangle((x, y), side, side, fill=False, color="k"))
            axes["frame"].text(x, y + side, titles[name][:3], va="bottom", weight="bold")
    handles = [
        Patch(color=colour, label=f"{words} ({meta[words.upper()]:,} px)")
        for words, colour in KINDS.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    figure.suptitle(
        f"Dataset {meta['DATASET']} ({meta['OBSERVED']}); deepCR above {meta['THRESH']:g} against "
        "the AstroDrizzle labels",
        size=7,
    )
    return figure
