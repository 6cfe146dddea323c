"""Render galaxies, and stars too faint to be resolved, on a chip.

They are placed on a grid finer than the pixels and convolved with the PSF together, so that
hundreds of thousands of stars and galaxies of any size cost little more than a few Fourier
transforms.
"""

from collections.abc import Callable, Iterator

import numpy as np
import scipy.fft
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Row, Table
from astropy.wcs import WCS
from numpy.polynomial import polynomial
from numpy.typing import NDArray
from scipy.special import gamma, gammaincinv

from crstudy.instrument.drawn_psf import HALF_STAMP_PX
from crstudy.simulation.skies.scene import faint_stars

#: Cells per pixel and axis: stars are moved by a sixth of a pixel at most.
CELLS = 3
#: Side of the blocks in which a chip is rendered, each with the PSF of its middle, px.
BLOCK_PX = 1024
#: Light of a galaxy that may be left out at its edge.
BEYOND_EDGE = 0.01
#: Around its centre a galaxy is integrated over samples of cells, within this radius, px.
CUSP_PX, CUSP_SAMPLES = 6, 5
#: From here on distortion, whose polynomials hold on the detector, is that of this distance, px.
FAR_PX = 4096.0
#: Degree of the polynomials that place stars, and points per axis to which they are fitted.
DEGREE, POINTS = 5, 12

#: PSF at a detector position: its stamp, (2 HALF_STAMP_PX + 1)^2, around the nearest pixel.
Stamp = Callable[[float, float], NDArray[np.float64]]


def draw_extended(
    galaxies: Table,
    wcs: WCS,
    shape: tuple[int, int],
    stamp: Stamp,
    corner: tuple[float, float],
) -> NDArray[np.float64]:
    """Render galaxies and faint stars.

    Parameters
    ----------
    galaxies : Table
        Galaxies of `crstudy.simulation.skies.scene.draw_scene`, with its meta.
    wcs : WCS
        World coordinates of the chip, with distortion.
    shape : (int, int)
        Rows and columns of the chip.
    stamp : callable
        From detector x and y, px, to the image of a star there, around the nearest pixel.
    corner : (float, float)
        Detector x and y of the chip's first pixel, px.

    Returns
    -------
    ndarray, shape (ny, nx)
        Count rate, e-/s/px.
    """
    galaxy_x, galaxy_y = _places(galaxies, wcs)
    angle = _angles(wcs, np.asarray(galaxies["pa"]))
    pixel_arcsec = 3600 * np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix)))
    half_light = np.asarray(galaxies["half_light"]) / pixel_arcsec
    reach = _reach(galaxies, half_light)
    star_x, star_y, star_flux = _place_stars(galaxies, wcs)
    image = np.zeros(shape)
    for left, bottom, width, height in _blocks(shape):
        grid = np.zeros((height * CELLS, width * CELLS), np.float32)
        x, y = galaxy_x - left, galaxy_y - bottom
        near = (x > -reach) & (x < width + reach) & (y > -reach) & (y < height + reach)
        for i in near.nonzero()[0]:
            _add_galaxy(grid, galaxies[i], x[i], y[i], half_light[i], angle[i], reach[i])
        _add_stars(grid, star_x - left, star_y - bottom, star_flux)
        middle = corner[0] + left + width // 2, corner[1] + bottom + height // 2
        convolved = _convolve(grid, stamp, middle)
        _add(image, convolved, bottom - HALF_STAMP_PX, left - HALF_STAMP_PX)
    return image


