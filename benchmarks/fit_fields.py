"""Fit the fields, and only these, to half of the published points; score the other half.

    python benchmarks/fit_fields.py --crnet FOLDER

Four parameters for each test set and field class: the light of all sources, the number of stars,
the sky, and the number of warm pixels without flag, as factors of what the simulator has. Each is
raised alone; the response of the log odds of recall and of the logarithm of false positives is
taken as linear in its logarithm, and additive; the best set is simulated. Cosmic rays and exposure
times stay as they are. Needs the table of `make calibrate`.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from bench_chip import ROOT
from bench_record import today
from calibrate import (
    CONFIG,
    PUBLISHED,
    Job,
    measure,
    plan,
    prepare_nets,
    summarise,
)
from calibrate import (
    TABLE as PREDICTION,
)
from calibration import KEYS, compare, distances
from calibration_text import name_of
from crnet import find_nets
from crstudy.config.study import Study, load_config
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.pipeline.provenance import commit
from marked import replace_marked

TABLE = ROOT / "benchmarks" / "results" / "fields_fit.ecsv"
DOCUMENT = ROOT / "docs" / "simulator.md"
#: Range of each factor, the other end of which is its inverse: `vary` says what they stand for.
HIGHEST = {"light": 4.0, "stars": 4.0, "sky": 2.5, "unflagged": 10.0}
#: As the simulator has it.
USUAL = dict.fromkeys(HIGHEST, 1.0)
#: Methods whose points are fitted; those of the others are held out.
FITTED = ("zb20-f606w", "crnet-BN-16", "crnet-AttGN-16")
#: Groups of each field class by which the response to a factor is measured.
PROBES = 1
#: Distances that count alike, of recall and of the logarithm of false positives: the targets.
SCALES = (0.04, np.log(1.5))
#: Lower rates of false positives rest on a few pixels.
LEAST = 1e-5


def main() -> None:
    """Vary the parameters, fit, simulate the best and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    parser.add_argument("--crnet", type=Path, help="folder of CRNet's weights, ACS-WFC-*.pth")
    arguments = parser.parse_args()
    study = load_config(yaml.safe_load(CONFIG.read_text(encoding="utf-8")))
    try:
        crnet = find_nets(arguments.crnet)
    except StudyError as problem:
        sys.exit(str(problem))
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(arguments.cores) as pool:
        nets = prepare_nets(Path(scratch), crnet)
        run = partial(simulate, study, partial(measure, study, nets), pool)
        write_table(fit_all(run, Table.read(PREDICTION), study, bool(crnet)), TABLE)
    replace_marked(DOCUMENT, "fields", draw(Table.read(TABLE), Table.read(PREDICTION)))
    print(f"{TABLE.relative_to(ROOT)} and {DOCUMENT.name} written")


def simulate(study: Study, measure_job: Any, pool: Executor, jobs: Sequence[Job]) -> Table:
    """Return the points of some jobs."""
    rows, _ = summarise(study, list(jobs), list(pool.map(measure_job, jobs)))
    return Table(rows)


def fit_all(run: Any, predicted: Table, study: Study, with_crnet: bool) -> Table:
    """Fit each test set and field class; return every point as it is with the best parameters."""
    times = predicted.meta["exptime_s"]
    skip = () if with_crnet else ("kwon21",)
    pilots = PROBES * len(study.simulation.field_classes)

    def points(factors: Mapping[tuple[str, str], Mapping[str, float]], groups: int) -> Table:
        jobs = [job for job in plan(study, times, skip) if job.group <= groups]
        return run([vary(job, factors[job[:2]]) for job in jobs])

    keys = list(dict.fromkeys(job[:2] for job in plan(study, times, skip)))
    usual = points(dict.fromkeys(keys, USUAL), pilots)
    raised = {
        name: points(dict.fromkeys(keys, USUAL | {name: value}), pilots)
        for name, value in HIGHEST.items()
    }
    physical = predicted[predicted["source"] == "physical"]
    fitted = {key: fit(*key, physical, usual, raised) for key in keys}
    best = points(fitted, study.simulation.n_groups)
    table = compare(best, Table.read(PUBLISHED))
    table["half"] = halves(table)
    factors = {}
    for (test_set, kind), values in fitted.items():
        factors.setdefault(test_set, {})[kind] = values | {"not_tuned": at_edge(values)}
    table.meta = {"date": today(), "commit": commit(ROOT), "factors": factors, "highest": HIGHEST}
    return table


