"""What sharper and other PSFs do to the methods on CSST exposures of 150 s; see docs/methods.md.

Fields are those of csst_ranges.py; thresholds and L.A.Cosmic's parameters are also tuned, on more
fields with the same PSF.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from crstudy.deepcr.detector import Detector
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
NETS = ("zb20-f606w", "kwon21-f606w", "kwon21-acs-wfc")
RIVAL = "lacosmic"
#: Further fields, with both classes, on which is tuned; L.A.Cosmic's parameters on their middles.
HELD_OUT = 3
MIDDLE = (slice(192, 576),) * 2
#: Diameter of CSST's mirror, which nothing obstructs, m.
MIRROR_M = 2.0
TEXT = {
    "setting": "radius with 80 % of a star's light before the pixel, arcsec; of acs, the width "
    "relative to that of ACS/WFC F606W",
    "radius_px": "radius with 80 % of a star's light, pixel included, px",
    "peak": "fraction of the light of a star in the pixel on which it is centred",
}


def main() -> None:
    """Measure all methods with every PSF, and write the table after each."""
    settings = yaml.safe_load(SETTINGS.read_text())
    config = load_config({"csst": FIELDS}).model_dump()
    rows: list[dict[str, Any]] = []
    try:
        with tempfile.TemporaryDirectory() as scratch:
            detectors, inpainter = load_nets(Path(scratch), NETS)
            for name, one in settings["csst_psf"].items():
                for setting in one["values"]:
                    psf = make_psf(name, setting, config["csst"])
                    key = {"psf": name, "setting": setting} | describe_psf(psf)
                    found = measure(psf, config, settings["seed"], detectors, inpainter)
                    rows += [key | row for row in found]
                    write(rows)
                    print(f"{name} {setting:g}: measured", flush=True)
    except StudyError as error:
        sys.exit(str(error))


def write(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table."""
    table = Table(rows, meta={"date": today(), "commit": commit(ROOT)})
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


def measure(
    psf: galsim.GSObject,
    config: Mapping[str, Any],
    seed: int,
    detectors: Mapping[str, Detector],
    inpainter: Any,
) -> list[dict[str, Any]]:
    """Return a row for every method with its defaults, and tuned on the held-out fields."""
    n_fields = config["csst"]["n_fields"]

    def simulate(fields: Sequence[int]) -> Iterator[tuple[Table, ChipProducts]]:
        for field in fields:
            catalogue = simulate_field(seed, field, config["csst"])
            with tempfile.TemporaryDirectory() as scratch:
                chip = simulate_chip(Path(scratch), catalogue, seed, field, config, psf)
            yield catalogue, chip

    held_out = range(n_fields + 1, n_fields + 1 + HELD_OUT)
    defaults = dict.fromkeys(NETS, config["detector"]["threshold"])
    defaults[RIVAL] = METHODS[RIVAL].default_threshold
    validation = [try_all(chip, detectors, defaults) for _, chip in simulate(held_out)]
    tried = choose_variants(validation, defaults | dict.fromkeys(rivals(), np.nan))
    chosen = best(tried, defaults)
    fields = []
    for catalogue, chip in simulate(range(1, n_fields + 1)):
        masks = {}
        for name, net in detectors.items():
            score = net.probability(chip.original)
            for remedy, (_, threshold) in chosen[name].items():
                masks[name, remedy] = flag(score, threshold)
        for remedy, (trial, threshold) in chosen[RIVAL].items():
            masks[RIVAL, remedy] = flag(search(chip, combinations(lacosmic)[trial]), threshold)
        fields.append(repair(chip, catalogue, masks, inpainter, config))
    return [
        {"method": method, "threshold_kind": remedy, "threshold": threshold}
        | (
            combinations(lacosmic)[trial]
            if method == RIVAL
            else {"objlim": np.nan, "sigfrac": np.nan}
        )
        | summarise(fields, config, method, remedy)
        for method, variants in chosen.items()
        for remedy, (trial, threshold) in variants.items()
    ]


def rivals() -> list[str]:
    """Return a name for L.A.Cosmic with each combination of parameters."""
    return [f"{RIVAL} {trial}" for trial in range(len(combinations(lacosmic)))]


def try_all(
    chip: ChipProducts, detectors: Mapping[str, Detector], defaults: Mapping[str, float]
) -> Table:
    """Count the pixels of a held-out exposure by the score of every method and combination."""
    counted = chip.valid & ~((chip.truth.cr > 0) & ~chip.label)
    tables = []
    for name, net in detectors.items():
        edges = probability_edges([defaults[name]])
        tables.append(histogram(net.probability(chip.original), chip.label, counted, edges))
        tables[-1]["method"] = name
    for name, parameters in zip(rivals(), combinations(lacosmic), strict=True):
        score = search(chip, parameters, MIDDLE)
        areas = chip.label[MIDDLE], counted[MIDDLE]
        tables.append(histogram(score, *areas, lacosmic.THRESHOLDS))
        tables[-1]["method"] = name
    table = vstack(tables)
    table["exptime_s"], table["region"] = chip.exptime_s, FULL
    return table


def search(
    chip: ChipProducts,
    parameters: Mapping[str, float],
    where: tuple[slice, slice] = (slice(None),) * 2,
) -> NDArray[np.float32]:
    """Score a part of an exposure with L.A.Cosmic, which needs no PSF."""
    noise_e = chip.truth.read_noise_e
    view = View(chip.original[where], chip.valid[where], noise_e, np.ones((1, 1)))
    return lacosmic.score(view, **parameters)


def best(tried: Table, defaults: Mapping[str, float]) -> dict[str, dict[str, tuple[int, float]]]:
    """Return combination and threshold of each method's variants; of L.A.Cosmic, the best F1."""
    tuned = tried[tried["remedy"] == THRESHOLD]
    chosen = {}
    for method, usual in defaults.items():
        of_method = tuned[[str(name).split()[0] == method for name in tuned["method"]]]
        row = of_method[np.argmax(of_method["validation_f1"])]
        trial = int(row["method"].split()[1]) if method == RIVAL else 0
        chosen[method] = {UNCHANGED: (0, usual), THRESHOLD: (trial, float(row["threshold"]))}
    return chosen


if __name__ == "__main__":
    main()