def _blocks(shape: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Divide a chip and what is around it into blocks: first column and row, width and height."""
    (rows, heights), (columns, widths) = (_parts(length) for length in shape)
    for bottom, height in zip(rows, heights, strict=True):
        for left, width in zip(columns, widths, strict=True):
            yield int(left), int(bottom), int(width), int(height)


def _parts(length: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Divide an axis; light from beyond the ends reaches the chip."""
    count = max(round(length / BLOCK_PX), 1)
    ends = np.linspace(-HALF_STAMP_PX, length + HALF_STAMP_PX, count + 1).astype(int)
    return ends[:-1], np.diff(ends)


def _places(galaxies: Table, wcs: WCS) -> NDArray[np.float64]:
    """Return x and y of the galaxies' centres, px; a large one's may lie far off the detector."""
    linear = wcs.wcs_world2pix(np.column_stack([galaxies["ra"], galaxies["dec"]]), 0)
    offset = linear - (wcs.wcs.crpix - 1)
    distance = np.hypot(*offset.T)[:, np.newaxis]
    nearer = linear - offset * (1 - np.minimum(1, FAR_PX / np.maximum(distance, 1)))
    distorted = wcs.all_world2pix(wcs.wcs_pix2world(nearer, 0), 0)
    return (linear + distorted - nearer).T


def _angles(wcs: WCS, pa_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn position angles, from north to east, to angles from the rows, rad."""
    to_pixels = np.linalg.inv(wcs.pixel_scale_matrix)
    pa = np.radians(pa_deg)
    x, y = to_pixels @ np.vstack([np.sin(pa), np.cos(pa)])
    return np.arctan2(y, x)


def _place_stars(
    catalogue: Table, wcs: WCS
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw the faint stars and find their pixels (from 0) by polynomials in the offsets."""
    dx, dy, flux = faint_stars(catalogue)
    if len(flux) == 0:
        return dx, dy, flux
    meta = catalogue.meta
    half_size = meta["half_size_arcsec"]
    axis = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    u_grid, v_grid = (a.ravel() for a in np.meshgrid(axis, axis))
    centre = SkyCoord(meta["centre_ra"], meta["centre_dec"], unit="deg")
    sky = centre.spherical_offsets_by(u_grid * half_size * u.arcsec, v_grid * half_size * u.arcsec)
    pixels = np.column_stack(wcs.all_world2pix(sky.ra.deg, sky.dec.deg, 0))
    terms = polynomial.polyvander2d(u_grid, v_grid, (DEGREE, DEGREE))
    fitted = np.linalg.lstsq(terms, pixels, rcond=None)[0].reshape(DEGREE + 1, DEGREE + 1, 2)
    x, y = (
        polynomial.polyval2d(dx / half_size, dy / half_size, fitted[..., axis]) for axis in (0, 1)
    )
    return x, y, flux


def _add_stars(
    grid: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
) -> None:
    """Add stars to the cells they lie in."""
    row, column = (np.floor((place + 0.5) * CELLS).astype(int) for place in (y, x))
    inside = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
    cell = row[inside] * grid.shape[1] + column[inside]
    np.add.at(grid.reshape(-1), cell, flux[inside].astype(np.float32))


def _reach(galaxies: Table, half_light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far from their centres galaxies are drawn, px."""
    n = np.asarray(galaxies["sersic_n"])
    edge = (gammaincinv(2 * n, 1 - BEYOND_EDGE) / gammaincinv(2 * n, 0.5)) ** n
    return half_light * edge / np.sqrt(galaxies["axis_ratio"]) + 1


def _add_galaxy(
    grid: NDArray[np.float32],
    galaxy: Row,
    x: float,
    y: float,
    half_light: float,
    angle: float,
    reach: float,
) -> None:
    """Add a galaxy: by the values at pixel centres, and around its centre by those of samples."""
    n, ratio = galaxy["sersic_n"], galaxy["axis_ratio"]
    height, width = (side // CELLS for side in grid.shape)
    b = gammaincinv(2 * n, 0.5)
    window = _window(x, y, reach, width, height)
    if window is None:
        return
    brightness = galaxy["flux"] * b ** (2 * n) / (2 * np.pi * n * half_light**2 * gamma(2 * n))

    def profile(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the surface brightness at offsets from the centre, per pixel."""
        cos, sin = np.cos(angle), np.sin(angle)
        along = columns[None, :] * cos + rows[:, None] * sin
        across = rows[:, None] * cos - columns[None, :] * sin
        squared = along**2 * ratio + across**2 / ratio
        return brightness * np.exp(-b * (squared / half_light**2) ** (0.5 / n))

    bottom, top, left, right = window
    outer = profile(np.arange(bottom, top) - y, np.arange(left, right) - x)
    cusp = _window(x, y, CUSP_PX, width, height)
    if cusp is not None:
        first_row, last_row, first, last = cusp
        outer[
            max(first_row - bottom, 0) : max(last_row - bottom, 0),
            max(first - left, 0) : max(last - left, 0),
        ] = 0
        fine = CELLS * CUSP_SAMPLES
        rows, columns = (
            (np.arange(begin * fine, end * fine) + 0.5) / fine - 0.5 - centre
            for begin, end, centre in ((first_row, last_row, y), (first, last, x))
        )
        samples = profile(rows, columns)
        cells = samples.reshape(len(rows) // CUSP_SAMPLES, CUSP_SAMPLES, -1, CUSP_SAMPLES)
        grid[first_row * CELLS : last_row * CELLS, first * CELLS : last * CELLS] += (
            cells.mean(axis=(1, 3)) / CELLS**2
        )
    by_pixel = grid.reshape(height, CELLS, width, CELLS)[bottom:top, :, left:right]
    by_pixel += (outer / CELLS**2).astype(np.float32)[:, None, :, None]


def _window(
    x: float, y: float, reach: float, width: int, height: int
) -> tuple[int, int, int, int] | None:
    """Return the rows and columns (first, last + 1) near a place, or None."""
    bottom, left = max(int(y - reach), 0), max(int(x - reach), 0)
    top, right = min(int(y + reach) + 2, height), min(int(x + reach) + 2, width)
    return (bottom, top, left, right) if bottom < top and left < right else None


def _convolve(
    grid: NDArray[np.float32], stamp: Stamp, middle: tuple[float, float]
) -> NDArray[np.float32]:
    """Convolve with the PSF; the result has pixels and is wider by the stamp."""
    side = 2 * HALF_STAMP_PX + 1
    full = [length // CELLS + side - 1 for length in grid.shape]
    fast = [scipy.fft.next_fast_len(length, real=True) for length in full]
    offsets = (np.arange(CELLS) - (CELLS - 1) / 2) / CELLS
    total: NDArray[np.complex64] | None = None
    for i, dy in enumerate(offsets):
        for j, dx in enumerate(offsets):
            kernel = stamp(round(middle[0]) + dx, round(middle[1]) + dy)
            # All light of these sources stays within the stamp.
            kernel = (kernel / kernel.sum()).astype(np.float32)
            part = scipy.fft.rfft2(grid[i::CELLS, j::CELLS], fast)
            part *= scipy.fft.rfft2(kernel, fast)
            total = part if total is None else total + part
    return scipy.fft.irfft2(total, fast)[: full[0], : full[1]]


def _add(image: NDArray[np.float64], part: NDArray[np.float32], bottom: int, left: int) -> None:
    """Add the part that lies on an image."""
    rows = slice(max(bottom, 0), min(bottom + part.shape[0], image.shape[0]))
    columns = slice(max(left, 0), min(left + part.shape[1], image.shape[1]))
    image[rows, columns] += part[
        rows.start - bottom : rows.stop - bottom, columns.start - left : columns.stop - left
    ]
