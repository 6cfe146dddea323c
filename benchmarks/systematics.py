"""How far other cosmic rays move the headline numbers; see docs/simulator.md.

Runs a small study by Snakemake once for every set of cosmic rays. Fields, noise and defects stay
the same: what changes is due to the cosmic rays.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from astropy.table import Table, vstack
from scipy.stats import qmc

from bench_chip import ROOT
from bench_record import today
from crstudy.config.groups import SURVEY_EXPTIME_S
from crstudy.config.study import load_config
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.pipeline.provenance import commit
from crstudy.report.headlines import HEADLINES, headline_table
from crstudy.simulation.rays.generators import draw_rays

SETTINGS = ROOT / "resources" / "systematics.yaml"
TABLE = ROOT / "resources" / "systematics.ecsv"
#: Fits to real events; its metadata hold those to resampled exposures.
FIT = ROOT / "benchmarks" / "results" / "rays_fit.ecsv"
VALUES = ROOT / "benchmarks" / "results" / "systematics.ecsv"
#: Kinds of sets: the simulator's default; real events of WFC3/UVIS; modelled ones in its silicon,
#: with which they compare; parameters drawn within what the calibration allows; and the default
#: with other random numbers.
DEFAULT, TRANSPLANTED, SILICON = "default", "transplanted", "UVIS silicon"
DRAWN, REPEATED = "drawn", "repeated"

#: Chip on which hit pixels are counted, px; they stand out by this many sigma of the background.
CHIP_PX, HIT_SIGMA = (2048, 2048), 3.0
#: Digits that are kept after the point, of percent and seconds.
DECIMALS = 3
#: Sets that are tried for each one with a rate within its limits.
TRIES = 10


class SmallStudy(NamedTuple):
    """A study to repeat: its configuration and the section that holds the cosmic rays."""

    config: Path
    section: str

    @property
    def tables(self) -> list[str]:
        """Tables of the headline numbers."""
        return list(
            dict.fromkeys(
                one.table
                for one in HEADLINES
                if one.table.startswith("csst") == (self.section == "csst")
            )
        )


STUDIES = {
    "acs": SmallStudy(ROOT / "config" / "systematics.yaml", "simulation"),
    "csst": SmallStudy(ROOT / "config" / "systematics-csst.yaml", "csst"),
}


class RaySet(NamedTuple):
    """Cosmic rays of a run: what differs from the default configuration."""

    name: str
    kind: str
    rays: dict[str, Any]


def main() -> None:
    """Measure every set and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    parser.add_argument("--keep", action="store_true", help="keep the exposures of every set, too")
    parser.add_argument(
        "--resume", action="store_true", help="keep what an interrupted run has finished"
    )
    parser.add_argument(
        "--combine", action="store_true", help="only combine the values that are there"
    )
    arguments = parser.parse_args()
    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    if not arguments.combine:
        try:
            measure_all(settings, arguments.cores, arguments.keep, arguments.resume)
        except StudyError as error:
            sys.exit(str(error))
    write_table(combine(Table.read(VALUES)), TABLE)
    print(f"{VALUES.relative_to(ROOT)} and {TABLE.relative_to(ROOT)} written")


def measure_all(settings: Mapping[str, Any], cores: int, keep: bool, resume: bool) -> None:
    """Write every headline number of every set of both studies, a row each, set by set."""
    parts, used = [], {}
    # All configurations are checked before the first run.
    for name, study in STUDIES.items():
        for one in make_sets(settings[name], settings["seed"]):
            used.setdefault(name, {})[one.name] = one
            configure(study, one)
    rays = {name: {one.name: one.rays for one in sets.values()} for name, sets in used.items()}
    meta = {"date": today(), "commit": commit(ROOT), "seed": settings["seed"], "rays": rays}
    for name, sets in used.items():
        for one in sets.values():
            part = measure(STUDIES[name], one, cores, keep, resume)
            part["study"], part["set"], part["kind"] = name, one.name, one.kind
            parts.append(part)
            print(f"{name}, {one.name}: measured", flush=True)
            table = vstack(parts)["study", "set", "kind", *part.colnames[:-3]]
            table.meta = meta
            table.round(DECIMALS)
            write_table(table, VALUES)


