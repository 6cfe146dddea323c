"""Score real exposures, and the same with simulated cosmic rays in place of their own.

    python benchmarks/replace_rays.py MIRROR

MIRROR holds the WFC3/UVIS exposures of GO-15460 in astroquery's layout. Their rays are replaced by
the median of the other exposures, with noise; rays of a generator are added; AstroDrizzle labels
the exposures; and deepCR and L.A.Cosmic are scored on them as on the real ones, in both without
the moving target. Nothing of the rays is chosen here.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Row, Table
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from bench_chip import NET, ROOT, SDIST
from bench_record import today
from calibration_text import METHODS
from crstudy.config.simulation import CosmicRays
from crstudy.config.study import Study
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.data.exposure import read_exposure, read_images, read_noise
from crstudy.data.good_pixels import good_pixels
from crstudy.data.view import View
from crstudy.deepcr.detector import load_detector
from crstudy.deepcr.openvino_backend import convert_net
from crstudy.deepcr.weights import fetch_weights
from crstudy.instrument.wcs import read_wcs
from crstudy.methods import lacosmic
from crstudy.metrics.bootstrap import estimate
from crstudy.metrics.scores import count_pixels, score
from crstudy.pipeline.provenance import commit
from crstudy.reference.astrodrizzle import drizzle_group
from crstudy.reference.labels import make_reference
from crstudy.simulation.rays.events import label_events
from crstudy.simulation.rays.generators import draw_rays
from marked import replace_marked

TABLE = ROOT / "benchmarks" / "results" / "real_exposures.ecsv"
DOCUMENT = ROOT / "docs" / "simulator.md"
#: What is scored, and how far recall and precision may differ from those of the real exposures.
POINTS = [(NET, p) for p in (0.1, 0.5, 0.9)] + [("lacosmic", s) for s in (4.5, 10.0, 30.0)]
TOLERANCE = 0.02
STUDY = Study.model_validate({"source": "mirror"})
FIELD_CLASS = "extragalactic"
#: Rays are taken out this far beyond the pixels of an event, where their wings are faint, px.
RIM_PX = 2
#: The moving target, of some 8 px, lies 15 px from where headers put it: masked up to here, px.
TARGET_PX = 30.0
#: Pixels this near to an edge, which few of the dithered exposures share, are not scored, px.
EDGE_PX = 48
N_SEEDS = 5
#: Real events of the exposures, and the generators that are to replace them.
EVENTS = ROOT / "resources" / "events" / "uvis_go15460.ecsv"
GENERATORS = ("physical", "transplanted")
#: Parameters of rays in WFC3/UVIS, fitted to the shapes and charges of these events.
RAYS_FIT = ROOT / "benchmarks" / "results" / "rays_fit.ecsv"
#: Events that the finder finds per ray (docs/simulator.md): two that meet count as a third.
FOUND = 1.02


class Exposure(NamedTuple):
    """A real exposure and the same without cosmic rays: image, e-, and what goes with it."""

    path: Path
    without_rays: NDArray[np.float32]
    valid: NDArray[np.bool_]
    exptime_s: float
    read_noise_e: float


def main() -> None:
    """Score the real exposures, then those with rays of each generator, with several seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, help="folder of the exposures")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    arguments = parser.parse_args()
    paths = sorted(arguments.mirror.rglob("idsj02*_flc.fits"))
    if not paths:
        fix = "give a folder that holds idsj02*_flc.fits of GO-15460"
        raise SystemExit(str(StudyError(arguments.mirror, "holds no exposure", fix)))
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(arguments.cores) as pool:
        folder = Path(scratch)
        fetch_weights(NET, folder / "weights.pth", SDIST)
        convert_net(NET, folder / "weights.pth", folder / "net")
        files = label(paths, folder / "real", leave_one_out=True)
        exposures = list(starmap(take_out_rays, zip(paths, files, strict=True)))
        measured = {"real": [measure(exposures, files, folder)]}
        for source in GENERATORS:
            jobs = partial(measure_simulated, exposures, source, folder)
            measured[source] = []
            for counts in pool.map(jobs, range(N_SEEDS)):
                measured[source].append(counts)
                table = tabulate(measured)
                table.meta |= {"date": today(), "commit": commit(ROOT)}
                table.meta["exposures"] = [path.stem for path in paths]
                write_table(table, TABLE)
    write_document(Table.read(TABLE))


