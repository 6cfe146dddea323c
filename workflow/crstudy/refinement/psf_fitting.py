"""Fits of the point-spread function to many sources of a chip, side by side."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from crstudy.instrument.acs import CHIP_SHAPE_PX, cut_corner
from crstudy.instrument.epsf import PsfGrid

#: Samples of the PSF per pixel: between them it is linear to 0.2 % of its peak.
OVERSAMPLING = 12
#: Distances from a star, px: to which pixels are fitted, and its light followed.
FIT_PX, STAMP_PX = 4, 12
#: The core of a star: pixels in which the PSF exceeds this fraction of its maximum; and how
#: many of them must be valid.
CORE, MIN_CORE_PX = 0.1, 5
#: Steps of a fit.
STEPS = 6
#: A residual of so many sigma has half the weight of an ordinary least-squares fit.
SOFT_SIGMA = 2.5
#: Centres stay within this of where a source was detected; the error of that detection, px.
MAX_SHIFT_PX, SHIFT_PX = 1.0, 0.5
MAX_STEP_PX = 0.5

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SampledPsf:
    """Effective PSFs at positions of a chip, pixel response included, for any sub-pixel centre.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
        Positions on the chip, px; they may lie beyond its edges.
    tables : ndarray, shape (3, n, side, side), float32
        At each position the PSF and its derivatives along x and y, in steps of 1 /
        `OVERSAMPLING` px, centred, of odd side; light per px.
    width : float
        Factor by which the PSF is wider than its table.
    """

    x: Array
    y: Array
    tables: NDArray[np.float32]
    width: float = 1.0

    def nearest(self, x: Array, y: Array) -> NDArray[np.int64]:
        """Return the number of the position nearest to each place of the chip."""
        return np.argmin(np.subtract.outer(x, self.x) ** 2 + np.subtract.outer(y, self.y) ** 2, 1)

    def at(self, number: NDArray[np.integer], dx: Array, dy: Array) -> Array:
        """Evaluate PSFs.

        Parameters
        ----------
        number : array-like of int
            Of `nearest`; any shape that broadcasts to that of `dx`.
        dx, dy : ndarray
            Distances from the star, px.

        Returns
        -------
        ndarray, shape (3,) and that of `dx`
            Light per px of a star of unit flux, and its derivatives along x and y.
        """
        value, ddx, ddy = self._look_up(self.tables, number, dx, dy)
        return np.stack([value, ddx / self.width, ddy / self.width])

    def value(self, number: NDArray[np.integer], dx: Array, dy: Array) -> Array:
        """Evaluate PSFs as `at` does, without derivatives; shape as `dx`."""
        return self._look_up(self.tables[:1], number, dx, dy)[0]

    def _look_up(
        self, tables: NDArray[np.float32], number: NDArray[np.integer], dx: Array, dy: Array
    ) -> list[Array]:
        half = tables.shape[-1] // 2
        places = [half + OVERSAMPLING * d / self.width for d in (dy, dx)]
        where = [np.broadcast_to(number, dx.shape), *places]
        values = (map_coordinates(t, where, order=1, output=float) for t in tables)
        return [value / self.width**2 for value in values]


def sample_psf(grid: PsfGrid, shape: tuple[int, int], extver: int) -> SampledPsf:
    """Prepare a grid of PSFs for the stars of a chip.

    Parameters
    ----------
    grid : PsfGrid
        PSFs over the detector.
    shape : (int, int)
        Rows and columns of the chip; a smaller chip is cut from the middle of the full one.
    extver : int
        Its EXTVER.

    Returns
    -------
    SampledPsf
    """
    side = 2 * OVERSAMPLING * (STAMP_PX + 1) + 1
    stamp = {"nx": side, "ny": side, "scale": 1 / OVERSAMPLING, "method": "no_pixel"}
    drawn = [profile.drawImage(**stamp).array * OVERSAMPLING**2 for profile in grid.profiles]
    samples = np.maximum(drawn, 0)
    ddy, ddx = np.gradient(samples, 1 / OVERSAMPLING, axis=(1, 2))
    tables = np.stack([samples, ddx, ddy]).astype(np.float32)
    row, column = cut_corner(shape)
    row += (extver - 1) * CHIP_SHAPE_PX[0]
    return SampledPsf(grid.x - column, grid.y - row, tables)


@dataclass(frozen=True)
class Sky:
    """The image that sources are fitted to.

    Attributes
    ----------
    image : ndarray, shape (ny, nx)
        Image less sky, e-; finite.
    good : ndarray of bool, shape (ny, nx)
        Valid pixels.
    variance : ndarray, shape (ny, nx)
        Variance where no star is, e-^2.
    model_error : float
        Error of the PSF as a fraction of a star's light in a pixel.
    """

    image: Array
    good: NDArray[np.bool_]
    variance: Array
    model_error: float


@dataclass(frozen=True)
class Sources:
    """Sources of a chip; all of shape (n,).

    Attributes
    ----------
    x0, y0 : ndarray
        Where they were detected, px.
    x, y : ndarray
        Fitted centres, px.
    flux : ndarray
        Light, e-; zero where nothing was fitted.
    misfit : ndarray
        Median of the core's residuals, sigma: 0.67 if the model is exact; infinite where too few
        pixels are valid.
    peak : ndarray
        Light in the brightest pixel, e-.
    """

    x0: Array
    y0: Array
    x: Array
    y: Array
    flux: Array
    misfit: Array
    peak: Array

    def __len__(self) -> int:
        """Return the number of sources."""
        return len(self.x)

    def __getitem__(self, which: NDArray) -> "Sources":
        """Return a subset."""
        return Sources(*(column[which] for column in self._columns()))

    def __add__(self, others: "Sources") -> "Sources":
        """Return both sets of sources, one after the other."""
        pairs = zip(self._columns(), others._columns(), strict=True)
        return Sources(*(np.concatenate(pair) for pair in pairs))

    def _columns(self) -> list[Array]:
        return [getattr(self, name) for name in self.__dataclass_fields__]


def detected_at(x: Array, y: Array) -> Sources:
    """Return sources that are yet to be fitted."""
    x, y, dark = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.zeros(len(x))
    return Sources(x, y, x, y, dark, dark + np.inf, dark)


def fit_sources(sky: Sky, psf: SampledPsf, sources: Sources, light: Array) -> Sources:
    """Fit centre, flux and background of every source.

    Parameters
    ----------
    sky : Sky
        The image.
    psf : SampledPsf
        PSF.
    sources : Sources
        To fit.
    light : ndarray, shape (ny, nx)
        Light of all stars so far: that of a source's neighbours is subtracted.

    Returns
    -------
    Sources
        In the same order.

    Notes
    -----
    Iteratively reweighted least squares with Cauchy's weights: a cosmic ray on a star has little
    influence. Pixels up to `FIT_PX` from the detection are fitted.
    """
    if len(sources) == 0:
        return sources
    rows, columns, valid, at = _pixels(sources, sky.good)
    number = psf.nearest(sources.x0, sources.y0)[:, None, None]
    x, y, flux, base = sources.x, sources.y, sources.flux, np.zeros(len(sources))

    def profile(x: Array, y: Array) -> Array:
        return psf.at(number, columns - x[:, None, None], rows - y[:, None, None])

    # `light` holds that of the source itself, which is kept.
    value = profile(x, y)[0]
    others = np.maximum(light[at] - flux[:, None, None] * value, 0)
    data, dark = sky.image[at] - others, sky.variance[at] + others
    flux = np.where(flux != 0, flux, _first_flux(data, value, valid))
    # Inverse variances of flux, both centres and background, by which the fit is regularised.
    priors = np.array([1e-12, SHIFT_PX**-2, SHIFT_PX**-2, 1 / np.median(sky.variance)])
    for _ in range(STEPS):
        value, ddx, ddy = profile(x, y)
        rest, variance = _compare(sky, data, dark, flux, base, value)
        # Cauchy weight 1 / (1 + (r / c)^2), r the residual in sigma (Holland & Welsch 1977).
        weight = valid / (variance * (1 + rest**2 / variance / SOFT_SIGMA**2))
        wide = flux[:, None, None]
        # Derivatives by flux, x, y and background; the normal equations of all sources at once.
        slopes = np.stack([value, -wide * ddx, -wide * ddy, np.ones_like(value)])
        normal = np.einsum("ipqr,jpqr,pqr->pij", slopes, slopes, weight) + np.diag(priors)
        right = np.einsum("ipqr,pqr,pqr->pi", slopes, rest, weight)
        right -= priors * np.stack([0 * x, x - sources.x0, y - sources.y0, base], axis=1)
        change = np.linalg.solve(normal, right[..., None])[..., 0]
        flux, base = flux + change[:, 0], base + change[:, 3]
        x = _step(x, change[:, 1], sources.x0)
        y = _step(y, change[:, 2], sources.y0)
    value = profile(x, y)[0]
    rest, variance = _compare(sky, data, dark, flux, base, value)
    core = valid & (value > CORE * value.max(axis=(1, 2), keepdims=True))
    sigmas = np.where(core, np.abs(rest) / np.sqrt(variance), np.nan)
    sigmas[core.sum(axis=(1, 2)) < MIN_CORE_PX] = np.inf
    peak = flux * value.max(axis=(1, 2))
    fitted = {"x": x, "y": y, "flux": flux, "peak": peak}
    return replace(sources, **fitted, misfit=np.nanmedian(sigmas, axis=(1, 2)))


def _pixels(sources: Sources, good: NDArray[np.bool_]) -> tuple:
    """Return rows and columns around the sources, which are valid, and an index of the image."""
    reach = np.arange(-FIT_PX, FIT_PX + 1)
    rows, columns = np.broadcast_arrays(
        np.rint(sources.y0).astype(int)[:, None, None] + reach[:, None],
        np.rint(sources.x0).astype(int)[:, None, None] + reach,
    )
    ny, nx = good.shape
    inside = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
    at = np.clip(rows, 0, ny - 1), np.clip(columns, 0, nx - 1)
    return rows, columns, inside & good[at], at


def _compare(
    sky: Sky, data: Array, dark: Array, flux: Array, base: Array, value: Array
) -> tuple[Array, Array]:
    """Return the residuals of a model and their variance."""
    light = flux[:, None, None] * value
    bright = np.maximum(light, 0)
    variance = dark + bright + (sky.model_error * bright) ** 2
    return data - light - base[:, None, None], variance


def _first_flux(data: Array, psf: Array, valid: NDArray[np.bool_]) -> Array:
    """Return the median of data over PSF in the brightest pixels: a first, robust flux."""
    bright = valid & (psf > 0.25 * psf.max(axis=(1, 2), keepdims=True))
    ratio = np.where(bright, data / np.where(bright, psf, 1), np.nan)
    ratio[~bright.any(axis=(1, 2))] = 0
    return np.nanmedian(ratio, axis=(1, 2))


def _step(centre: Array, change: Array, first: Array) -> Array:
    """Move centres by at most `MAX_STEP_PX`, and never beyond `MAX_SHIFT_PX` of the detection."""
    moved = centre + np.clip(change, -MAX_STEP_PX, MAX_STEP_PX)
    return np.clip(moved, first - MAX_SHIFT_PX, first + MAX_SHIFT_PX)


def draw_stars(psf: SampledPsf, stars: Sources, shape: tuple[int, ...]) -> Array:
    """Draw the light of stars.

    Parameters
    ----------
    psf : SampledPsf
        PSF.
    stars : Sources
        Fitted.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    ndarray, shape (ny, nx)
        e-; up to `STAMP_PX` from each star.
    """
    image = np.zeros(shape)
    numbers = psf.nearest(stars.x0, stars.y0)
    for x, y, flux, number in zip(stars.x, stars.y, stars.flux, numbers, strict=True):
        row, column = round(y), round(x)
        rows = slice(max(row - STAMP_PX, 0), max(row + STAMP_PX + 1, 0))
        columns = slice(max(column - STAMP_PX, 0), max(column + STAMP_PX + 1, 0))
        part = image[rows, columns]
        dy, dx = np.indices(part.shape)
        value = psf.value(number, dx + columns.start - x, dy + rows.start - y)
        part += flux * np.maximum(value, 0)
    return image
