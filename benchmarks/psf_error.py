"""How wrong the fitted PSF may be for mask refinement to pay: see docs/refinement.md.

Draws the stars of a few exposures with PSFs that differ more and more from the table that is fitted
to them, refines deepCR's masks with the parameters of resources/remedy.ecsv, and compares recall,
precision and wrong fluxes with those of the unrefined masks. Only the PSF changes: sources, cosmic
rays and defects stay.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack
from matplotlib import style
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bench_chip import NET, ROOT, SDIST
from bench_record import today
from crstudy.config.study import Study
from crstudy.core.atomic import write_table
from crstudy.csst.star_fluxes import find_true_stars
from crstudy.data.chips import ChipProducts, ComparisonData, read_truth
from crstudy.data.exposure import read_exposure, read_noise
from crstudy.data.good_pixels import good_pixels
from crstudy.data.view import View
from crstudy.deepcr.detector import load_detector, load_inpainter
from crstudy.deepcr.openvino_backend import convert_net
from crstudy.deepcr.weights import fetch_weights
from crstudy.figures.psf_error import draw
from crstudy.figures.style import THEME
from crstudy.instrument.acs import cut_corner
from crstudy.instrument.drawn_psf import (
    BLUR_WIDTH,
    HALF_STAMP_PX,
    WAVES_PER_UM,
    DrawnPsf,
    Optics,
    nearest_pixel,
)
from crstudy.instrument.epsf import PsfGrid, central_psf, load_psf
from crstudy.instrument.psf_wings import PIXEL_ARCSEC
from crstudy.instrument.wcs import read_wcs
from crstudy.metrics.bootstrap import fraction_changes
from crstudy.photometry.method_fluxes import count_fluxes
from crstudy.pipeline.provenance import commit
from crstudy.refinement.psf_error import FRACTIONS
from crstudy.refinement.psf_fitting import FIT_PX, SampledPsf, sample_psf
from crstudy.refinement.refine import refine
from crstudy.refinement.settings import NONE, RESIDUALS, Setting, chosen_settings
from crstudy.refinement.star_model import fit_stars
from crstudy.simulation.acs import simulate_catalogue, simulate_exposure

TABLE = ROOT / "resources" / "psf_error.ecsv"
FIGURE = ROOT / "docs" / "psf_error.png"
CHOSEN = ROOT / "resources" / "remedy.ecsv"
PSF = ROOT / "resources" / "psf" / "acswfc_f606w_gaussians.ecsv"
#: The empirical grid of STScI to which the table was fitted; without it, its case is left out.
STDPSF = ROOT.parent / "shared" / "psf" / "PSFSTD_ACSWFC_F606W.fits"
INPAINT = "inpaint-2-32"
#: Another seed than those of the study and of config/remedy.yaml.
SEED = 11
#: Groups with stars, two of three clusters; so many of them are measured.
N_MEASURED = 5
SECTION = {
    "n_groups": 12,
    "field_classes": ["globular_cluster", "globular_cluster", "resolved_galaxy"],
    "chip_height_px": 512,
    "chip_width_px": 512,
    "exptime_max_s": 1200.0,
}
STUDY = Study.model_validate({"seed": SEED, "simulation": SECTION})
RESAMPLING = {"samples": 2000, "confidence": 0.95, "seed": SEED}
#: Fraction of the light in the wider PSF, `Optics.blur`: breathing and focus of the study have a
#: standard deviation of 0.02; negative is in better focus than the table.
BLURS = (-0.05, 0.05, 0.1, 0.2)
#: Jitter along one axis, which the fitted width does not follow, mas.
JITTERS_MAS = (8.0, 12.0, 16.0, 24.0)
#: Where the fitted PSF is taken instead of at the stars, detector px.
CORNERS_PX = ((0.0, 0.0), (4096.0, 4096.0))
#: Parameters that were chosen when the stars were drawn with the very table that is fitted.
SAME_PSF, TUNED_ON_SAME_PSF = f"{RESIDUALS}, 8 sigma", Setting(0.01, np.nan, 8.0, 3.0)


class Case(NamedTuple):
    """A PSF error: words, PSFs drawn and fitted, and the state of the telescope unless drawn."""

    kind: str
    amount: str
    drawn: Path
    fitted: PsfGrid
    optics: Optics | None = Optics()


def main() -> None:
    """Measure, unless told only to draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use")
    parser.add_argument("--draw", action="store_true", help="only draw the table that is there")
    arguments = parser.parse_args()
    if not arguments.draw:
        write_table(measure_all(arguments.cores), TABLE)
    report = ROOT / "workflow" / "report"
    with style.context(
        [THEME, report / "crstudy.mplstyle", report / "styles" / "psf_error.mplstyle"]
    ):
        draw(Table.read(TABLE)).savefig(FIGURE, dpi=150)
    print(f"{TABLE.relative_to(ROOT)} and {FIGURE.relative_to(ROOT)} written")