def make_sets(settings: Mapping[str, Any], seed: int) -> list[RaySet]:
    """Return the sets of cosmic rays of a study.

    Parameters
    ----------
    settings : mapping
        Entry of ``resources/systematics.yaml``: ``ranges`` (low and high by parameter); ``drawn``
        and ``repeated``, numbers of sets; ``transplanted``, whether there are sets of real events
        and of modelled ones in their silicon; and optionally ``rate``, low and high of the rate
        that follows from the others: `csst_rate`.
    seed : int
        Of the drawn parameters.

    Returns
    -------
    list of RaySet
        The default first.

    Raises
    ------
    StudyError
        Too few draws have a rate within its limits.
    """
    n = settings["drawn"]
    if "rate" in settings:
        drawn = list(islice(_with_rate(settings, seed), n))
    else:
        drawn = draw_sets(settings, n, seed)
    if len(drawn) < n:
        raise StudyError(SETTINGS, f"only {len(drawn)} sets of CSST fit", "widen ranges or rate")
    sets = [RaySet(DEFAULT, DEFAULT, {})]
    if settings["transplanted"]:
        sets.append(RaySet(TRANSPLANTED, TRANSPLANTED, {"source": TRANSPLANTED}))
        sets.append(RaySet(SILICON, SILICON, uvis_silicon()))
    sets += [RaySet(f"drawn {number}", DRAWN, rays) for number, rays in enumerate(drawn, start=1)]
    return sets + [
        RaySet(f"repeated {number}", REPEATED, {"realisation": number})
        for number in range(1, settings["repeated"] + 1)
    ]


def uvis_silicon() -> dict[str, float]:
    """Return the silicon of WFC3/UVIS, as fitted to the real events."""
    fit = Table.read(FIT).meta
    thickness_um = fit["given"]["thickness_um"]
    field_free_um = fit["parameters"]["field_free_um"]["value"]
    return {"thickness_um": thickness_um, "field_free_um": field_free_um}


def draw_sets(settings: Mapping[str, Any], n: int, seed: int) -> list[dict[str, float]]:
    """Draw n sets of parameters, a Latin hypercube.

    Those with an entry in ``ranges`` are within it; all others of `FIT` are together those of one
    fit to resampled exposures, spread evenly over the one that these leave most uncertain.
    """
    ranges, resampled = settings["ranges"], Table(rows=Table.read(FIT).meta["resampled"])
    fitted = [name for name in resampled.colnames if name not in ranges]
    fitted.sort(key=lambda name: np.std(resampled[name]) / np.mean(resampled[name]), reverse=True)
    fits = sorted(list(one) for one in resampled[fitted].iterrows())
    low, high = ([one[end] for one in ranges.values()] for end in ("low", "high"))
    draws = qmc.LatinHypercube(len(ranges) + 1, seed=seed).random(n)
    values = np.hstack(
        [qmc.scale(draws[:, 1:], low, high), [fits[int(u * len(fits))] for u in draws[:, 0]]]
    )
    names = (*ranges, *fitted)
    return [{k: float(f"{v:.4g}") for k, v in zip(names, one, strict=True)} for one in values]


def _with_rate(settings: Mapping[str, Any], seed: int) -> Iterator[dict[str, float]]:
    """Yield drawn sets whose rate, which follows from the others, is within its limits."""
    for rays in draw_sets(settings, TRIES * settings["drawn"], seed):
        rate = float(f"{csst_rate(rays):.4g}")
        if settings["rate"]["low"] <= rate <= settings["rate"]["high"]:
            yield {**rays, "rate_per_s_cm2": rate}


def csst_rate(rays: Mapping[str, float]) -> float:
    """Return the rate, 1/s/cm2, at which as many pixels of CSST are hit as with its default rays.

    Parameters
    ----------
    rays : mapping
        What differs from the default.
    """
    camera = load_config({}).csst.model_dump()
    default = camera["cosmic_rays"]
    background_e = SURVEY_EXPTIME_S * (camera["sky_e_per_s"] + camera["dark_e_per_s"])
    least_e = HIT_SIGMA * np.sqrt(background_e + camera["read_noise_e"] ** 2)

    def hit(settings: Mapping[str, Any]) -> float:
        charge = draw_rays(np.random.default_rng(0), CHIP_PX, SURVEY_EXPTIME_S, settings)
        return float((charge > least_e).mean())

    return default["rate_per_s_cm2"] * hit(default) / hit({**default, **rays})


