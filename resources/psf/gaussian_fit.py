"""Fit a sum of elliptical Gaussians to an oversampled effective PSF.

A component is (flux, dx, dy, sigma_major, sigma_minor, angle) in px and degrees; inside the fit
its parameters are (flux, dx, dy, ln sigma_1, ln sigma_2, angle in radians).
"""

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import OptimizeResult, least_squares

from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import (
    COLUMNS,
    DIFFUSION_KEYS,
    FLUX_RADIUS_PX,
    Diffusion,
    gaussian_grid,
    offsets,
    read_stdpsf,
)

Array = NDArray[np.float64]

#: Least number of Gaussians with which no detector sees a difference from the grid.
N_GAUSSIANS = 9
#: Columns and rows of the grid that are fitted: the middles of the quarters of each axis.
FITTED_COLUMNS = (1, 3, 5, 7)
FITTED_ROWS = (1, 3, 6, 8)

#: The misfit weighs (1 + P / (knee x peak))^-1/2: between absolute and Poisson errors.
WEIGHT_KNEE = 0.3
#: Weight of the error in total flux, per unit flux; keeps the faint wings' light.
FLUX_WEIGHT = 3.0
#: Bounds of a component: flux, dx, dy, ln sigma_1, ln sigma_2, angle. A wider Gaussian would
#: leave the fitted radius of 12 px.
LOWER = (0.0, -6.0, -6.0, np.log(0.3), np.log(0.3), -np.inf)
UPPER = (2.0, 6.0, 6.0, np.log(4.0), np.log(4.0), np.inf)
#: First three components, round and nested; the others start where the misfit is largest.
START = (
    (0.60, 0.00, 0.00, np.log(0.66), np.log(0.55), 0.0),
    (0.27, -0.11, 0.10, np.log(1.60), np.log(1.32), 2.4),
    (0.12, 0.03, -0.35, np.log(3.85), np.log(3.18), 4.8),
)


def fit_gaussians(dx: Array, dy: Array, psf: Array, n_gaussians: int) -> Array:
    """Fit a sum of Gaussians, adding one at a time where the misfit is largest.

    Parameters
    ----------
    dx, dy : ndarray, shape (n,)
        Distances of the samples from the star, native px, on a regular grid of 1/4 px.
    psf : ndarray, shape (n,)
        Light per native pixel, total 1.
    n_gaussians : int
        Number of Gaussians, at least 3.

    Returns
    -------
    ndarray, shape (n_gaussians, 6)
        Flux (positive, total 1), dx, dy, sigma major and minor (px), angle (deg, 0..180), by
        decreasing flux.
    """
    parameters = _least_squares(dx, dy, psf, np.array(START), 60).x
    while parameters.size < 6 * n_gaussians:
        added = _component_at_misfit(dx, dy, psf, parameters)
        parameters = _least_squares(dx, dy, psf, np.append(parameters, added), 60).x
    return _canonical(_least_squares(dx, dy, psf, parameters, 300).x)


def gaussian_sum(components: Array, dx: Array, dy: Array) -> Array:
    """Evaluate a sum of Gaussians.

    Parameters
    ----------
    components : ndarray, shape (n, 6)
        Of `fit_gaussians`.
    dx, dy : ndarray, shape (m,)
        Distances from the star, px.

    Returns
    -------
    ndarray, shape (m,)
        Light per native pixel.
    """
    flux, x, y, major, minor, angle = components.T
    parameters = np.stack((flux, x, y, np.log(major), np.log(minor), np.radians(angle)), axis=1)
    return _model(parameters.ravel(), dx, dy)[0]


def _model(parameters: Array, dx: Array, dy: Array) -> tuple[Array, Array]:
    """Return the sum of Gaussians (m,) and its derivatives (m, number of parameters)."""
    flux, x0, y0, ln1, ln2, angle = parameters.reshape(-1, 6).T[:, :, None]
    cosine, sine = np.cos(angle), np.sin(angle)
    inverse1, inverse2 = np.exp(-ln1), np.exp(-ln2)
    a = (cosine * (dx - x0) + sine * (dy - y0)) * inverse1
    b = (cosine * (dy - y0) - sine * (dx - x0)) * inverse2
    unit = inverse1 * inverse2 / (2 * np.pi) * np.exp(-0.5 * (a**2 + b**2))
    light = flux * unit
    derivatives = (
        unit,
        light * (a * cosine * inverse1 - b * sine * inverse2),
        light * (a * sine * inverse1 + b * cosine * inverse2),
        light * (a**2 - 1),
        light * (b**2 - 1),
        light * a * b * (inverse2 / inverse1 - inverse1 / inverse2),
    )
    return light.sum(axis=0), np.stack(derivatives, axis=1).reshape(parameters.size, -1).T


def _weight(psf: Array) -> Array:
    """Weight of each sample's misfit."""
    return (1 + psf / (WEIGHT_KNEE * psf.max())) ** -0.5


def _least_squares(
    dx: Array, dy: Array, psf: Array, start: Array, evaluations: int
) -> OptimizeResult:
    """Refine the parameters within their bounds."""
    n = start.size // 6
    lower, upper = np.tile(LOWER, n), np.tile(UPPER, n)
    weight = _weight(psf)

    def misfit(parameters: Array) -> Array:
        error = _model(parameters, dx, dy)[0] - psf
        return np.append(error * weight, FLUX_WEIGHT * error.sum() / psf.sum())

    def jacobian(parameters: Array) -> Array:
        slope = _model(parameters, dx, dy)[1]
        return np.vstack((slope * weight[:, None], FLUX_WEIGHT * slope.sum(axis=0) / psf.sum()))

    inside = np.clip(start.ravel(), lower + 1e-6, upper - 1e-6)
    return least_squares(
        misfit, inside, jacobian, bounds=(lower, upper), x_scale="jac", max_nfev=evaluations
    )