def write_document(table: Table) -> None:
    """Draw the table of docs/simulator.md."""
    lines = [
        f"Measured on {table.meta['date']}; standard deviations over {max(table['seeds'])} seeds, "
        "of the real exposures from a bootstrap over them.",
        "",
        "| cosmic rays | method | threshold | recall, % | precision, % | difference, points | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table:
        recall, precision = (_percent(row, name) for name in ("recall", "precision"))
        off = f"{100 * row['recall_difference']:+.1f}, {100 * row['precision_difference']:+.1f}"
        mark = "" if row["within_tolerance"] else "*"
        lines.append(
            f"| {row['source']} | {METHODS[row['method']]} | {row['threshold']:g} | {recall} | "
            f"{precision} | {'' if row['source'] == 'real' else off} | {mark} |"
        )
    labelled = dict(zip(table["source"], 100 * table["labelled"], strict=True))
    lines += [
        "",
        f"\\* differs by more than {100 * TOLERANCE:g} points. Labelled pixels: "
        + ", ".join(f"{source} {value:.2f} %" for source, value in labelled.items())
        + ".",
    ]
    replace_marked(DOCUMENT, "real", "\n".join(lines))


def _percent(row: Row, name: str) -> str:
    return f"{100 * row[name]:.1f} ± {100 * row[f'{name}_sd']:.1f}"


def label(paths: Sequence[Path], folder: Path, *, leave_one_out: bool = False) -> list[Path]:
    """Label exposures with AstroDrizzle; return its files, see `drizzle_group`."""
    settings = STUDY.reference.model_dump(mode="json") | {"leave_one_out": leave_one_out}
    return drizzle_group("visit02", paths, folder, folder / "log", **settings)


def take_out_rays(path: Path, drizzled: Path) -> Exposure:
    """Replace the cosmic rays of an exposure by the median of the others, with noise.

    Parameters
    ----------
    path : pathlib.Path
        Calibrated exposure.
    drizzled : pathlib.Path
        Its file of `label`, with the median of the others.
    """
    exposure = read_exposure(path)
    (chip,), header = exposure.chips, exposure.header
    read_noise_e = read_noise(header)
    others, holes = (read_images(drizzled, name)[chip.extver] for name in ("OTHERS", "NOREF"))
    near = target_distance(path, chip.sci.shape) < TARGET_PX
    valid = good_pixels(chip.sci, chip.dq, **STUDY.mask.model_dump()) & (holes == 0)
    inner = np.zeros_like(valid)
    inner[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX] = True
    usable = np.isfinite(chip.sci) & (holes == 0) & ~near
    rng = default_rng(int.from_bytes(path.name.encode()))
    image = replace_events(rng, chip.sci, others, read_noise_e, usable)
    scored = valid & inner & ~near
    return Exposure(path, image, scored, float(header["EXPTIME"]), read_noise_e)


def target_distance(path: Path, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the distance of each pixel from the target that the telescope followed, px."""
    header = fits.getheader(path)
    ((_, wcs),) = read_wcs(path).items()
    ((x, y),) = wcs.all_world2pix([[header["RA_TARG"], header["DEC_TARG"]]], 0)
    rows, columns = np.indices(shape)
    return np.hypot(columns - x, rows - y)


def replace_events(
    rng: Generator,
    image_e: NDArray[np.floating],
    others_e: NDArray[np.floating],
    read_noise_e: float,
    usable: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Replace events and `RIM_PX` around them by the median of other exposures, with noise.

    Parameters
    ----------
    rng : numpy Generator
        Of the noise.
    image_e, others_e : ndarray, shape (ny, nx)
        Exposure and median of the others on its scale, e-.
    read_noise_e : float
        Read noise, e-.
    usable : ndarray of bool, shape (ny, nx)
        Other pixels stay as they are.
    """
    light = np.maximum(others_e, 0)
    sigma = np.sqrt(light + read_noise_e**2)
    events = label_events(image_e - others_e, sigma, usable) > 0
    box = np.ones((2 * RIM_PX + 1,) * 2, bool)
    replaced = binary_dilation(events, box) & usable
    noisy = others_e + sigma * rng.standard_normal(sigma.shape)
    return np.where(replaced, noisy, image_e).astype(np.float32)


def rays(source: str) -> dict[str, Any]:
    """Return the section ``cosmic_rays`` of a generator: WFC3/UVIS, as many as the real events."""
    fit = Table.read(RAYS_FIT).meta
    fitted = {name: one["value"] for name, one in fit["parameters"].items()}
    rate = {"rate_per_s_cm2": Table.read(EVENTS).meta["rate_per_s_cm2"] / FOUND}
    choice = {"source": source, "library": str(EVENTS)}
    return CosmicRays().model_dump() | fit["given"] | fitted | rate | choice


def measure_simulated(
    exposures: Sequence[Exposure], source: str, scratch: Path, seed: int
) -> NDArray[np.int64]:
    """Add rays of a generator, label the exposures and score them; as `measure`."""
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        folder, paths = Path(place), []
        for number, one in enumerate(exposures):
            rng = default_rng([seed, number])
            charge = draw_rays(rng, one.valid.shape, one.exptime_s, rays(source))
            paths.append(folder / one.path.name)
            with fits.open(one.path) as hdus:
                hdus["SCI", 1].data = (one.without_rays + charge).astype(np.float32)
                hdus.writeto(paths[-1])
        simulated = [one._replace(path=path) for one, path in zip(exposures, paths, strict=True)]
        return measure(simulated, label(paths, folder), scratch)


def measure(
    exposures: Sequence[Exposure], drizzled: Sequence[Path], nets: Path
) -> NDArray[np.int64]:
    """Count hits and false alarms against the labels.

    Parameters
    ----------
    exposures : sequence of Exposure
        Their files are scored.
    drizzled : sequence of pathlib.Path
        Of `label`.
    nets : pathlib.Path
        Folder with ``weights.pth`` and ``net``.

    Returns
    -------
    ndarray, shape (exposures, points, 4)
        True and false positives, misses and the other valid pixels, at `POINTS`.
    """
    detector = load_detector(NET, nets / "weights.pth", nets / "net", "cpu")
    counts = []
    for one, file in zip(exposures, drizzled, strict=True):
        (chip,) = read_exposure(one.path).chips
        images = (read_images(file, name)[chip.extver] for name in ("BLOT", "CRMASK", "NOREF"))
        blot, flagged, holes = images
        labelled = make_reference(chip.sci, blot, flagged > 0, holes > 0).label
        good = good_pixels(chip.sci, chip.dq, **STUDY.mask.model_dump())
        view = View(chip.sci, good, one.read_noise_e, np.ones((1, 1)), FIELD_CLASS)
        maps = {
            NET: detector.probability(chip.sci),
            "lacosmic": lacosmic.score(
                view,
                objlim=lacosmic.PUBLISHED_OBJLIM[FIELD_CLASS],
                sigfrac=lacosmic.PUBLISHED_SIGFRAC,
            ),
        }
        valid = one.valid & good & (holes == 0)
        counts.append([count_pixels(maps[name] > at, labelled, valid) for name, at in POINTS])
    return np.array(counts)


def tabulate(measured: dict[str, list[NDArray[np.int64]]]) -> Table:
    """Return recall, precision and fraction of labelled pixels of each source of rays.

    Parameters
    ----------
    measured : dict of str to list of ndarray
        By source, "real" first, of each seed what `measure` returns.

    Returns
    -------
    Table
        A row per source and point: the values; their standard deviation over seeds, or for the
        real exposures from a bootstrap over them; differences from the real ones.
    """
    rows, real = [], {}
    for source, seeds in measured.items():
        for i, (method, threshold) in enumerate(POINTS):
            row = {"source": source, "method": method, "threshold": threshold, "seeds": len(seeds)}
            for name, statistic in STATISTICS.items():
                values = [float(statistic(one[:, i].sum(axis=0))) for one in seeds]
                row[name] = np.mean(values)
                row[f"{name}_sd"] = np.std(values, ddof=1) if len(seeds) > 1 else np.nan
                if source == "real":
                    row[f"{name}_sd"] = bootstrap_sd(statistic, seeds[0][:, i])
                    real[name, i] = row[name]
                row[f"{name}_difference"] = row[name] - real[name, i]
            within = (
                abs(row[f"{name}_difference"]) <= TOLERANCE for name in ("recall", "precision")
            )
            rows.append(row | {"within_tolerance": all(within)})
    table = Table(rows)
    table.meta["tolerance"] = TOLERANCE
    return table


#: Of counts of shape (..., 4): true and false positives, misses, other valid pixels.
STATISTICS: dict[str, Callable[[NDArray], NDArray]] = {
    "recall": lambda n: score(n[..., 0], n[..., 1], n[..., 2])["recall"],
    "precision": lambda n: score(n[..., 0], n[..., 1], n[..., 2])["precision"],
    "labelled": lambda n: (n[..., 0] + n[..., 2]) / n.sum(axis=-1),
}


def bootstrap_sd(statistic: Callable[[NDArray], NDArray], counts: NDArray) -> float:
    """Return a quarter of the 95 % interval of a statistic, from a bootstrap over exposures."""
    found = estimate(statistic, counts, {"samples": 2000, "confidence": 0.95, "seed": 0})
    return float(found.high - found.low) / 4


if __name__ == "__main__":
    main()
