"""What sharper and other PSFs do to the methods on CSST exposures of 150 s; see docs/simulator.md.

Thresholds, and L.A.Cosmic's parameters, are also tuned, on other fields with the same PSF.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import galsim
import numpy as np
import yaml
from astropy.table import Table, vstack
from numpy.typing import NDArray
from scipy.optimize import brentq

from bench_chip import ROOT
from bench_record import today
from crstudy.config.registry import METHODS
from crstudy.config.study import load_config
from crstudy.core.atomic import write_table
from crstudy.core.errors import StudyError
from crstudy.csst.tuning import THRESHOLD, UNCHANGED, choose_variants
from crstudy.data.chips import ChipProducts
from crstudy.data.view import View
from crstudy.deepcr.detector import Detector, Inpainter
from crstudy.instrument.csst_psf import effective_psf
from crstudy.instrument.epsf import load_psf
from crstudy.methods import lacosmic
from crstudy.methods.tuning import combinations
from crstudy.metrics.curves.roc import histogram, probability_edges
from crstudy.metrics.curves.thresholds import flag
from crstudy.metrics.names import FULL
from crstudy.pipeline.provenance import commit
from crstudy.simulation.csst import PIVOT_ANGSTROM, simulate_field
from csst_ranges import FIELDS, load_nets, repair, simulate_chip, summarise
from systematics import DECIMALS, SETTINGS

TABLE = ROOT / "resources" / "csst_psf.ecsv"
NETS = ("zb20-f606w", "kwon21-f606w", "kwon21-acs-wfc", "stars-acs-wfc", "stars-csst")
RIVAL = "lacosmic"
#: Smaller than those of csst_ranges.py, and more.
TILES = FIELDS | {"n_fields": 9, "tile_height_px": 512, "tile_width_px": 512}
#: Further fields, with both classes, on which is tuned; L.A.Cosmic, with 15 combinations of
#: parameters the slowest, on their middles.
HELD_OUT = 3
MIDDLE = (slice(112, 400),) * 2
#: Diameter of CSST's mirror, which nothing obstructs, m.
MIRROR_M = 2.0
TEXT = {
    "setting": "radius with 80 % of a star's light before the pixel, arcsec; of acs, the width "
    "relative to that of ACS/WFC F606W",
    "radius_px": "radius with 80 % of a star's light, pixel included, px",
    "peak": "fraction of the light of a star in the pixel on which it is centred",
}


class Trial(NamedTuple):
    """A method with parameters to try, and the thresholds at which its pixels are counted."""

    method: str
    name: str
    parameters: Mapping[str, float]
    score: Callable[[ChipProducts], NDArray[np.floating]]
    threshold: float
    edges: Sequence[float]


def main() -> None:
    """Measure all methods with every PSF, and write the table after each."""
    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    config = load_config({"csst": TILES}).model_dump()
    meta = {"date": today(), "commit": commit(ROOT)}
    rows: list[dict[str, Any]] = []
    try:
        with tempfile.TemporaryDirectory() as scratch:
            detectors, inpainter = load_nets(Path(scratch), NETS)
            nets = net_trials(detectors, config["detector"]["threshold"])
            for name, one in settings["csst_psf"].items():
                for setting in one["values"]:
                    psf = make_psf(name, setting, config["csst"])
                    key = {"psf": name, "setting": setting} | describe_psf(psf)
                    trials = nets + (rival_trials() if setting in one["lacosmic"] else [])
                    found = measure(psf, config, settings["seed"], trials, inpainter)
                    rows += [key | row for row in found]
                    write(rows, meta)
                    print(f"{name} {setting:g}: measured", flush=True)
    except StudyError as error:
        sys.exit(str(error))


def write(rows: Sequence[Mapping[str, Any]], meta: Mapping[str, str]) -> None:
    """Write the table."""
    table = Table(rows, meta=meta)
    table.round(DECIMALS + 2)
    for name, text in TEXT.items():
        table[name].description = text
    write_table(table, TABLE)


def make_psf(name: str, setting: float, csst: Mapping[str, Any]) -> galsim.GSObject:
    """Build a PSF with the response of the pixel, 1 unit = 1 px.

    Parameters
    ----------
    name : str
        moffat, the simulator's; airy, diffraction at CSST's mirror, blurred by a Gaussian; acs,
        the PSF of ACS/WFC F606W.
    setting : float
        See `TEXT`.
    csst : mapping
        The configuration section ``csst``.
    """
    if name == "acs":
        grid = load_psf(ROOT / "resources" / "psf" / "acswfc_f606w_gaussians.ecsv")
        return grid.at(float(np.median(grid.x)), float(np.median(grid.y)), setting)
    if name == "moffat":
        return effective_psf({**csst, "psf_ree80_arcsec": setting})
    scale = csst["pixel_scale_arcsec"]
    airy = galsim.Airy(lam=PIVOT_ANGSTROM / 10, diam=MIRROR_M, scale_unit=galsim.arcsec)
    airy = airy.dilate(1 / scale)

    def blurred(sigma_px: float) -> galsim.GSObject:
        return galsim.Convolve(airy, galsim.Gaussian(sigma=sigma_px))

    def excess(sigma_px: float) -> float:
        return radius(blurred(sigma_px)) - setting / scale

    return galsim.Convolve(blurred(brentq(excess, 0.1, 2.0, xtol=0.01)), galsim.Pixel(1.0))


def radius(profile: galsim.GSObject) -> float:
    """Return the radius with 80 % of the light, px."""
    image = profile.drawImage(nx=512, ny=512, scale=0.1, method="no_pixel")
    return float(image.calculateHLR(flux_frac=0.8))


def describe_psf(psf: galsim.GSObject) -> dict[str, float]:
    """Return how sharp a PSF is in pixels."""
    stamp = psf.drawImage(nx=25, ny=25, scale=1, method="no_pixel").array
    return {"radius_px": radius(psf), "peak": float(stamp.max())}


def net_trials(detectors: Mapping[str, Detector], threshold: float) -> list[Trial]:
    """Return the nets, which have no parameters."""
    edges = tuple(probability_edges([threshold]))
    return [
        Trial(
            name, name, {}, lambda chip, net=net: net.probability(chip.original), threshold, edges
        )
        for name, net in detectors.items()
    ]


def rival_trials() -> list[Trial]:
    """Return L.A.Cosmic with every combination of parameters, its authors' first."""
    threshold, edges = METHODS[RIVAL].default_threshold, lacosmic.THRESHOLDS
    return [
        Trial(RIVAL, f"{RIVAL} {i}", one, partial(search, parameters=one), threshold, edges)
        for i, one in enumerate(combinations(lacosmic))
    ]