def _component_at_misfit(dx: Array, dy: Array, psf: Array, parameters: Array) -> Array:
    """Start a small Gaussian where the smoothed misfit is largest."""
    misfit = (psf - _model(parameters, dx, dy)[0]) * _weight(psf)
    column = np.unique(dx, return_inverse=True)[1]
    row = np.unique(dy, return_inverse=True)[1]
    image = np.zeros((row.max() + 1, column.max() + 1))
    image[row, column] = misfit
    smooth = gaussian_filter(image, 1.0)[row, column]
    smooth[np.hypot(dx, dy) > 8] = -np.inf
    at = smooth.argmax()
    flux = np.clip(np.pi * smooth[at], 0.0, 0.05)
    return np.array((flux, dx[at], dy[at], np.log(0.44), np.log(0.36), 0.3))


def _canonical(parameters: Array) -> Array:
    """Turn fit parameters into components."""
    flux, x, y, ln1, ln2, angle = parameters.reshape(-1, 6).T
    swap = ln2 > ln1
    major, minor = np.exp(np.maximum(ln1, ln2)), np.exp(np.minimum(ln1, ln2))
    degrees = np.degrees(angle + swap * np.pi / 2) % 180
    components = np.stack((flux / flux.sum(), x, y, major, minor, degrees), axis=1)
    return components[np.argsort(-flux)]


def fit_table(path: str | Path, n_gaussians: int = N_GAUSSIANS) -> Table:
    """Fit sums of Gaussians to an STDPSF grid at 4 x 4 positions.

    Parameters
    ----------
    path : path-like
        STDPSF file of ACS/WFC (9 x 10 positions).
    n_gaussians : int
        Number of Gaussians at each position.

    Returns
    -------
    Table
        Columns as in `COLUMNS`, one row per Gaussian; its origin and quality in ``meta``.
    """
    x, y, samples = read_stdpsf(path)
    dx, dy = offsets(samples.shape[-1])
    inside = np.hypot(dx, dy) <= FLUX_RADIUS_PX
    dx, dy = dx[inside], dy[inside]
    table = Table(names=list(COLUMNS), dtype=[float] * len(COLUMNS))
    residuals = []
    columns = len(np.unique(x))
    for i in (row * columns + column for row in FITTED_ROWS for column in FITTED_COLUMNS):
        sample = samples[i][inside]
        components = fit_gaussians(dx, dy, sample, n_gaussians)
        difference = np.abs(gaussian_sum(components, dx, dy) - sample)
        residuals.append(difference.max() / sample.max())
        for component in components:
            table.add_row((x[i], y[i], *component))
    table.round(6)
    for name, (unit, description) in COLUMNS.items():
        table[name].unit = unit
        table[name].description = description
    table.meta = _provenance(Path(path), n_gaussians, residuals)
    table.meta["diffusion"] = diffusion_field(path, table)
    return table


def diffusion_field(path: str | Path, table: Table) -> dict[str, list]:
    """Find how much more charge diffuses at each position of the grid than between the fits.

    Parameters
    ----------
    path : path-like
        STDPSF file of ACS/WFC.
    table : Table
        Gaussians that were fitted to it.

    Returns
    -------
    dict
        x and y, px, and variance_px2, by rows: with this variance added, the PSF interpolated
        between the fits has in its central pixel the light that the grid has there.
    """
    x, y, samples = read_stdpsf(path)
    columns, rows = np.unique(x), np.unique(y)
    middle = samples.shape[-1] // 2
    target = samples[:, middle, middle].reshape(len(rows), len(columns))
    variance = np.zeros_like(target)
    for _ in range(5):
        peak, more = (
            _central_light(table, Diffusion(columns, rows, variance + step)) for step in (0, 1e-3)
        )
        variance -= (peak - target) / ((more - peak) / 1e-3)
    return {
        key: value.round(4).tolist()
        for key, value in zip(DIFFUSION_KEYS, (columns, rows, variance), strict=True)
    }


def _central_light(table: Table, diffusion: Diffusion) -> Array:
    """Light of a centred star in its central pixel, at the positions of the diffusion."""
    psf = DrawnPsf(replace(gaussian_grid(table), diffusion=diffusion), Optics(), wings=False)
    return np.array([[psf.star(x, y).max() for x in diffusion.x] for y in np.floor(diffusion.y)])


def _provenance(path: Path, n_gaussians: int, residuals: list[float]) -> dict[str, object]:
    """Describe where a table of Gaussians comes from and how good it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        date = fits.getheader(path)["DATE"]
    return {
        "content": "effective PSF, pixel response included, as sums of Gaussians",
        "source": path.name,
        "source_origin": "STScI library of empirical PSFs (J. Anderson), STDPSF format",
        "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "source_date": date,
        "made_by": "resources/psf/fit_psf.py",
        "n_gaussians": n_gaussians,
        "unit_flux": f"the source's light within {FLUX_RADIUS_PX:g} px",
        "max_residual_of_peak": float(round(max(residuals), 5)),
        "median_max_residual_of_peak": float(round(np.median(residuals), 5)),
    }
