"""The nets of this project on stars, beside deepCR's: see docs/nets.md.

Draws the fields of `sim` and `csst` once more: as they are, with real cosmic rays transplanted, and
with stars of PSFs on which no net was trained. Counts what every net flags at the threshold 0.5,
and at that with which it flags as many pixels without charge as zb20, chosen on the tuning groups;
measures the stars after inpainting, with and without mask refinement. With a folder of the
exposures of GO-15460, also scores the real ones. Counts are kept in results/star_net by the
checksum of the weights: an interrupted run continues, and a new net is all that is counted.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Column, Table, vstack
from numpy.typing import NDArray

from bench_chip import ROOT
from bench_record import today
from crstudy.config.registry import METHODS
from crstudy.config.study import Study, load_config
from crstudy.core.atomic import write_table
from crstudy.csst.star_fluxes import find_true_stars
from crstudy.data.chips import (
    ComparisonData,
    ExposureFiles,
    read_comparison,
    read_products,
    read_truth,
)
from crstudy.data.exposure import read_exposure, read_images, read_noise, write_images
from crstudy.data.good_pixels import good_pixels
from crstudy.data.view import View
from crstudy.deepcr.detector import Detector, Inpainter
from crstudy.deepcr.weights import WEIGHTS
from crstudy.instrument.epsf import central_psf, load_psf
from crstudy.methods import oracle_scene
from crstudy.metrics.bootstrap import describe_resampling
from crstudy.metrics.curves.roc import (
    COUNTS,
    at_rates,
    histogram,
    probability_edges,
)
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED, flag
from crstudy.metrics.objects.true_stars import stars_near
from crstudy.pipeline.provenance import commit
from crstudy.reference.labels import make_reference, write_true_reference
from crstudy.refinement.psf_fitting import sample_psf
from crstudy.refinement.refine import refine
from crstudy.refinement.settings import RESIDUALS, chosen_settings
from crstudy.refinement.star_model import fit_stars
from crstudy.simulation.acs import simulate_catalogue, simulate_exposure
from crstudy.simulation.csst import simulate_field
from csst_psf import make_psf
from csst_ranges import load_nets, simulate_chip
from psf_error import PSF, STDPSF
from replace_rays import label, take_out_rays
from star_counts import (
    BASELINES,
    KEYS,
    NOTHING,
    REGION_RMS,
    Sample,
    count_cores,
    count_fluxes,
    count_pixels,
    tabulate,
)

TABLE = ROOT / "resources" / "star_net.ecsv"
KEPT = ROOT / "results" / "star_net"
COMMAND = "make star-net"
#: No method, but how much any could find: the true scene is known.
ORACLE = "oracle-scene"
#: Masks besides `DEFAULT` and `MATCHED`: at the default threshold with refinement, and at a
#: threshold for those who would rather miss cosmic rays than flag star cores.
REFINED, STRICT, STRICT_AT = "default, refined", "strict", 0.9
SETTING = chosen_settings(Table.read(ROOT / "resources" / "remedy.ecsv"))[RESIDUALS]
REAL = "real"
#: What is scored of a chip: its probabilities, or scores.
Score = Callable[[Sample], NDArray[np.floating]]


class Method(NamedTuple):
    """What scores pixels: its name, what its counts are kept by, and thresholds."""

    name: str
    key: str
    score: Score
    edges: NDArray[np.float64]
    default: float
    refined: bool = False


class Dataset(NamedTuple):
    """Fields to draw: how, those on which thresholds are chosen, and the others."""

    name: str
    study: Study
    draw: Callable[[Path, Study, int], tuple[Table, Path]]
    tuning: Sequence[int]
    compared: Sequence[int]


def main() -> None:
    """Measure every dataset that is asked for, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, help="folder of the exposures of GO-15460")
    parser.add_argument("--only", nargs="*", help="names of datasets; the others keep their rows")
    arguments = parser.parse_args()
    tables = {}
    if TABLE.is_file():
        old = Table.read(TABLE)
        tables = {name: old[old["dataset"] == name] for name in dict.fromkeys(old["dataset"])}
    with tempfile.TemporaryDirectory() as scratch:
        names = [*BASELINES, *(name for name in WEIGHTS if name.startswith("stars-"))]
        nets, inpainter = load_nets(Path(scratch), names)
        jobs = {one.name: partial(measure_set, one, nets, inpainter) for one in datasets()}
        if arguments.mirror:
            jobs[REAL] = partial(measure_real, arguments.mirror, nets, Path(scratch))
        for name, job in jobs.items():
            if arguments.only is None or name in arguments.only:
                tables[name] = job()
                tables[name].add_column(Column([name] * len(tables[name])), 0, "dataset")
                write(vstack(list(tables.values()), metadata_conflicts="silent"))
                print(f"{name}: measured", flush=True)


