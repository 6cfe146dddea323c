"""What deepCR gains on CSST exposures if one property of the camera is another one.

Runs a small study by Snakemake once for the default camera, once for every value listed in
``resources/systematics.yaml``, and with other cosmic rays of the default; see docs/simulator.md.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from astropy.table import Table

from bench_chip import ROOT
from bench_record import today
from crstudy.config.csst import CsstCosmicRays
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.pipeline.provenance import commit
from systematics import (
    DECIMALS,
    DEFAULT,
    REPEATED,
    SETTINGS,
    RaySet,
    SmallStudy,
    csst_rate,
    measure,
)

STUDY = SmallStudy(ROOT / "config" / "ranges-csst.yaml", "csst")
TABLE = ROOT / "resources" / "csst_ranges.ecsv"
ALONE = "one at a time"
#: Columns of the table, by the keys of `crstudy.report.headlines`.
NUMBERS = {
    "csst recall": "recall",
    "csst precision": "precision",
    "csst wrong none": "wrong_uncorrected",
    "csst wrong zb20-f606w": "wrong_deepcr",
    "csst gain": "change",
}


def main() -> None:
    """Measure every set and write the table, set by set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    parser.add_argument(
        "--resume", action="store_true", help="keep what an interrupted run has finished"
    )
    arguments = parser.parse_args()
    settings = yaml.safe_load(SETTINGS.read_text())["csst_ranges"]
    meta = {"date": today(), "commit": commit(ROOT), "unit": "percent; change: percentage points"}
    rows = []
    try:
        for parameter, value, one in make_ranges(settings):
            found = measure(STUDY, one, arguments.cores, keep=False, resume=arguments.resume)
            rows.append({"parameter": parameter, "setting": value, **numbers(found)})
            table = Table(rows, meta=meta)
            table.round(DECIMALS)
            write_table(table, TABLE)
            print(f"{one.name}: measured", flush=True)
    except StudyError as error:
        sys.exit(str(error))


def make_ranges(settings: Mapping[str, Any]) -> Iterator[tuple[str, float, RaySet]]:
    """Yield parameter, value and set of every run, the default first.

    Parameters
    ----------
    settings : mapping
        Entry of ``resources/systematics.yaml``: ``repeated``, a number of runs, and ``values``, by
        parameter of the section csst or of its cosmic rays. Other silicon gets the rate with
        which as many pixels are hit.
    """
    yield DEFAULT, 0.0, RaySet(DEFAULT, DEFAULT, {})
    for parameter, one in settings["values"].items():
        for value in one["values"]:
            name = f"{parameter} {value:g}".replace("_", " ")
            if parameter in CsstCosmicRays.model_fields:
                rays = {parameter: value}
                rays |= {"rate_per_s_cm2": float(f"{csst_rate(rays):.4g}")}
                yield parameter, value, RaySet(name, ALONE, rays)
            else:
                yield parameter, value, RaySet(name, ALONE, {}, {parameter: value})
    for number in range(1, settings["repeated"] + 1):
        rays = {"realisation": number}
        yield REPEATED, float(number), RaySet(f"{REPEATED} {number}", REPEATED, rays)


def numbers(found: Table) -> dict[str, float]:
    """Return the `NUMBERS` of a run with their intervals, of its headline numbers."""
    of_key = {str(row["key"]): row for row in found}
    return {
        f"{name}{end}": float(of_key[key][f"value{end}"])
        for key, name in NUMBERS.items()
        for end in ("", "_lo", "_hi")
    }


if __name__ == "__main__":
    main()
