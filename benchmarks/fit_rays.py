"""Fit the simulator's cosmic rays to charges and shapes of real events; see docs/simulator.md.

Draws rays of WFC3/UVIS with many sets of parameters on the sky and noise of the exposures of
`resources/events`, finds them as the real events were found, and compares the distributions of
twelve quantities, and the fractions of very bright events. No detector, no label and no recall
takes part.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy import optimize
from scipy.stats import qmc

from crstudy.core.atomic import write_table
from crstudy.simulation.rays.events import find_events
from crstudy.simulation.rays.tracks import CosmicRayModel, draw_cosmic_rays
from marked import replace_marked

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "resources" / "events" / "uvis_go15460.ecsv"
TABLE = ROOT / "benchmarks" / "results" / "rays_fit.ecsv"
DOCUMENT = ROOT / "docs" / "simulator.md"

#: What is compared of an event; columns of `crstudy.simulation.rays.events.measure_events`.
STATISTICS = (
    *("charge", "peak", "n_3sigma", "n_5sigma", "n_25sigma", "n_100sigma"),
    *("peak_3x3", "peak_5x5", "second", "laplacian", "minor", "elongation"),
)
#: Fractions of the real events that are below the values at which distributions are fitted.
LEVELS = np.arange(0.05, 1, 0.05)
#: Very bright events, which distances of distributions hardly see: fractions above so many e-.
BRIGHT_E = {"charge": 3e4, "peak": 1e4}
#: Percentages of the events below the quantiles of these that are reported.
QUANTILES = (95, 99)
#: WFC3/UVIS before the fit; what is not fitted is that of theory: collisions of minimum-ionising
#: particles, an isotropic flux. The rate is that of the library.
UVIS = CosmicRayModel(
    rate_per_s_cm2=1.5,
    pixel_um=15.0,
    thickness_um=15.5,
    field_free_um=9.5,
    depleted_spread_px=0.05,
    collisions_per_um=4.1,
    slow_fraction=0.4,
    most_ionising=10.0,
    cosine_power=1.0,
)
#: Parameters that are varied, and where their values are sought. The last is fitted only to tell
#: how far it may differ from that of an isotropic flux.
VARIED = {
    "field_free_um": (8.5, 10.0),
    "slow_fraction": (0.2, 0.7),
    "most_ionising": (2.5, 20.0),
    "cosine_power": (0.5, 1.5),
}
#: Sets of parameters to simulate; rows and columns of the simulated exposures.
SETS, SIDE_PX = 128, 600
#: Resamplings of the exposures for the ranges; simulated samples of the size of half the events.
RESAMPLED, PERFECT = 200, 20
#: Steps in which parameters are rounded, so that fits that hardly differ share one simulation.
STEPS = (0.05, 0.05, 1.0, 0.05)


class Sky(NamedTuple):
    """Sky and noise of an exposure, e-, its time, s, and the area searched, cm2."""

    sky_e: float
    noise_e: float
    exptime_s: float
    area_cm2: float


def read_events() -> tuple[Table, dict[str, Sky]]:
    """Return the clean real events, and the sky of each exposure by name."""
    table = Table.read(LIBRARY, format="ascii.ecsv")
    exposures = table.meta["exposures"]
    skies = {one["name"]: Sky(*(one[name] for name in Sky._fields)) for one in exposures}
    return table[table["clean"]], skies


def simulate_events(
    model: CosmicRayModel, skies: Sequence[Sky], seed: int, side_px: int | None = None
) -> Table:
    """Draw rays on empty skies and return the clean events that are found.

    Parameters
    ----------
    model : CosmicRayModel
        The rays.
    skies : sequence of Sky
        One per exposure.
    seed : int
        Of rays and noise.
    side_px : int, optional
        Rows and columns of an exposure; without, as many as the area that was searched.

    Returns
    -------
    Table
        Columns `STATISTICS`.
    """
    parts = []
    for number, sky in enumerate(skies):
        side = side_px or round(np.sqrt(sky.area_cm2) / (model.pixel_um * 1e-4))
        noise, rays = (np.random.default_rng([seed, number, stream]) for stream in (0, 1))
        read_noise_e = np.sqrt(max(sky.noise_e**2 - sky.sky_e, 0))
        image = noise.poisson(sky.sky_e, (side, side)) + noise.normal(0, read_noise_e, (side, side))
        image += draw_cosmic_rays(rays, image.shape, sky.exptime_s, model)
        table = find_events(image, sky.sky_e, sky.noise_e, np.ones(image.shape, bool))
        parts.append(table[table["clean"]])
    return Table({name: np.concatenate([part[name] for part in parts]) for name in STATISTICS})


class Comparison:
    """Distances of the distributions of real events from those of simulated ones.

    Parameters
    ----------
    simulated, real : Table
        Events with the columns `STATISTICS`.
    """

    def __init__(self, simulated: Table, real: Table) -> None:
        self._parts = []
        for name in STATISTICS:
            ranked, values = (np.sort(np.asarray(one[name], float)) for one in (simulated, real))
            last = np.flatnonzero(np.append(np.diff(values) > 0, True))
            below = [np.searchsorted(ranked, values[last], side) for side in ("left", "right")]
            order = np.argsort(real[name], kind="stable")
            self._parts.append((order, last, *(count / ranked.size for count in below)))

    def distances(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the Kolmogorov-Smirnov distance of each of `STATISTICS`.

        Parameters
        ----------
        weights : ndarray, shape (real events,)
            How much each real event counts.
        """
        found = []
        for order, last, below, up_to in self._parts:
            real = np.cumsum(weights[order])[last] / weights.sum()
            before = np.concatenate([[0], real[:-1]])
            found.append(max(abs(up_to - real).max(), abs(below - before).max()))
        return np.array(found)