def write(table: Table) -> None:
    """Write the table."""
    table.meta = {"date": today(), "commit": commit(ROOT), "command": COMMAND}
    table.meta |= describe_resampling(resampling(load_config({})))
    table.round(5)
    for name, words in MEANINGS.items():
        table[name].description = words
    write_table(table, TABLE)


MEANINGS = {
    "dataset": "sim and csst: fields of these studies; transplanted: real cosmic rays; other PSF: "
    "empirical STDPSF grid, or an Airy profile; real: eight WFC3/UVIS exposures against labels",
    "mask": "default: probability above 0.5; matched: as many pixels without charge flagged as by "
    f"{BASELINES[0]} at 0.5 on the tuning groups; strict: above {STRICT_AT}; refined: by residuals "
    "of fitted stars",
    "value": "fraction; bias_hit: mean change of magnitude of hit stars, mmag",
    "change_zb20": f"less that of {BASELINES[0]}, paired: the same groups drawn for both",
    "change_kwon21": f"less that of {BASELINES[1]}, paired",
}


def datasets() -> Iterator[Dataset]:
    """Yield the simulated datasets."""
    sim, csst = (
        yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("sim", "csst")
    )
    library = str(ROOT / "resources" / "events" / "uvis_go15460.ecsv")
    real_rays = {"cosmic_rays": {"source": "transplanted", "library": library}}
    variants = {"sim": {}, "sim, transplanted": real_rays}
    if STDPSF.is_file():
        variants["sim, other PSF"] = {"psf": str(STDPSF)}
    for name, changes in variants.items():
        study = load_config(sim | {"simulation": {"psf": str(PSF)} | sim["simulation"] | changes})
        yield Dataset(name, study, draw_acs, *split(study, study.simulation.n_groups))
    study = load_config(csst)
    for name, draw in (("csst", draw_csst), ("csst, other PSF", draw_airy)):
        yield Dataset(name, study, draw, *split(study, study.csst.n_fields))


def split(study: Study, n: int) -> tuple[range, range]:
    """Return the numbers of the groups for tuning, the last, and of the others."""
    first = n + 1 - study.methods.tuning_groups
    return range(first, n + 1), range(1, first)


def draw_acs(folder: Path, study: Study, group: int) -> tuple[Table, Path]:
    """Draw the first exposure of a group; return its catalogue and file."""
    section = study.model_dump(mode="json")["simulation"]
    templates = ROOT / "resources" / "acs"
    catalogue = simulate_catalogue(study.seed, group, section, templates)
    paths = [folder / f"jsim{group:03d}01_{kind}.fits" for kind in PRODUCTS]
    simulate_exposure(
        catalogue,
        *paths[:2],
        seed=study.seed,
        group=group,
        number=1,
        settings=section,
        templates=templates,
    )
    ((ver, known),) = read_truth(paths[1]).items()
    (chip,) = read_exposure(paths[0]).chips
    hit = {ver: known.cosmic_rays(study.metrics.truth_sigma)}
    write_true_reference(paths[2], paths[0], {ver: known.cr}, hit)
    good = good_pixels(chip.sci, chip.dq, **study.mask.model_dump())
    write_images(paths[3], {("GOOD", ver): good})
    return catalogue, paths[0]


PRODUCTS = ("flc", "truth", "reference", "good")


