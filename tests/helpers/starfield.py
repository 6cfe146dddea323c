"""Chips of one distorted field with known stars, for tests of photometry."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from crstudy.data.chips import ChipProducts
from crstudy.instrument.acs import chip_headers, dithered
from crstudy.photometry.forced import COLUMNS
from synthetic_exposures import EXPTIME_S, POINTING, TEMPLATES

SHAPE = (256, 256)
SKY_E, NOISE_E = 50.0, 5.0
#: Far from the reference pixel a step on the sky is not the step in pixels that CD says.
CORNER_PX = (1800, 800)
PHOTOMETRY = {
    "threshold": 0.5,
    "background_box_px": 64,
    "edge_fraction": 0.0625,
    "max_excluded": 0.1,
}
DENSITY = PHOTOMETRY | {
    "cr_fractions": [0.04, 0.09, 0.145],
    "area_edges_px": [16, 50, 200, 400],
    "flux_sigma": 3.0,
    "good_dq_bits": [4096, 8192],
    "saturation_e": 70000.0,
    "saturation_box_px": 7,
}


def make_chip(
    stars: Sequence[tuple[float, ...]] = (),
    exposure: str = "exp1",
    *,
    dither: tuple[float, float] = (0.0, 0.0),
    shape: tuple[int, int] = SHAPE,
    seed: int = 1,
    **changes: object,
) -> ChipProducts:
    """Return a chip without cosmic rays.

    A star is its column, row and flux in the exposure without dither, and may have a sigma (px)
    and an axis ratio. `changes` replace attributes of the chip.
    """
    still = WCS(_header((0.0, 0.0), shape))
    header = _header(dither, shape)
    wcs = WCS(header)
    image = SKY_E + np.random.default_rng(seed).normal(0, NOISE_E, shape)
    for x, y, *star in stars:
        image += gaussian(shape, *wcs.world_to_pixel(still.pixel_to_world(x, y)), *star)
    image = image.astype(np.float32)
    nothing = np.zeros(shape, bool)
    chip = ChipProducts(
        exposure,
        1,
        header,
        EXPTIME_S,
        wcs,
        image,
        image.copy(),
        np.zeros(shape, np.int32),
        nothing,
        ~nothing,
        np.zeros(shape, np.float32),
        image.copy(),
    )
    return replace(chip, **changes)


def _header(dither, shape):
    base = chip_headers(TEMPLATES, POINTING, 1, shape)[0]
    header = chip_headers(TEMPLATES, dithered(POINTING, base, *dither), 1, shape)[0]
    header["CRPIX1"] += CORNER_PX[0]
    header["CRPIX2"] += CORNER_PX[1]
    return header


def gaussian(shape, x, y, flux, sigma=1.5, ratio=1.0):
    """Return a Gaussian of some flux, `ratio` times as wide in columns as in rows."""
    rows, columns = np.indices(shape)
    squares = ((columns - x) / (ratio * sigma)) ** 2 + ((rows - y) / sigma) ** 2
    return flux * np.exp(-squares / 2) / (2 * np.pi * ratio * sigma**2)


def sky_of(x: float, y: float, shape: tuple[int, int] = SHAPE) -> SkyCoord:
    """Return the sky position of a pixel of the exposure without dither."""
    return WCS(_header((0.0, 0.0), shape)).pixel_to_world(x, y)


def star_table(*stars: tuple[float, float, float], area: float = 30.0) -> Table:
    """Return a group's stars: column and row in the exposure without dither, and radius."""
    rows = [
        (i, sky_of(x, y).ra.deg, sky_of(x, y).dec.deg, area, radius)
        for i, (x, y, radius) in enumerate(stars, start=1)
    ]
    names, dtypes = ("star", "ra", "dec", "area", "radius"), (int, float, float, float, float)
    return Table(rows=rows or None, names=names, dtype=dtypes)


def photometry(
    groups: Sequence[str] = ("g1", "g2"), stars: int = 3, exposures: int = 4, **columns: object
) -> Table:
    """Return clean stars of 1000 +- 10 e-; `columns` replace values."""
    rows = [(g, f"{g}e{e}", s) for g in groups for s in range(stars) for e in range(exposures)]
    text, n = {"group": "U4", "exposure": "U8", "used": bool}, len(rows)
    table = Table({name: np.zeros(n, text.get(name, float)) for name in COLUMNS})
    for name, values in zip(("group", "exposure", "star"), zip(*rows, strict=True), strict=False):
        table[name] = values
    for name in COLUMNS:
        if name.startswith("flux"):
            table[name] = 1000.0
    table["sigma"], table["area"], table["mag"], table["used"] = 10.0, 30.0, 21.5, True
    for name, values in columns.items():
        table[name] = values
    return table


def sky_stars_rays(ny: int, nx: int, seed: int = 1) -> np.ndarray:
    """Sky of 40 e- with noise, Gaussian stars and straight cosmic-ray tracks."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:ny, :nx]
    image = np.full((ny, nx), 40.0)
    for flux_e in (2e3, 1e4, 5e4, 2e5):
        y0, x0 = rng.uniform((0, 0), (ny, nx))
        image += flux_e / (2 * np.pi) * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / 2)
    image = rng.poisson(image) + rng.normal(0, 4.2, image.shape)
    for _ in range(max(4, ny * nx // 600)):
        y0, x0, angle = rng.uniform((0, 0, 0), (ny, nx, np.pi))
        steps = np.arange(rng.integers(1, 12))
        track_y = (y0 + steps * np.sin(angle)).astype(int).clip(0, ny - 1)
        track_x = (x0 + steps * np.cos(angle)).astype(int).clip(0, nx - 1)
        image[track_y, track_x] += rng.uniform(100, 3000)
    return image.astype(np.float32)