def draw(table: Table, predicted: Table) -> str:
    """Return the tables of docs/simulator.md: factors, and distances of either half."""
    lines = [
        f"Measured on {table.meta['date']}. Factors; in brackets those at an end of their range "
        "(" + ", ".join(f"{k} 1/{v:g} to {v:g}" for k, v in HIGHEST.items()) + "): not tuned.",
        "",
        f"| test set | field class | {' | '.join(HIGHEST)} |",
        "|---|---|" + "---|" * len(HIGHEST),
    ]
    for test_set, kinds in table.meta["factors"].items():
        for kind, values in kinds.items():
            cells = [
                f"({values[name]:.2f})" if name in values["not_tuned"] else f"{values[name]:.2f}"
                for name in HIGHEST
            ]
            lines.append(f"| {test_set} | {name_of(kind)} | {' | '.join(cells)} |")
    lines += [
        "",
        "Median distances from published points, before and after:",
        "",
        "| points | field class | recall, points | false positives, factor |",
        "|---|---|---|---|",
    ]
    before = predicted[predicted["source"] == "physical"]
    before["half"] = halves(before)
    for half in ("fitted", "held out"):
        for kind in ("all", *dict.fromkeys(table["field_class"])):
            far = [
                distances(
                    one[(one["half"] == half) & ((one["field_class"] == kind) | (kind == "all"))]
                )
                for one in (before, table)
            ]
            recall = " → ".join(f"{100 * one['recall']:.1f}" for one in far)
            fpr = " → ".join(f"{one['fpr']:.2f}" for one in far)
            lines.append(f"| {half} | {name_of(kind)} | {recall} | {fpr} |")
    return "\n".join(lines)


def halves(table: Table) -> NDArray[np.str_]:
    """Return the half to which each point belongs."""
    return np.where(np.isin(table["method"], FITTED), "fitted", "held out")


def vary(job: Job, factors: Mapping[str, float]) -> Job:
    """Return a job with the fields changed."""
    section = dict(job.section)
    section["zero_point_mag"] += 2.5 * float(np.log10(factors["light"]))
    for name in ("sky_min_e_per_s", "sky_max_e_per_s"):
        section[name] *= factors["sky"]
    section["unflagged_fraction"] *= factors["unflagged"]
    return job._replace(section=section, stars=factors["stars"])


def fit(
    test_set: str,
    field_class: str,
    predicted: Table,
    usual: Table,
    raised: Mapping[str, Table],
) -> dict[str, float]:
    """Return the factors that bring the fitted half of the points nearest to what is published.

    Parameters
    ----------
    test_set, field_class : str
        Whose points.
    predicted : Table
        Points of the usual fields with published values; those that are held out are not used.
    usual : Table
        Points of the usual fields in the groups of `raised`.
    raised : mapping of str to Table
        By factor, points with it alone at `HIGHEST`.

    Returns
    -------
    dict of str to float
        Factors by name.
    """

    def mine(table: Table) -> Table:
        here = (table["test_set"] == test_set) & (table["field_class"] == field_class)
        rows = table[here & np.isin(table["method"], FITTED)]
        rows.sort(list(KEYS))
        return rows

    points, reference = mine(predicted), transformed(mine(usual))
    start = transformed(points)
    wanted = transformed(points, "published_")
    ends = np.log(list(HIGHEST.values()))
    changes = [transformed(mine(raised[name])) - reference for name in HIGHEST]
    slopes = np.nan_to_num(np.array(changes) / ends[:, None, None])

    def loss(logs: NDArray[np.floating]) -> float:
        total = start + np.tensordot(logs, slopes, axes=1)
        recall = expit(total[0]) - expit(wanted[0])
        off = np.concatenate([recall / SCALES[0], (total[1] - wanted[1]) / SCALES[1]])
        # Soft: a few far points do not decide.
        return float(np.nanmean(np.sqrt(1 + off**2)))

    bounds = list(zip(-ends, ends, strict=True))
    found = minimize(loss, np.zeros(len(ends)), method="Powell", bounds=bounds)
    return dict(zip(HIGHEST, np.exp(found.x).round(3).tolist(), strict=True))


def transformed(rows: Table, prefix: str = "") -> NDArray[np.float64]:
    """Return the log odds of recall and the logarithm of false positives, shape (2, points).

    Rates below `LEAST`, which rest on a few pixels, are undefined.
    """
    recall = np.clip(rows[f"{prefix}recall"], 1e-3, 1 - 1e-3)
    fpr = np.array(rows[f"{prefix}fpr"], float)
    return np.stack([logit(recall), np.log(np.where(fpr >= LEAST, fpr, np.nan))])


def at_edge(factors: Mapping[str, float]) -> list[str]:
    """Return the factors that ended at an end of their range: they are not tuned."""
    return [
        name
        for name, highest in HIGHEST.items()
        if abs(np.log(factors[name])) > 0.98 * np.log(highest)
    ]


if __name__ == "__main__":
    main()
