"""Model of the stars of a single exposure, and the residuals that it leaves.

All sources are fitted with the PSF; light of neighbours is subtracted between rounds, as in
crowded-field photometry (Stetson 1987, PASP 99, 191). Blends too close for that fit no star and
get no model: keeping poor fits for the sake of their neighbours was tried, and caused false alarms.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter
from scipy.optimize import minimize_scalar

from crstudy.data.background import extract_sources, measure_sky
from crstudy.data.view import View
from crstudy.refinement.psf_fitting import (
    SampledPsf,
    Sky,
    Sources,
    detected_at,
    draw_stars,
    fit_sources,
)

#: Rounds of fits with the neighbours' light taken off in between.
ROUNDS = 3
#: A source has pixels, at least so many, above this: noise of image and model.
DETECT_SIGMA, MIN_AREA_PX = 5.0, 3
#: A star's brightest pixel exceeds the background noise by more than this: the profile of a
#: fainter source does not tell stars from cosmic rays.
STAR_RMS = 10.0
#: A model fits where the median residual is smaller, sigma: 0.67 if it is exact.
MAX_MISFIT = 1.5
#: Box around a pixel in which the model must fit, px.
TRUST_BOX_PX = 9
#: Widths of the PSF that are tried, relative to the table: breathing, another camera.
WIDTHS = (0.85, 1.5)
#: The width is that of the brightest sources that are no longer than this and free of flagged
#: pixels: so many of them, but not fewer than these.
MAX_ELONGATION, WIDTH_STARS, MIN_WIDTH_STARS = 1.3, 60, 5


@dataclass(frozen=True)
class StarModel:
    """The stars of a chip.

    Attributes
    ----------
    stars : Sources
        Those that fit.
    light : ndarray, shape (ny, nx)
        Their light, e-; zero where there is no star.
    sky : ndarray, shape (ny, nx)
        Background, e-.
    sky_rms : float
        Its noise, e-.
    residual : ndarray, shape (ny, nx)
        Image less sky and stars, in units of its noise, that of the model included; NaN where
        the image is.
    tested : ndarray of bool, shape (ny, nx)
        Good pixels in the light of stars, around which the model fits: not beside saturated
        stars and other sources without a model.
    width : float
        Of the PSF.
    """

    stars: Sources
    light: NDArray[np.float64]
    sky: NDArray[np.float32]
    sky_rms: float
    residual: NDArray[np.float64]
    tested: NDArray[np.bool_]
    width: float


def fit_stars(
    view: View,
    flagged: NDArray[np.bool_],
    psf: SampledPsf,
    model_error: float,
    box_px: int,
    rounds: int = ROUNDS,
) -> StarModel:
    """Find and fit the stars of a chip.

    Parameters
    ----------
    view : View
        The chip.
    flagged : ndarray of bool, shape (ny, nx)
        Pixels that a detector flags as cosmic rays. Sky and width are not measured there; stars
        are detected there in the first round, since flags may be false.
    psf : SampledPsf
        PSF; its width is fitted.
    model_error : float
        Error of the model as a fraction of a star's light around a pixel.
    box_px : int
        Mesh of the background, px.
    rounds : int
        Rounds of fits; with one, neighbours are not subtracted.

    Returns
    -------
    StarModel
        Without stars where none is found.
    """
    good, shape = view.good & np.isfinite(view.sci), view.sci.shape
    if not (good & ~flagged).any():
        none, dark = detected_at(np.empty(0), np.empty(0)), np.zeros(shape)
        holes = np.full(shape, np.nan)
        return StarModel(none, dark, dark.astype(np.float32), np.nan, holes, dark > 0, 1.0)
    background = measure_sky(view.sci, good & ~flagged, box_px)
    image = np.where(good, view.sci - background.level, 0).astype(float)
    variance = np.maximum(background.level, 0) + float(view.read_noise_e) ** 2
    sky = Sky(image, good, variance, model_error)
    light = np.zeros(shape)
    found = _extract(sky, light, np.zeros(shape, bool))
    psf = replace(psf, width=_find_width(sky, _undisturbed(found, flagged | ~good), psf))
    stars, more = detected_at([], []), detected_at(found["x"], found["y"])
    for number in range(rounds):
        sources = fit_sources(sky, psf, stars + more, light)
        fits = (sources.misfit < MAX_MISFIT) & (sources.peak > STAR_RMS * background.global_rms)
        stars = sources[fits]
        light = draw_stars(psf, stars, shape)
        if number < rounds - 1:
            found = _extract(sky, light, flagged)
            more = detected_at(found["x"], found["y"])
    residual = (view.sci - background.level - light) / _noise(sky, light)
    residual[~np.isfinite(view.sci)] = np.nan
    with np.errstate(invalid="ignore"):
        fits = good & (np.abs(residual) < MAX_MISFIT)
    # The median of a box is below the limit where more than half of its pixels are.
    around = uniform_filter(fits.astype(np.float32), TRUST_BOX_PX) > 0.5
    tested = good & (light > background.global_rms) & around
    of_sky = background.level, background.global_rms
    return StarModel(stars, light, *of_sky, residual, tested, psf.width)


def _noise(sky: Sky, light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the noise of an image with stars, e-: a model errs most where it is steep."""
    error = sky.model_error * maximum_filter(light, 3)
    return np.sqrt(sky.variance + light + error**2)


def _extract(sky: Sky, light: NDArray[np.float64], flagged: NDArray[np.bool_]) -> NDArray:
    """Extract sources of any kind, cosmic rays among them, from what stars leave."""
    image, noise = (a.astype(np.float32) for a in (sky.image - light, _noise(sky, light)))
    options = {"minarea": MIN_AREA_PX, "filter_type": "conv", "mask": ~sky.good | flagged}
    return extract_sources(image, DETECT_SIGMA, err=noise, **options)


def _undisturbed(found: NDArray, excluded: NDArray[np.bool_]) -> NDArray:
    """Return the brightest sources that may be stars and hold no excluded pixel."""
    rows, columns = (
        np.clip(np.rint(found[name]).astype(int), 0, n - 1)
        for name, n in zip("yx", excluded.shape, strict=True)
    )
    whole = ~maximum_filter(excluded, 5)[rows, columns]
    some = found[whole & (found["a"] < MAX_ELONGATION * found["b"])]
    return some[np.argsort(-some["flux"])[:WIDTH_STARS]]


def _find_width(sky: Sky, found: NDArray, psf: SampledPsf) -> float:
    """Return the width of the PSF that fits best; that of the table without enough stars."""
    if len(found) < MIN_WIDTH_STARS:
        return 1.0
    sources, dark = detected_at(found["x"], found["y"]), np.zeros(sky.image.shape)

    def misfit(width: float) -> float:
        return float(np.median(fit_sources(sky, replace(psf, width=width), sources, dark).misfit))

    best = minimize_scalar(misfit, bounds=WIDTHS, method="bounded", options={"xatol": 0.003})
    return float(best.x)