def search(chip: ChipProducts, parameters: Mapping[str, float]) -> NDArray[np.float32]:
    """Score an exposure with L.A.Cosmic, which needs no PSF."""
    view = View(chip.original, chip.valid, chip.truth.read_noise_e, np.ones((1, 1)))
    return lacosmic.score(view, **parameters)


def measure(
    psf: galsim.GSObject,
    config: Mapping[str, Any],
    seed: int,
    trials: Sequence[Trial],
    inpainter: Inpainter,
) -> list[dict[str, Any]]:
    """Return a row for every method with its defaults, and one tuned on the held-out fields."""
    n_fields = config["csst"]["n_fields"]

    def simulate(fields: Sequence[int]) -> Iterator[tuple[Table, ChipProducts]]:
        for field in fields:
            catalogue = simulate_field(seed, field, config["csst"])
            with tempfile.TemporaryDirectory() as scratch:
                chip = simulate_chip(Path(scratch), catalogue, seed, field, config, psf)
            yield catalogue, chip

    held_out = simulate(range(n_fields + 1, n_fields + 1 + HELD_OUT))
    variants = tune([count_pixels(chip, trials) for _, chip in held_out], trials)
    fields = []
    for catalogue, chip in simulate(range(1, n_fields + 1)):
        masks = {key: flag(one.score(chip), least) for key, (one, least) in variants.items()}
        fields.append(repair(chip, catalogue, masks, inpainter, config))
    none = dict.fromkeys(lacosmic.PARAMETERS, np.nan)
    return [
        {"method": method, "remedy": remedy, "threshold": least}
        | (none | one.parameters)
        | summarise(fields, config, method, remedy)
        for (method, remedy), (one, least) in variants.items()
    ]


def count_pixels(chip: ChipProducts, trials: Sequence[Trial]) -> Table:
    """Count the pixels of a held-out exposure by score, rims of cosmic rays left out."""
    tables = []
    for one in trials:
        part = middle(chip) if one.parameters else chip
        counted = part.valid & ~((part.truth.cr > 0) & ~part.label)
        tables.append(histogram(one.score(part), part.label, counted, one.edges))
        tables[-1]["method"] = one.name
    table = vstack(tables)
    table["exptime_s"], table["region"] = chip.exptime_s, FULL
    return table


def middle(chip: ChipProducts) -> ChipProducts:
    """Cut `MIDDLE` out of an exposure."""
    images = {name: getattr(chip, name)[MIDDLE] for name in ("original", "label", "valid")}
    return replace(chip, **images, truth=replace(chip.truth, cr=chip.truth.cr[MIDDLE]))


def tune(
    validation: Sequence[Table], trials: Sequence[Trial]
) -> dict[tuple[str, str], tuple[Trial, float]]:
    """Return trial and threshold of every method and variant; of the tuned, those of highest F1."""
    chosen = choose_variants(validation, {one.name: one.threshold for one in trials})
    by_name = {row["method"]: row for row in chosen[chosen["remedy"] == THRESHOLD]}
    variants = {}
    for method in dict.fromkeys(one.method for one in trials):
        own = [one for one in trials if one.method == method]
        best = max(own, key=lambda one: by_name[one.name]["validation_f1"])
        variants[method, UNCHANGED] = own[0], own[0].threshold
        variants[method, THRESHOLD] = best, float(by_name[best.name]["threshold"])
    return variants


if __name__ == "__main__":
    main()
