"""What is kept of a measurement: rows, ratios, targets, and the machine they hold for."""

import json
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench_workers import Measurement
from crstudy.core.atomic import complete_file
from crstudy.core.hardware import describe_machine as describe_host

#: Rows that targets compare.
STOCK, STUDY = "stock deepCR, patches of 1024 px", "this study, OpenVINO"
STOCK_GPU, STUDY_GPU = "stock deepCR on the GPU, patches of 1024 px", "this study on the GPU"
PACKAGES = ("numpy", "torch", "openvino", "deepCR", "astroscrappy")
#: Cores for which the targets of the CPU are set.
TARGET_CORES = 2

Row = dict[str, Any]


def row(
    measured: Measurement,
    truth: NDArray[np.bool_] | None = None,
    stock: Measurement | None = None,
) -> Row:
    """Sum up a measurement.

    Parameters
    ----------
    measured : Measurement
        What a job has cost; its first run counts if it is the only one.
    truth : ndarray of bool, shape (ny, nx), optional
        Mask to compare with.
    stock : Measurement, optional
        What the same took in the same rounds, to compare with.

    Returns
    -------
    dict
        Row of a table: times in s, memory in GB (1e9 bytes).
    """
    runs = measured.runs or [measured.first]
    costs = [cost for cost, spent in asdict(runs[0]).items() if spent is not None]
    times = {cost: _times([getattr(run, cost) for run in runs]) for cost in costs}
    summary = {
        "name": measured.job.name,
        "threads": measured.job.threads,
        "first_run_s": round(measured.first.wall_s, 4),
        **times,
        "mpx_per_s": round(measured.mask.size / 1e6 / times["wall_s"]["median"], 3),
        "peak_rss_gb": round(measured.peak_rss_gb, 3),
    }
    if truth is not None:
        summary["differing_px"] = int(np.count_nonzero(measured.mask != truth))
    if stock is not None:
        pairs = list(zip(stock.runs, measured.runs, strict=True))
        for cost in costs:
            ratios = [getattr(old, cost) / getattr(new, cost) for old, new in pairs]
            summary[f"stock_over_this_{cost}"] = round(median(ratios), 2)
    return summary | {"details": measured.details}


def _times(values: Sequence[float]) -> dict[str, Any]:
    return {"median": round(median(values), 4), "all": [round(value, 4) for value in values]}


def not_measured(name: str, reason: str) -> Row:
    """Return a row that says why it is empty."""
    return {"name": name, "not_measured": reason}


def targets(rows: Sequence[Row], cores: int) -> list[dict[str, Any]]:
    """Hold the study's rows against what they must reach.

    Parameters
    ----------
    rows : sequence of dict
        Rows of `row` and `not_measured`.
    cores : int
        Cores that were used.

    Returns
    -------
    list of dict
        Name, bound, what was measured, and whether that meets the bound; None if not measured.
    """
    by_name = {one["name"]: one for one in rows}
    study, gpu = by_name.get(STUDY, {}), by_name.get(STUDY_GPU, {})
    if cores != TARGET_CORES:
        study = {}
    device_s = gpu.get("device_s", {}).get("median")
    checks = [
        ("two cores: stock deepCR's wall time over ours", ">=", 4, "stock_over_this_wall_s"),
        ("two cores: stock deepCR's CPU time over ours", ">=", 3, "stock_over_this_cpu_s"),
        ("two cores: mask pixels that differ", "<=", 0, "differing_px"),
        ("two cores: peak memory, GB", "<=", 0.8, "peak_rss_gb"),
    ]
    found = [(name, sign, bound, study.get(key)) for name, sign, bound, key in checks]
    found.append(("GPU: device time of a chip, s", "<=", 0.015, device_s))
    ratio = gpu.get("stock_over_this_wall_s")
    found.append(("GPU: stock deepCR's wall time over ours", ">=", 10, ratio))
    return [
        {
            "name": name,
            "bound": f"{sign} {bound}",
            "measured": value,
            "met": None if value is None else value >= bound if sign == ">=" else value <= bound,
        }
        for name, sign, bound, value in found
    ]


def describe_machine(rows: Sequence[Row]) -> dict[str, Any]:
    """Return operating system, processor, cores, memory and GPU.

    Parameters
    ----------
    rows : sequence of dict
        Rows, of which those of a GPU know its name.

    Returns
    -------
    dict
    """
    gpus = [one["details"]["gpu"] for one in rows if "gpu" in one.get("details", {})]
    return describe_host() | {"gpu": gpus[0] if gpus else None}


def slug(machine: dict[str, Any]) -> str:
    """Return a machine's name for files.

    Parameters
    ----------
    machine : dict
        Of `describe_machine`.

    Returns
    -------
    str
        Processor and cores, and the GPU if there is one.
    """
    parts = [machine["processor"], str(machine["cores"]), "cores", machine["gpu"] or ""]
    plain = re.sub(r"\((r|tm)\)", "", " ".join(parts).lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def versions() -> dict[str, str]:
    """Return the versions of Python and the packages that are compared.

    Returns
    -------
    dict
    """
    found = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version()} | found


def today() -> str:
    """Return the date, UTC."""
    return datetime.now(UTC).date().isoformat()


def write_json(path: Path, record: Row) -> None:
    """Write what was measured."""
    with complete_file(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
