"""Small ACS/WFC exposures of one field, with known cosmic rays, for tests."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.instrument.acs import chip_headers, dithered
from crstudy.simulation.acs import write_flc

TEMPLATES = Path(__file__).resolve().parents[2] / "resources" / "acs"
POINTING = SkyCoord(150.0, 2.0, unit="deg")
SKY_E, READ_NOISE_E, EXPTIME_S = 40.0, 4.2, 500.0
#: Detector offsets of the exposures, px.
DITHERS_PX = ((0.0, 0.0), (2.3, 1.6), (-1.4, 3.2), (3.5, -2.5))


@dataclass(frozen=True)
class SyntheticExposure:
    """A file and, per chip, the true charge of its cosmic rays, e-."""

    path: Path
    cosmic_rays: tuple[NDArray[np.float32], ...]


def write_group(
    folder: Path,
    *,
    n_chips: int = 1,
    shape: tuple[int, int] = (128, 128),
    n_exposures: int = 3,
    star_e: float = 20000.0,
    seed: int = 1,
) -> list[SyntheticExposure]:
    """Write dithered exposures of one star near the middle of each chip, with 2 % of CR pixels."""
    rng = np.random.default_rng(seed)
    base = chip_headers(TEMPLATES, POINTING, n_chips, shape)
    stars = [WCS(header).pixel_to_world(0.45 * shape[1], 0.55 * shape[0]) for header in base]
    exposures = []
    for number, (dx, dy) in enumerate(DITHERS_PX[:n_exposures]):
        headers = chip_headers(TEMPLATES, dithered(POINTING, base[0], dx, dy), n_chips, shape)
        rays = tuple(_cosmic_rays(rng, shape) for _ in headers)
        sci = []
        for header, star, ray in zip(headers, stars, rays, strict=True):
            light = SKY_E + star_e * _star(shape, *WCS(header).world_to_pixel(star))
            noise = rng.normal(0, READ_NOISE_E, shape)
            sci.append((rng.poisson(light) + noise + ray).astype(np.float32))
        path = folder / f"syn0000{number}q_flc.fits"
        write_flc(
            path,
            TEMPLATES,
            headers,
            sci,
            [np.sqrt(np.abs(image) + READ_NOISE_E**2).astype(np.float32) for image in sci],
            [np.zeros(shape, np.int16) for _ in sci],
            observed=date(2015, 1, 1),
            start_s=600.0 * number,
            exptime_s=EXPTIME_S,
            read_noise_e=READ_NOISE_E,
            dark_e_per_s=0.002,
            target="SYNTHETIC",
        )
        exposures.append(SyntheticExposure(path, rays))
    return exposures


def _star(shape: tuple[int, int], x: float, y: float) -> NDArray[np.float64]:
    """Return a Gaussian of unit flux and FWHM 2.4 px."""
    rows, columns = np.indices(shape)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2) / (2 * np.pi)


def _cosmic_rays(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return short tracks of 200 to 3000 e-/px that cover 2 % of the pixels."""
    charge = np.zeros(shape, np.float32)
    for _ in range(round(0.02 * charge.size / 4)):
        row, column = rng.integers(0, np.array(shape) - 4)
        charge[row, column : column + 4] = rng.uniform(200, 3000, 4)
    return charge