class Fit:
    """Simulated events of many sets of parameters, to which any of the exposures can be fitted.

    Parameters
    ----------
    real : Table
        Clean real events.
    skies : dict of str to Sky
        Their exposures.
    sets, side_px : int
        Number of sets; rows and columns of the simulated exposures.
    """

    def __init__(self, real: Table, skies: dict[str, Sky], sets: int, side_px: int) -> None:
        self.real, self.skies, self.side_px = real, skies, side_px
        self._low, self._high = np.log(list(VARIED.values())).T
        self._scaled = 2 * qmc.Sobol(len(VARIED), seed=1).random(sets) - 1
        self._levels = {name: np.quantile(real[name], LEVELS) for name in STATISTICS}
        found = [self._summary(self._simulate(self._values(one), seed=1)) for one in self._scaled]
        self._surfaces, *_ = np.linalg.lstsq(_quadratic(self._scaled), np.array(found))
        # What is reported comes from other and more simulated events than the fit.
        self.side_px = round(1.5 * side_px)
        self.compare = cache(lambda values: Comparison(self._simulate(values, 2), self.real))

    def _values(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(self._low + (scaled + 1) / 2 * (self._high - self._low))

    def _simulate(self, values: Sequence[float], seed: int) -> Table:
        model = replace(UVIS, **dict(zip(VARIED, map(float, values), strict=True)))
        return simulate_events(model, list(self.skies.values()), seed, self.side_px)

    def _summary(
        self, events: Table, weights: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the fractions below all levels, and square roots of those that are very bright.

        The roots have a chance of half the inverse root of the number of events, as medians have.
        """
        below = [events[name][:, None] <= levels for name, levels in self._levels.items()]
        bright = [events[name][:, None] > level for name, level in BRIGHT_E.items()]
        below, bright = (np.average(np.hstack(x), axis=0, weights=weights) for x in (below, bright))
        return np.append(below, np.sqrt(bright))

    def weights(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return how much each real event counts if exposures count as often as named."""
        often = {name: list(names).count(name) for name in self.skies}
        return np.array(self.real["rate"]) * [often[name] for name in self.real["exposure"]]

    def best(self, names: Sequence[str], isotropic: bool = True) -> tuple[float, ...]:
        """Return the values of `VARIED` that are nearest to the events of some exposures.

        Each number of a summary is a quadratic function of the logarithms of the parameters, fitted
        to all sets; the mean square difference from those of the real events is least. Every one of
        `STATISTICS` and `BRIGHT_E` counts alike. Values are rounded to `STEPS`.

        Parameters
        ----------
        names : sequence of str
            Exposures, which may repeat.
        isotropic : bool
            Leave the last of `VARIED` at that of an isotropic flux.
        """
        real = self._summary(self.real, self.weights(names))
        share = np.ones(real.size)
        share[: -len(BRIGHT_E)] = 1 / LEVELS.size
        bounds = [(-1.0, 1.0)] * len(VARIED)
        if isotropic:
            last = np.log(UVIS.cosine_power) - self._low[-1]
            last = 2 * last / (self._high[-1] - self._low[-1]) - 1
            bounds[-1] = (last, last)
        found = optimize.minimize(
            lambda x: share @ ((_quadratic(x[None]) @ self._surfaces)[0] - real) ** 2,
            np.mean(bounds, axis=1),
            bounds=bounds,
        )
        return tuple(
            round(step * round(value / step), 4)
            for value, step in zip(self._values(found.x), STEPS, strict=True)
        )


def _quadratic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the terms of a quadratic surface."""
    rows, columns = np.triu_indices(x.shape[1])
    return np.column_stack([np.ones(len(x)), x, x[:, rows] * x[:, columns]])


def halves(names: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """Return every way to choose half of the exposures, with the other half."""
    chosen = combinations(names, len(names) // 2)
    return [(list(half), [name for name in names if name not in half]) for half in chosen]


def fit_table(fit: Fit, resampled: int = RESAMPLED, perfect: int = PERFECT) -> Table:
    """Fit all exposures and every half of them.

    Parameters
    ----------
    fit : Fit
        The sets to choose from.
    resampled, perfect : int
        Resamplings of the exposures; simulated samples of the size of half the events.

    Returns
    -------
    Table
        A row per statistic, and one of their mean: Kolmogorov-Smirnov distances. Metadata: the
        parameters with their ranges, what was not fitted, and parameters of resampled exposures.
    """
    names = list(fit.skies)
    value = fit.best(names)
    columns: dict[str, Any] = {"all": [fit.compare(value).distances(fit.weights(names))]}
    columns |= {"fitted_half": [], "other_half": [], "real_half": []}
    for half, others in halves(names):
        compared = fit.compare(fit.best(half))
        columns["fitted_half"].append(compared.distances(fit.weights(half)))
        columns["other_half"].append(compared.distances(fit.weights(others)))
        events = fit.real[np.isin(fit.real["exposure"], half)]
        columns["real_half"].append(Comparison(events, fit.real).distances(fit.weights(others)))
    columns["perfect_half"] = list(_perfect(fit, value, perfect))
    columns = {name: _with_mean(np.array(rows)) for name, rows in columns.items()}
    table = Table({"statistic": [*STATISTICS, "mean"]})
    for name, rows in columns.items():
        table[name] = rows.mean(axis=0).round(4)
    for name, percent in (("other_half_lo", 5), ("other_half_hi", 95)):
        table[name] = np.percentile(columns["other_half"], percent, axis=0).round(4)
    for name, words in MEANINGS.items():
        table[name].description = words
    rng = np.random.default_rng(3)
    drawn = [rng.choice(names, len(names)) for _ in range(resampled)]
    free = np.array([fit.best(one, isotropic=False) for one in drawn])
    held = np.array([fit.best(one) for one in drawn])
    held[:, -1] = free[:, -1]
    ends = np.percentile(held, [2.5, 97.5], axis=0).round(3).tolist()
    table.meta = {
        "date": date.today().isoformat(),
        "events": len(fit.real),
        "exposures": names,
        "parameters": {
            name: {"value": value[i], "low": ends[0][i], "high": ends[1][i]}
            for i, name in enumerate(VARIED)
        },
        "given": {name: v for name, v in asdict(UVIS).items() if name not in list(VARIED)[:-1]},
        "tails": _tails(fit, value, drawn),
        "resampled": [dict(zip(VARIED, map(float, row), strict=True)) for row in free],
    }
    return table


MEANINGS = {
    "all": "fitted to all exposures",
    "fitted_half": "fitted to half of the exposures, on these; mean over all halves",
    "other_half": "fitted to half of the exposures, on the others; mean over all halves",
    "other_half_lo": "5 % of the halves are below",
    "other_half_hi": "5 % of the halves are above",
    "real_half": "half of the real events in place of simulated ones, on the others",
    "perfect_half": "simulated events, as many as half of the real ones, in place of these",
}


def _tails(fit: Fit, value: tuple[float, ...], drawn: Sequence[Sequence[str]]) -> list[dict]:
    """Return the bright tail of simulated and real events, and the 95 % range of the latter."""
    model = replace(UVIS, **dict(zip(VARIED, value, strict=True)))
    skies = list(fit.skies.values())
    simulated = simulate_events(model, skies, seed=4, side_px=2 * fit.side_px)
    real = np.array([_tail(fit.real, fit.weights(names)) for names in [list(fit.skies), *drawn]])
    low, high = np.percentile(real[1:], [2.5, 97.5], axis=0)
    columns = (_tail(simulated, np.ones(len(simulated))), real[0], low, high)
    names = [f"% of events with {name} > {level:g} e-" for name, level in BRIGHT_E.items()]
    names += [f"{percent} % quantile of {name}, e-" for name in BRIGHT_E for percent in QUANTILES]
    return [
        {"name": name, "simulated": ours, "real": theirs, "low": least, "high": most}
        for name, ours, theirs, least, most in zip(
            names, *(np.round(column, 2).tolist() for column in columns), strict=True
        )
    ]


def _tail(events: Table, weights: NDArray[np.float64]) -> list[float]:
    """Return percentages of `BRIGHT_E` and `QUANTILES` of weighted events."""
    found = [
        100 * np.average(events[name] > level, weights=weights) for name, level in BRIGHT_E.items()
    ]
    for name in BRIGHT_E:
        found += np.percentile(
            events[name], QUANTILES, weights=weights, method="inverted_cdf"
        ).tolist()
    return found


def _perfect(fit: Fit, value: tuple[float, ...], samples: int):
    """Yield distances of simulated samples of the size of half of the exposures."""
    model = replace(UVIS, **dict(zip(VARIED, value, strict=True)))
    skies = list(fit.skies.values())
    large = simulate_events(model, skies, seed=2, side_px=fit.side_px)
    for seed in range(10, 10 + samples):
        few = simulate_events(model, skies[::2], seed)
        yield Comparison(large, few).distances(np.ones(len(few)))


def _with_mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([rows, rows.mean(axis=1)])


def text(table: Table) -> str:
    """Return the tables of docs/simulator.md."""
    lines = ["| parameter of WFC3/UVIS | value | range |", "|---|---|---|"]
    for name in VARIED:
        one = table.meta["parameters"][name]
        lines.append(f"| `{name}` | {one['value']:g} | {one['low']:.2f} to {one['high']:.2f} |")
    lines += ["", "| very bright events | simulated | real | range |", "|---|---|---|---|"]
    for one in table.meta["tails"]:
        digits = 1 if one["name"].startswith("% of") else 0
        ours, *real = (f"{one[k]:,.{digits}f}" for k in ("simulated", "real", "low", "high"))
        lines.append(f"| {one['name']} | {ours} | {real[0]} | {real[1]} to {real[2]} |")
    shown = {
        "all": "all, fitted to all",
        "fitted_half": "half, fitted to it",
        "other_half": "half, fitted to the other",
        "real_half": "half, against the other itself",
        "perfect_half": "perfect",
    }
    lines += ["", f"| distance | {' | '.join(shown.values())} |", "|---" * (len(shown) + 1) + "|"]
    for row in table:
        cells = " | ".join(f"{row[name]:.3f}" for name in shown)
        lines.append(f"| {row['statistic']} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Write the table, and those of docs/simulator.md."""
    real, skies = read_events()
    table = fit_table(Fit(real, skies, SETS, SIDE_PX))
    write_table(table, TABLE)
    replace_marked(DOCUMENT, "rays", text(table))
    print(text(table))


if __name__ == "__main__":
    main()
