"""Figure of the detector's speed, drawn from its profile."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from crstudy.figures.style import COLOURS, legend_below

#: Stages of the chain from the first to the last: words and colour.
STAGES = {
    "load": ("read exposures", COLOURS[3]),
    "transfer": ("GPU transfer", COLOURS[4]),
    "compute": ("network", COLOURS[0]),
    "store": ("write maps", COLOURS[2]),
    "rest": ("other", "0.7"),
}
GIGA = 1e9
#: Of rates, with a prefix such as G.
FLOP_RATE, BYTE_RATE = EngFormatter("FLOP/s", 1), EngFormatter("B/s", 1)


def draw(profile: Mapping[str, Any]) -> Figure:
    """Draw how fast the detector is, and where the time goes.

    Parameters
    ----------
    profile : mapping
        Of `crstudy.performance.profile.profile_inference`, with the name of the dataset.

    Returns
    -------
    matplotlib.figure.Figure
        (a) the network under the roofline of its device, (b) stages, (c) operators.
    """
    figure = Figure(layout="constrained")
    roof, stages, operators = figure.subplots(1, 3, width_ratios=(1.2, 0.25, 1.2))
    _draw_roofline(roof, profile["roofline"], profile["work"]["flop_per_byte"])
    _draw_stages(stages, profile["shares"])
    _draw_operators(operators, profile["operators"])
    figure.suptitle(_title(profile), size=7)
    return figure


def _title(profile: Mapping[str, Any]) -> str:
    """Describe the measurement and its result."""
    library = f"{profile['backend']} {profile['versions'][profile['backend'].lower()]}"
    threads, chips = profile["threads"], profile["chips"]
    size, times = profile["mpx"] / chips, profile["ms_per_chip"]
    return (
        f"{profile['model']} by {library}, {profile['arithmetic']}, on {profile['device']}, "
        f"{threads} {'thread' if threads == 1 else 'threads'}; "
        f"load average of the machine {profile['load_average']:.1f}\n"
        f"Dataset {profile['dataset']} ({chips} × {size:.3g} Mpx): "
        f"{profile['mpx_per_s']:.3g} Mpx/s; a chip takes {times['end_to_end']:,.0f} ms, "
        f"network alone {times['kernel']:,.0f} ms"
    )


def _draw_roofline(axis: Axes, line: Mapping[str, float], intensity: float) -> None:
    """Draw the limits of the device, and the network below them."""
    peak, stream = line["peak_flop_per_s"], line["peak_bytes_per_s"]
    reached, ridge = line["flop_per_s"], peak / stream
    x = np.array([min(ridge / 40, intensity / 12), ridge, max(ridge * 40, intensity * 12)])
    bottom = min(x[0] * stream, reached / 6)
    words = f"roof: {FLOP_RATE(peak)} and {BYTE_RATE(stream)},\nridge {ridge:.3g} FLOP/B"
    axis.loglog(x, np.minimum(peak, x * stream) / GIGA, "k-", label=words)
    axis.set(xlim=(x[0], x[-1]), ylim=(bottom / GIGA, 2.5 * peak / GIGA))
    axis.plot([ridge, ridge], [bottom / GIGA, peak / GIGA], "k:", lw=0.8)
    share = 100 * line["share_of_attainable"]
    words = f"network: {FLOP_RATE(reached)},\n{share:.0f} % of the roof"
    axis.plot(intensity, reached / GIGA, "o", color=COLOURS[1], ms=6, label=words)
    axis.set_xlabel("operations per byte (FLOP/B)")
    axis.set_ylabel("operations per second (GFLOP/s)")
    axis.set_title("(a) roofline")
    legend_below(axis)


def _draw_stages(axis: Axes, shares: Mapping[str, float]) -> None:
    """Draw the fractions of time as one bar, the first stage on top."""
    top = 100.0
    for stage, (words, colour) in STAGES.items():
        share = 100 * shares[stage]
        axis.bar(0, -share, 0.8, top, color=colour, label=f"{words}: {share:.1f} %")
        top -= share
    axis.set(xlim=(-0.5, 0.5), ylim=(0, 100), xticks=[])
    axis.set_ylabel("fraction of time (%)")
    axis.set_title("(b) stages, without overlap")
    axis.legend(loc="upper left", bbox_to_anchor=(1.02, 1), handlelength=0.8, borderaxespad=0)


def _draw_operators(axis: Axes, operators: Sequence[Mapping[str, Any]]) -> None:
    """Draw the operators that take longest."""
    for row, one in enumerate(operators):
        axis.barh(row + 0.2, 100 * one["share"], 0.35, color=COLOURS[0])
        axis.text(0, row, f" {one['name']}", size=6.5, va="bottom")
    axis.set_ylim(len(operators) - 0.4, -0.6)
    axis.set_yticks([])
    axis.set_xlabel("fraction of network time (%)")
    axis.set_title("(c) operators")