def measure_all(cores: int) -> Table:
    """Return a row per case and mask: scores and wrong fluxes, and their changes."""
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(cores) as pool:
        folder = Path(scratch)
        for name in (NET, INPAINT):
            fetch_weights(name, folder / f"{name}.pth", SDIST)
            convert_net(name, folder / f"{name}.pth", folder / name)
        cases = list(make_cases(folder))
        numbers = range(1, N_MEASURED + 1)
        groups = list(pool.map(partial(measure_group, folder, cases), numbers))
    table = fraction_changes(groups, NONE, ("kind", "amount"), FRACTIONS, RESAMPLING)
    errors = vstack(groups)
    for name in ("psf_error", "width"):
        table[name] = [
            np.mean(errors[name][(errors["kind"] == kind) & (errors["amount"] == amount)])
            for kind, amount in table.iterrows("kind", "amount")
        ]
    table["psf_error"].description = (
        "largest residual of a noiseless star after the fit, in units of its brightest pixel; "
        "median over stars, mean over groups"
    )
    table.meta |= {"date": today(), "commit": commit(ROOT), "seed": SEED, "simulation": SECTION}
    table.meta["settings"] = {name: one._asdict() for name, one in settings().items()}
    return table


def make_cases(folder: Path) -> Iterator[Case]:
    """Yield the PSF errors, from none; `folder` takes a table of one PSF."""
    grid, table = load_psf(PSF), Table.read(PSF)
    here = np.argmin(np.hypot(grid.x - 2048, grid.y - 1024))
    one = table[(table["x"] == grid.x[here]) & (table["y"] == grid.y[here])]
    spread = np.asarray(one.meta["diffusion"]["variance_px2"])
    one.meta["diffusion"] = one.meta["diffusion"] | {"variance_px2": np.zeros_like(spread).tolist()}
    one.write(folder / "one.ecsv")
    yield Case("one PSF", "for all stars", folder / "one.ecsv", load_psf(folder / "one.ecsv"))
    yield Case("same table", "", PSF, grid)
    yield Case("as in the study", "", PSF, grid, None)
    for blur in BLURS:
        yield Case("focus", describe_focus(blur), PSF, grid, Optics(blur=blur))
    for jitter in JITTERS_MAS:
        variance = (jitter / 1000 / PIXEL_ARCSEC) ** 2
        yield Case("jitter", f"{jitter:g} mas", PSF, grid, Optics(jitter_xx=variance))
    for x, y in CORNERS_PX:
        far = int(np.argmin(np.hypot(grid.x - x, grid.y - y)))
        elsewhere = PsfGrid(grid.x[[far]], grid.y[[far]], (grid.profiles[far],))
        yield Case("place", f"of ({grid.x[far]:.0f}, {grid.y[far]:.0f})", PSF, elsewhere)
    if STDPSF.is_file():
        yield Case("empirical PSF", "", STDPSF, grid)


def describe_focus(blur: float) -> str:
    """Say which defocus, um, blurs so much, by the loss of its Strehl ratio."""
    if blur < 0:
        return "sharper"
    loss = blur * (1 - BLUR_WIDTH**-2)
    return f"{np.sqrt(-np.log(1 - loss)) / (2 * np.pi * WAVES_PER_UM):.1f} um"


def settings() -> dict[str, Setting]:
    """Return the refinements that are compared with the unrefined mask."""
    chosen = chosen_settings(Table.read(CHOSEN))
    return {name: chosen[name] for name in (NONE, RESIDUALS)} | {SAME_PSF: TUNED_ON_SAME_PSF}


def measure_group(folder: Path, cases: list[Case], group: int) -> Table:
    """Return the counts of a group with every PSF error, a row per case and mask."""
    section = STUDY.model_dump(mode="json")["simulation"]
    section["cosmic_rays"]["library"] = str(ROOT / section["cosmic_rays"]["library"])
    templates = ROOT / "resources" / "acs"
    nets = (
        load_detector(NET, folder / f"{NET}.pth", folder / NET),
        load_inpainter(folder / f"{INPAINT}.pth", folder / INPAINT),
    )
    catalogue = simulate_catalogue(SEED, group, section | {"psf": str(PSF)}, templates)
    parts = []
    for case in cases:
        paths = [folder / f"jsim{group:03d}01_{kind}.fits" for kind in ("flc", "truth")]
        simulate_exposure(
            catalogue,
            *paths,
            seed=SEED,
            group=group,
            number=1,
            settings=section | {"psf": str(case.drawn)},
            templates=templates,
            optics=case.optics,
        )
        table = measure(*paths, case, catalogue, nets)
        table["kind"], table["amount"] = case.kind, case.amount
        parts.append(table)
    return vstack(parts)


