"""Made-up tables of the study, for figures."""

import numpy as np
from astropy.table import Table
from matplotlib.colors import same_color

from crstudy.photometry.density_fit import fit_density
from crstudy.photometry.stability import find_trends, score_groups

RESAMPLING = {"samples": 50, "confidence": 0.95, "seed": 1}
NAN = float("nan")


def drawn(axis, legend):
    """Return the values of the lines of a panel by what a legend calls them."""
    found = {}
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        for line in axis.lines:
            # By the dashes: the name of the style of a line of seaborn is always "--".
            solid, wanted = (one._dash_pattern[1] is None for one in (line, handle))
            if solid == wanted and same_color(line.get_color(), handle.get_color()):
                found.setdefault(text.get_text(), line.get_ydata())
    return found


def make_groups(n):
    """Return `n` groups over nine years."""
    mjd = np.linspace(55454, 58710, n)
    exptime = np.linspace(391, 1234, n)
    share = 3e-5 * exptime * np.linspace(0.9, 1.1, n)
    table = Table(
        {
            "group": [f"g{i:03d}" for i in range(1, n + 1)],
            "observed": [f"{2010 + 9 * i // n}-09-15" for i in range(n)],
            "mjd": mjd,
            "exptime": exptime,
            "exposures": [6] * n,
            "target": [("FIELD", "GLOBULAR_CLUSTER", "")[i % 3] for i in range(n)],
            "cr_fraction": share,
            "cr_fraction_per_1000s": share * 1000 / exptime,
        }
    )
    table.meta = {"dataset": "made-up", "observed_with": "simulated ACS/WFC F606W"}
    return table


def make_photometry(groups, stars=20, used=True, known=True):
    """Return made-up measurements: a fifth of them hit, half of those repaired."""
    rng = np.random.default_rng(1)
    n = len(groups) * stars
    mag = rng.uniform(19, 25.5, n)
    clean = 500 * 10 ** (-0.4 * (mag - 26.5))
    sigma = np.sqrt(clean + 1000)
    hit = rng.random(n) < 0.2
    charge = np.where(hit, sigma * rng.uniform(4, 60, n), 0)
    left = charge * np.where(rng.random(n) < 0.5, 0.01, 0.3)
    return Table(
        {
            "group": np.repeat(np.asarray(groups["group"]), stars),
            "exposure": np.repeat(np.asarray(groups["group"]), stars),
            "star": np.tile(np.arange(stars), len(groups)),
            "mag": mag,
            "area": rng.uniform(17, 400, n),
            "flux_original": clean + charge,
            "flux_clean": clean,
            "flux_inpaint": clean + left,
            "flux_masked": clean + 1.5 * left,
            "flux_scene": clean + rng.normal(0, sigma) if known else np.full(n, NAN),
            "sigma": sigma,
            "cr_true": charge if known else np.full(n, NAN),
            "label_px": hit * 3.0,
            "used": np.full(n, used),
        }
    )


def make_stability(groups, summary, cr_px=1000):
    """Return scores of the groups and their trends."""
    rng = np.random.default_rng(1)
    counts = {}
    for name in groups["group"]:
        tp = rng.binomial(cr_px, [0.85, 0.6]) if cr_px else [0, 0]
        counts[name] = Table(
            {
                "model": ["zb"] * 2,
                "region": ["3"] * 2,
                "comparison": ["reference", "truth"],
                "tp": tp,
                "fp": [0 if not cr_px else 150] * 2,
                "fn": [cr_px - n if cr_px else 0 for n in tp],
            }
        )
    stability = score_groups(counts, summary, "3", "zb")
    return stability, find_trends(stability, 0.95)


def make_density(groups, stars=50):
    """Return a table of density steps for each group and its lines."""
    rng = np.random.default_rng(1)
    rows = []
    for name in groups["group"]:
        for step, cr in enumerate([0.02, 0.04, 0.07, 0.105, 0.145]):
            for i, area in enumerate(("all", "16-50", "50-200", "200-400")):
                row = {"group": name, "exposure": name, "step": step, "area_bin": area}
                row |= {"cr_fraction": cr * rng.uniform(0.95, 1.05), "stars": stars}
                for j, test in enumerate(("contaminated", "anomalous")):
                    share = rng.binomial(50, min(1, cr * (6 - 2 * j + i / 3))) / 50
                    row[f"{test}_fraction"] = share if stars else NAN
                rows.append(row)
    table = Table(rows)
    return table, fit_density(table, 5, RESAMPLING, groups.meta)