def draw_csst(folder: Path, study: Study, field: int, profile: str = "") -> tuple[Table, Path]:
    """Draw the exposure of a field of the survey's exposure time; as `draw_acs`."""
    config = study.model_dump()
    catalogue = simulate_field(study.seed, field, config["csst"])
    width = config["csst"]["psf_ree80_arcsec"]
    psf = make_psf(profile, width, config["csst"]) if profile else None
    chip = simulate_chip(folder, catalogue, study.seed, field, config, psf)
    return catalogue, folder / f"{chip.exposure}_flc.fits"


draw_airy = partial(draw_csst, profile="airy")


def draw_sample(one: Dataset, group: int) -> Sample:
    """Draw an exposure, and find its stars."""
    metrics, box_px = one.study.metrics, one.study.metrics.background_box_px
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        catalogue, path = one.draw(folder, one.study, group)
        truth = folder / path.name.replace("flc", "truth")
        files = ExposureFiles(path, folder, folder, truth)
        (chip,) = read_products(files)
        (data,) = read_comparison(files, metrics.truth_sigma).values()
        header = fits.getheader(truth)
        noise_e = read_noise(read_exposure(path).header)
    cores = stars_near(catalogue, chip.wcs, data.valid.shape)
    cores["x"] += header.get("REGDX", 0.0)
    cores["y"] += header.get("REGDY", 0.0)
    cores["peak_fraction"] = np.nan
    settings = {"background_box_px": box_px} | one.study.photometry.model_dump()
    stars = find_true_stars(chip, catalogue, settings)
    regions = data.star_regions(REGION_RMS, box_px)["truth"]
    view = View(chip.original, chip.valid, noise_e, central_psf(PSF), truth=chip.truth)
    return Sample(chip, data, regions, stars, cores[cores["inside"]], view, box_px)


def methods(nets: Mapping[str, Detector], dataset: str) -> list[Method]:
    """Return the nets, and the oracle; of the nets for CSST, none elsewhere."""
    found = [
        Method(
            name,
            f"{name}-{WEIGHTS[name].sha256[:12]}",
            lambda sample, net=net: net.probability(sample.chip.original),
            probability_edges([0.5]),
            0.5,
            dataset.startswith("sim"),
        )
        for name, net in nets.items()
        if "csst" in dataset or "csst" not in name
    ]
    edges, at = np.array(oracle_scene.THRESHOLDS), METHODS[ORACLE].default_threshold
    oracle = Method(ORACLE, ORACLE, lambda one: oracle_scene.score(one.view), edges, at)
    nothing = Method(NOTHING, NOTHING, lambda one: np.zeros(one.data.valid.shape), edges, at)
    return [*found, oracle, nothing]


def measure_set(one: Dataset, nets: Mapping[str, Detector], inpainter: Inpainter) -> Table:
    """Count what every method flags of a dataset's exposures, and tabulate it."""
    scored = methods(nets, one.name)
    thresholds = match(one, scored)
    groups, curves = [], {method.name: [] for method in scored}
    for group in one.compared:
        sample, parts = cache(partial(draw_sample, one, group)), []
        for method in scored:
            at = thresholds[method.name]
            score = cache(lambda method=method, sample=sample: method.score(sample()))
            count = partial(count_all, method, at, inpainter, one.study, sample, score)
            parts.append(kept(one, group, f"{method.key}_{at:.6g}", count))
            curve = partial(full_histogram, method, sample, score)
            found = kept(one, group, f"{method.key}_curve", curve)
            curves[method.name].append([found[name] for name in COUNTS])
        groups.append(vstack(parts, metadata_conflicts="silent"))
        print(f"{one.name}, group {group}: counted", flush=True)
    table = tabulate(groups, curves, resampling(one.study))
    table["threshold"] = [
        thresholds[row["method"]] if row["mask"] == MATCHED else np.nan for row in table
    ]
    return table


def match(one: Dataset, scored: Sequence[Method]) -> dict[str, float]:
    """Choose the thresholds with as many pixels without charge as the first net flags."""
    sums = {method.name: 0 for method in scored}
    for group in one.tuning:
        sample = cache(partial(draw_sample, one, group))
        for method in scored:
            score = cache(lambda method=method, sample=sample: method.score(sample()))
            curve = partial(full_histogram, method, sample, score)
            found = kept(one, group, f"{method.key}_curve", curve)
            sums[method.name] += np.array([found[name] for name in COUNTS])
    first = scored[0]
    negatives = sums[first.name][1]
    rate = negatives[1:][first.edges >= first.default].sum() / negatives.sum()
    return {m.name: float(at_rates(sums[m.name], m.edges, [rate])[0, 1]) for m in scored}


