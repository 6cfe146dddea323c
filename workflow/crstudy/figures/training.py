"""The course of the training of nets."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crstudy.figures import style

LOSSES = {"training_loss": "training", "validation_loss": "validation"}
RECALLS = {
    "recall_sky": "sky",
    "recall_star": "stars",
    "recall_bright_star": "bright stars",
    "recall_star_core": "star cores",
    "recall_extended": "galaxies",
}
FLAGGED = {"rim_fraction": "charge below 1 sigma", "false_fraction": "no charge"}


def draw(*tables: Table) -> Figure:
    """Draw how losses, recall and mask width change in training.

    Parameters
    ----------
    *tables : Table
        One per net, of `crstudy.training.choice.choose_offset`.

    Returns
    -------
    matplotlib.figure.Figure
        A column per net. From above: loss; recall at a false-positive rate; pixels flagged at 0.5.
        Dashed: zb20-f606w.
    """
    figure = Figure(layout="constrained")
    axes = figure.subplots(3, len(tables), sharex="col", sharey="row", squeeze=False)
    for column, table in zip(axes.T, tables, strict=True):
        zb20, offset = table.meta["zb20"], table.meta["target_offset"]
        rows = table[table["target_offset"] == offset]
        for axis, names in zip(column, (LOSSES, RECALLS, FLAGGED), strict=True):
            _draw_lines(axis, rows, zb20, names)
        column[0].set_title(f"{table.meta['name']}\noffset {offset:g} sigma")
        column[0].set_yscale("log")
        column[2].set_yscale("log")
        column[2].set_xlabel("batches")
        for axis in column:
            axis.axvline(table.meta["best_batch"], color=style.GREY, linewidth=0.6)
    rate = 100 * tables[0].meta["matched_rate"]
    words = ("loss", f"recall (%)\nat {rate:g} % false positives", "flagged at 0.5 (%)")
    for axis, label in zip(axes[:, 0], words, strict=True):
        axis.set_ylabel(label)
    axes[0, -1].plot([], [], color=style.GREY, linestyle="--", label="zb20-f606w")
    for axis in axes[:, -1]:
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw_lines(axis: Axes, rows: Table, zb20: dict[str, float], names: dict[str, str]) -> None:
    scale = 1 if names is LOSSES else 100
    for (name, label), colour in zip(names.items(), style.COLOURS, strict=False):
        drawn = np.isfinite(rows[name])
        axis.plot(rows["batch"][drawn], scale * rows[name][drawn], color=colour, label=label)
        if name in zb20:
            axis.axhline(scale * zb20[name], color=colour, linestyle="--", linewidth=0.8)
