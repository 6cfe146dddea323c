"""The benchmark's table in docs/inference.md, written from the JSON files of the machines."""

import json
from pathlib import Path
from typing import Any

from bench_record import STUDY
from marked import replace_marked

HEAD = (
    "| | wall, s | CPU, s | GPU, ms | Mpx/s | peak memory, GB | mask pixels that differ |",
    "|---|---|---|---|---|---|---|",
)
NO_VALUE = "–"

Row = dict[str, Any]


def write_page(page: Path, results: Path) -> None:
    """Replace the tables between the markers.

    Parameters
    ----------
    page : pathlib.Path
        File with the markers.
    results : pathlib.Path
        Folder of JSON files, one a machine.

    Raises
    ------
    StudyError
        The markers are missing.
    """
    records = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))
    ]
    # Other benchmarks keep their results there, too.
    body = "\n\n".join(table(record) for record in records if "methods" in record)
    replace_marked(page, "bench", body)


def table(record: Row) -> str:
    """Draw what was measured on a machine.

    Parameters
    ----------
    record : dict
        Of `bench_detect.bench`.

    Returns
    -------
    str
        Markdown.
    """
    lines = [*HEAD, *(_line(one) for one in record["methods"])]
    return "\n".join([_machine(record), "", *lines, "", *_in_words(record)])


def _machine(record: Row) -> str:
    machine, versions = record["machine"], record["versions"]
    parts = [machine["processor"], f"{machine['cores']} cores", f"{machine['memory_gb']} GB"]
    if machine["gpu"]:
        parts.append(machine["gpu"])
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{', '.join(parts)}; {record['date']}; {packages}:"


def _line(one: Row) -> str:
    name = f"**{one['name']}**" if one["name"] == STUDY else one["name"]
    if "not_measured" in one:
        return f"| {name} | not measured: {one['not_measured']} | | | | | |"
    device = f"{1000 * one['device_s']['median']:.1f}" if "device_s" in one else NO_VALUE
    cells = [
        f"{one['wall_s']['median']:#.3g}",
        f"{one['cpu_s']['median']:#.3g}",
        device,
        f"{one['mpx_per_s']:#.3g}",
        f"{one['peak_rss_gb']:.2f}",
        f"{one['differing_px']:,}" if "differing_px" in one else NO_VALUE,
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _in_words(record: Row) -> list[str]:
    """Say what the rows come to, and how the study's own scales."""
    (study,) = (one for one in record["methods"] if one["name"] == STUDY)
    wall, cpu = study["stock_over_this_wall_s"], study["stock_over_this_cpu_s"]
    threads = _series(record["threads"], "")
    tiles = _series(record["tiles_px"], " px")
    images = ", ".join(
        f"{one['name']}x{one['name']} px {one['mpx_per_s']:.2f} with {one['peak_rss_gb']:.2f} GB"
        for one in record["images_px"]
    )
    return [
        f"- Stock deepCR's patches take {wall:.1f} times the wall time and {cpu:.1f} times the CPU "
        "time of OpenVINO.",
        f"- OpenVINO, Mpx/s by threads: {threads}; by tile: {tiles}; by image: {images}.",
    ]


def _series(rows: list[Row], unit: str) -> str:
    return ", ".join(f"{one['name']}{unit} {one['mpx_per_s']:.2f}" for one in rows)