def measure(flc: Path, truth: Path, case: Case, catalogue: Table, nets: tuple) -> Table:
    """Return the counts of an exposure, a row per mask."""
    detector, inpainter = nets
    exposure = read_exposure(flc)
    chip, known = exposure.chips[0], read_truth(truth)[1]
    good = good_pixels(chip.sci, chip.dq, **STUDY.mask.model_dump())
    box_px, sigma = STUDY.metrics.background_box_px, STUDY.metrics.truth_sigma
    threshold, nothing = STUDY.detector.threshold, np.zeros(good.shape, bool)
    clean = chip.sci - known.cr
    hit, rims = known.cosmic_rays(sigma), known.rims(sigma)
    data = ComparisonData(hit, hit, good, clean, clean, known.strata, rims)
    lowest = min(STUDY.metrics.region_rms)
    area = data.star_regions([lowest], box_px)["truth"][lowest] & data.counted
    probability = detector.probability(chip.sci)
    view = View(chip.sci, good, read_noise(exposure.header), central_psf(PSF))
    psf = sample_psf(case.fitted, good.shape, chip.extver)
    kinds = settings()
    errors = {one.model_error for one in kinds.values() if np.isfinite(one.model_error)}
    models = {e: fit_stars(view, probability > threshold, psf, e, box_px) for e in errors}
    products = ChipProducts(
        exposure.name,
        chip.extver,
        chip.header,
        float(exposure.header["EXPTIME"]),
        read_wcs(flc)[chip.extver],
        chip.sci,
        clean,
        chip.dq,
        nothing,
        good,
        truth=known,
    )
    some = {"background_box_px": box_px} | STUDY.photometry.model_dump()
    stars = find_true_stars(products, catalogue, some)
    rows, images = [], {}
    for name, setting in kinds.items():
        model = models.get(setting.model_error) or next(iter(models.values()))
        kind = RESIDUALS if name == SAME_PSF else name
        mask = refine(kind, setting, probability, threshold, model)
        counts = {"tp": mask & hit & area, "flagged": mask & area, "positives": hit & area}
        rows.append({key: int(px.sum()) for key, px in counts.items()})
        images[name, ""] = inpainter.inpaint(chip.sci, mask)
    table = count_fluxes(products, stars, images, some)
    for key in rows[0]:
        table[key] = [row[key] for row in rows]
    table["width"] = models[kinds[RESIDUALS].model_error].width
    table["psf_error"] = error_of(case, psf, table["width"][0], fits.getheader(truth), good.shape)
    return table


def error_of(
    case: Case, psf: SampledPsf, width: float, header: Mapping[str, Any], shape: tuple[int, int]
) -> float:
    """Return the PSF error of an exposure: what the fitted PSF leaves of noiseless stars.

    The median, over stars all over the chip, of the largest residual, in absolute value and in
    units of the star's brightest pixel, after a fit of flux and centre within `FIT_PX`.
    """
    row, column = cut_corner(shape)
    drawn = DrawnPsf(load_psf(case.drawn), Optics.from_cards(header), wings=True)
    fitted, steps = replace(psf, width=width), np.linspace(0.1, 0.9, 5)
    # At many places within a pixel.
    places = [
        (fx * shape[1] + 0.37 * i, fy * shape[0] + 0.61 * j)
        for i, fx in enumerate(steps)
        for j, fy in enumerate(steps)
    ]
    return float(np.median([star_residual(drawn, fitted, (column, row), *p) for p in places]))


def star_residual(
    drawn: DrawnPsf, fitted: SampledPsf, corner: tuple[int, int], x: float, y: float
) -> float:
    """Return the largest residual of a noiseless star at a place of the chip, px."""
    inner = slice(HALF_STAMP_PX - FIT_PX, HALF_STAMP_PX + FIT_PX + 1)
    star = drawn.star(x + corner[0], y + corner[1])[inner, inner].astype(float)
    star /= star.max()
    dy, dx = np.mgrid[-FIT_PX : FIT_PX + 1, -FIT_PX : FIT_PX + 1].astype(float)
    dx, dy = dx - (x - nearest_pixel(x)), dy - (y - nearest_pixel(y))
    number = np.full(dx.shape, fitted.nearest(np.array([x]), np.array([y]))[0])

    def rest(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        flux, x_off, y_off = parameters
        return (star - flux * fitted.value(number, dx - x_off, dy - y_off)).ravel()

    first = 1 / fitted.value(number, dx, dy).max()
    best = least_squares(rest, [first, 0.0, 0.0], x_scale=[first, 0.1, 0.1])
    return float(np.abs(best.fun).max())


if __name__ == "__main__":
    main()