def kept(one: Dataset, group: int, key: str, count: Callable[[], Table]) -> Table:
    """Return counts that are kept, or make them."""
    path = KEPT / one.name.replace(", ", "-").replace(" ", "-") / f"{group:03d}_{key}.ecsv"
    if not path.is_file():
        write_table(count(), path)
    return Table.read(path)


def full_histogram(
    method: Method, sample: Callable[[], Sample], score: Callable[[], NDArray[np.floating]]
) -> Table:
    """Count the pixels of the full frame by score, against the true cosmic rays."""
    data = sample().data
    return histogram(score(), data.truth, data.counted, method.edges)


def count_all(
    method: Method,
    at: float,
    inpainter: Inpainter,
    study: Study,
    sample: Callable[[], Sample],
    score: Callable[[], NDArray[np.floating]],
) -> Table:
    """Count what the masks of a method flag, and the fluxes after inpainting.

    Returns
    -------
    Table
        A row per `KEYS`: method, upper and lower, numerator and denominator of the measure.
    """
    one, rows, images = sample(), [], {}
    for kind, mask in make_masks(method, at, one, score()).items():
        found = [*count_pixels(mask, one.data, one.regions), *count_cores(mask, one)]
        rows += [(kind, *row) for row in found]
        images[kind] = inpainter.inpaint(one.chip.original, mask)
    rows += count_fluxes(one, images, study.photometry.model_dump())
    table = Table(rows=rows, names=(*KEYS, "upper", "lower"))
    table["method"] = method.name
    return table


def make_masks(
    method: Method, at: float, one: Sample, score: NDArray[np.floating]
) -> dict[str, NDArray[np.bool_]]:
    """Return the masks of a method by kind."""
    masks = {DEFAULT: flag(score, method.default), MATCHED: flag(score, at)}
    if method.refined:
        masks[STRICT] = flag(score, STRICT_AT)
        psf = sample_psf(load_psf(PSF), score.shape, one.chip.extver)
        model = fit_stars(one.view, masks[DEFAULT], psf, SETTING.model_error, one.box_px)
        masks[REFINED] = refine(RESIDUALS, SETTING, score, method.default, model)
    return masks


def measure_real(mirror: Path, nets: Mapping[str, Detector], folder: Path) -> Table:
    """Score the real exposures against AstroDrizzle's labels, without the moving target."""
    paths = sorted(mirror.rglob("idsj02*_flc.fits"))
    files = label(paths, folder / REAL, leave_one_out=True)
    groups, scored = [], methods(nets, REAL)[:-2]
    curves = {method.name: [] for method in scored}
    for path, file in zip(paths, files, strict=True):
        exposure = take_out_rays(path, file)
        (chip,) = read_exposure(exposure.path).chips
        blot, flagged, holes = (read_images(file, n)[chip.extver] for n in LABELS)
        labelled = make_reference(chip.sci, blot, flagged > 0, holes > 0).label
        data, parts = ComparisonData(labelled, None, exposure.valid, chip.sci), []
        for method in scored:
            score = nets[method.name].probability(chip.sci)
            one = histogram(score, labelled, exposure.valid, method.edges)
            curves[method.name].append([one[name] for name in COUNTS])
            rows = count_pixels(flag(score, method.default), data, {})
            parts.append(Table(rows=list(rows), names=(*KEYS[1:], "upper", "lower")))
            parts[-1]["method"], parts[-1]["mask"] = method.name, DEFAULT
        groups.append(vstack(parts))
    table = tabulate(groups, curves, resampling(load_config({})))
    table["threshold"] = np.nan
    return table


LABELS = ("BLOT", "CRMASK", "NOREF")


def resampling(study: Study) -> dict[str, Any]:
    """Return the settings of the bootstrap."""
    names = {"samples": study.metrics.bootstrap_samples, "confidence": study.metrics.confidence}
    return names | {"seed": study.seed}


if __name__ == "__main__":
    main()
