"""`make bench`: what finding cosmic rays costs, beside stock deepCR and L.A.Cosmic."""

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from bench_chip import (
    CHIP,
    CHIP_SHAPE_PX,
    FIELD_CLASS,
    NET,
    ROOT,
    SDIST,
    SEED,
    cut_square,
    make_material,
)
from bench_methods import free_gpu_bytes
from bench_record import (
    STOCK,
    STOCK_GPU,
    STUDY,
    STUDY_GPU,
    describe_machine,
    not_measured,
    row,
    slug,
    targets,
    today,
    versions,
    write_json,
)
from bench_table import write_page
from bench_workers import Job, in_own_process, measure_in_turn
from crstudy.core.errors import StudyError
from crstudy.core.hardware import has_gpu
from crstudy.deepcr.weights import fetch_weights
from crstudy.pipeline.provenance import commit

RESULTS = ROOT / "benchmarks" / "results"
WHOLE, WHOLE_GPU = "stock deepCR, whole frame", "stock deepCR on the GPU, whole frame"
#: Page that holds the table.
PAGE = ROOT / "docs/inference.md"
PATCH_PX = 1024
#: What stock deepCR takes for a whole frame, and some to spare: it keeps what training needs.
WHOLE_FRAME_BYTES_PER_PX = 2000
TILES_PX = (128, 256, 512, 1024)
SQUARES_PX = (512, 1024, 2048, 4096)

Mask = NDArray[np.bool_]
Row = dict[str, Any]