def configure(study: SmallStudy, one: RaySet) -> dict[str, Any]:
    """Return the configuration of a run, checked."""
    config = yaml.safe_load(study.config.read_text(encoding="utf-8"))
    config["dataset"] += f"-{one.name.lower().replace(' ', '-')}"
    config[study.section]["cosmic_rays"] = one.rays
    load_config(config)
    return config


def measure(study: SmallStudy, one: RaySet, cores: int, keep: bool, resume: bool) -> Table:
    """Run a study with a set of cosmic rays, and return its headline numbers."""
    config = configure(study, one)
    results = ROOT / "results" / config["dataset"]
    if not resume:
        shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True, exist_ok=True)
    (results / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    paths = {name: results / "tables" / f"{name}.ecsv" for name in study.tables}
    words = [sys.executable, "-m", "snakemake", *(str(p.relative_to(ROOT)) for p in paths.values())]
    words += ["--cores", str(cores), "--quiet", "all"]
    words += ["--configfile", str(results / "config.yaml")]
    if subprocess.run(words, cwd=ROOT, check=False).returncode:
        fix = f"read {results.relative_to(ROOT)}/logs, then run benchmarks/systematics.py --resume"
        raise StudyError(config["dataset"], "Snakemake failed", fix)
    table = headline_table({name: Table.read(path) for name, path in paths.items()})
    for folder in results.iterdir():
        if folder.is_dir() and folder.name not in ("tables", "logs") and not keep:
            shutil.rmtree(folder)
    return table


def combine(values: Table) -> Table:
    """Tell how far other cosmic rays move each number.

    Parameters
    ----------
    values : Table
        Of `measure_all`.

    Returns
    -------
    Table
        A row per study and number: value of the default with its statistical interval; and the
        columns of `MEANINGS`, NaN where undefined.
    """
    rows = []
    for (study, key), some in _by_number(values).items():
        of_kind = {
            kind: np.asarray(some["value"][some["kind"] == kind], float)
            for kind in (DEFAULT, TRANSPLANTED, SILICON, DRAWN, REPEATED)
        }
        default = some[some["kind"] == DEFAULT][0]
        real, silicon = ((*of_kind[kind], np.nan)[0] for kind in (TRANSPLANTED, SILICON))
        others = np.concatenate([[real, silicon], of_kind[DRAWN]]) - default["value"]
        others = others[np.isfinite(others)]
        alike = np.concatenate([of_kind[DEFAULT], of_kind[REPEATED]])
        alike = alike[np.isfinite(alike)]
        rows.append(
            {"study": study, "key": key, "words": default["words"], "unit": default["unit"]}
            | {name: default[name] for name in ("value", "value_lo", "value_hi")}
            | {"generator": real - silicon, "silicon": silicon - default["value"]}
            | {"lowest": min(0.0, *others) if len(others) else np.nan}
            | {"highest": max(0.0, *others) if len(others) else np.nan}
            | {"rms": np.sqrt(np.mean(others**2)) if len(others) else np.nan}
            | {"sets": len(others)}
            | {"noise": np.sqrt(2) * alike.std(ddof=1) if len(alike) > 1 else np.nan}
        )
    table = Table(rows, meta=dict(values.meta))
    table.round(DECIMALS)
    for name, words in MEANINGS.items():
        table[name].description = words
    return table


MEANINGS = {
    "value": "of the small study with the default cosmic rays",
    "generator": "difference of transplanted real events to modelled ones in the same silicon",
    "silicon": "difference of modelled events in the silicon of WFC3/UVIS to the default",
    "lowest": "lowest difference of any set to the default, whose own is 0",
    "highest": "highest difference of any set to the default, whose own is 0",
    "rms": "root mean square difference of the sets to the default",
    "sets": "sets whose difference is defined, without the default",
    "noise": "root mean square difference of two runs whose cosmic rays differ by chance alone",
}


def _by_number(values: Table) -> dict[tuple[str, str], Table]:
    """Return the rows of each number that the default set has, in the order of the table."""
    default = values[values["kind"] == DEFAULT]
    return {
        (str(study), str(key)): values[(values["study"] == study) & (values["key"] == key)]
        for study, key in zip(default["study"], default["key"], strict=True)
    }


if __name__ == "__main__":
    main()