def main() -> None:
    """Measure, then write the JSON of this machine and the table in docs/inference.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each method (default 3)")
    rounds = parser.parse_args().rounds
    try:
        with tempfile.TemporaryDirectory() as scratch:
            record = bench(Path(scratch), rounds)
        path = RESULTS / f"{slug(record['machine'])}.json"
        write_json(path, record)
        write_page(PAGE, RESULTS)
    except StudyError as problem:
        sys.exit(str(problem))
    for target in record["targets"]:
        print(f"{target['name']}: {target['measured']} (target {target['bound']})")
    print(f"{path.relative_to(ROOT)} and {PAGE.relative_to(ROOT)} written")


def bench(
    folder: Path,
    rounds: int,
    shape: tuple[int, int] = CHIP_SHAPE_PX,
    tiles: tuple[int, ...] = TILES_PX,
    squares: tuple[int, ...] = SQUARES_PX,
) -> Row:
    """Run the whole benchmark.

    Parameters
    ----------
    folder : pathlib.Path
        Scratch folder.
    rounds : int
        Runs of each method, at least 1.
    shape : (int, int)
        Rows and columns of the chip, px.
    tiles, squares : tuple of int
        Sides of the tiles, and of the square images, to try, px.

    Returns
    -------
    dict
        What the JSON holds.

    Raises
    ------
    StudyError
        The archive of the weights is absent or damaged.
    """
    threads = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    print("simulating the chip", flush=True)
    fetch_weights(NET, folder / "weights.pth", SDIST)
    in_own_process(make_material, folder, shape)
    job = Job(STUDY, "openvino", folder, threads)

    print("comparing methods", flush=True)
    whole, truth, origin = run_whole_frame(job, shape)
    rows = [whole, *compare(job, rounds, truth), *compare_on_gpu(job, rounds, truth)]

    print("OpenVINO: tiles, threads, images", flush=True)
    images = {side: in_own_process(cut_square, folder, side) for side in squares}
    # A part of the chip tells as much, in a fraction of the time.
    part = replace(job, image=images[squares[len(squares) // 2]])
    by_tile = [replace(part, name=str(tile), tile_px=tile) for tile in tiles]
    by_threads = [replace(part, name=str(n), threads=n) for n in thread_counts(threads)]
    by_image = [replace(job, name=str(side), image=image) for side, image in images.items()]
    return {
        "machine": describe_machine(rows),
        "versions": versions(),
        "date": today(),
        "commit": commit(ROOT),
        "net": NET,
        "image": {
            "file": CHIP,
            "shape": list(shape),
            "description": f"simulated ACS/WFC F606W chip, {FIELD_CLASS}, seed {SEED}",
            "flagged_fraction": round(float(truth.mean()), 5),
        },
        "rounds": rounds,
        "load_before": round(load, 2),
        "order": "A B C A B C ...: the rows of a table in turn, each in a process of its own, "
        "after one run of each to warm up; the whole frame once, before the others",
        "truth": origin,
        "methods": rows,
        "targets": targets(rows, threads),
        "tiles_px": [row(m) for m in measure_in_turn(by_tile, rounds)],
        "threads": [row(m) for m in measure_in_turn(by_threads, rounds)],
        "images_px": [row(m) for m in measure_in_turn(by_image, rounds)],
    }


def thread_counts(threads: int) -> list[int]:
    """Return the powers of 2 up to a number of threads, and that number."""
    return sorted({2**power for power in range(threads.bit_length())} | {threads})


def run_whole_frame(job: Job, shape: tuple[int, int]) -> tuple[Row, Mask, str]:
    """Run stock deepCR on the whole frame, if the memory suffices.

    Parameters
    ----------
    job : Job
        Folder and threads.
    shape : (int, int)
        Rows and columns of the chip, px.

    Returns
    -------
    row : dict
        Its row in the table.
    truth : ndarray of bool, shape (ny, nx)
        The whole-frame mask.
    origin : str
        Where that comes from.
    """
    needed = shape[0] * shape[1] * WHOLE_FRAME_BYTES_PER_PX
    if psutil.virtual_memory().available >= needed:
        (measured,) = measure_in_turn([replace(job, name=WHOLE, method="stock")], 0)
        return row(measured, measured.mask), measured.mask, WHOLE
    # Without what training needs, all of the frame is one tile.
    origin = "this study, torch, the whole frame as one tile"
    tile = max(shape) + max(shape) % 2
    (measured,) = measure_in_turn([replace(job, name=origin, method="torch", tile_px=tile)], 0)
    reason = f"needs {needed / 1e9:.0f} GB of free memory"
    return not_measured(WHOLE, reason), measured.mask, origin


def compare(job: Job, rounds: int, truth: Mask) -> list[Row]:
    """Measure the methods that run on CPUs.

    Parameters
    ----------
    job : Job
        Folder and threads.
    rounds : int
        Runs of each method.
    truth : ndarray of bool, shape (ny, nx)
        The whole-frame mask.

    Returns
    -------
    list of dict
        Rows of the table.
    """
    stock, lacosmic, *ours = measure_in_turn(
        [
            replace(job, name=STOCK, method="stock", tile_px=PATCH_PX),
            replace(job, name="L.A.Cosmic (astroscrappy)", method="lacosmic"),
            replace(job, name="this study, torch", method="torch"),
            job,
        ],
        rounds,
    )
    # The mask of another method differs on purpose.
    return [row(stock, truth), row(lacosmic, None, stock), *(row(m, truth, stock) for m in ours)]


def compare_on_gpu(job: Job, rounds: int, truth: Mask) -> list[Row]:
    """Measure the methods that run on GPUs, where there is one; as `compare`."""
    free = in_own_process(free_gpu_bytes) if has_gpu() else None
    if free is None:
        reason = "torch does not drive the GPU" if has_gpu() else "no GPU"
        return [not_measured(name, reason) for name in (STOCK_GPU, WHOLE_GPU, STUDY_GPU)]
    jobs = [
        replace(job, name=STOCK_GPU, method="stock-gpu", tile_px=PATCH_PX),
        replace(job, name=STUDY_GPU, method="torch-gpu"),
    ]
    # Twice: torch keeps what it had, and the others need theirs.
    needed = 2 * truth.size * WHOLE_FRAME_BYTES_PER_PX
    if free >= needed:
        jobs.insert(1, replace(job, name=WHOLE_GPU, method="stock-gpu"))
    stock, *others = measure_in_turn(jobs, rounds)
    rows = [row(stock, truth), *(row(m, truth, stock) for m in others)]
    if free < needed:
        rows.insert(1, not_measured(WHOLE_GPU, f"needs {needed / 1e9:.0f} GB of GPU memory"))
    return rows


if __name__ == "__main__":
    main()
