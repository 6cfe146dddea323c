"""Cosmic rays by linear filtering: Rhoads (2000, PASP 112, 703; astro-ph/0002041).

The point-spread function (PSF) minus a weighted delta function passes what is sharper than the
optics can make it. The filtered image is divided by its own noise and thresholded; flagged pixels
are replaced, and the filter runs again.

Notes
-----
With P the PSF, the filter is K = P - a delta. A cosmic ray of c electrons in one pixel becomes
c (P(0) - a), negative for a > P(0); the sign is turned here, so that cosmic rays are positive. A
source of light is a sum of PSFs f P, which become f (P*P - a P), P*P the autocorrelation of P. With

    a = min over x of (P*P)(x) / P(x)

no source is positive anywhere: a pixel on an object is a false alarm at most as often as one on
blank sky, which the abstract of the paper asks of its kernel. A Gaussian has a = 1/2. The noise is
sigma(x)^2 = sum over y of K(y)^2 V(x + y), V the variance of a pixel: its electrons plus the read
noise squared.

Checked against the abstract only; unverified are the paper's own formula for a, its number of
runs, and whether its V holds the Poisson noise of objects. Differences on purpose: P is the
effective PSF instead of a Gaussian fit, and a flagged pixel becomes the median of its
surroundings, where the paper takes the background level, which would leave holes in stars.

The paper asks for well-sampled images. Those of ACS/WFC are not: cosmic rays spread by diffusion
are nearly as wide as the core of the PSF, and weights above 1 are needed to find most of them.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter
from scipy.signal import correlate, oaconvolve

from crstudy.core.errors import StudyError
from crstudy.data.background import measure_sky
from crstudy.data.view import View
from crstudy.methods.runner import scan

#: Thresholds of the scan, in units of the noise of the filtered image. On blank sky the lowest
#: flags 2 % of the pixels, one above 4 fewer than 1e-4; the highest are for the cores of stars.
THRESHOLDS = tuple(np.geomspace(2.0, 200.0, 24).tolist())
#: Values that tuning tries, the paper's condition first.
PARAMETERS = {"weight": (1.0, 0.85, 0.92, 1.05, 1.1, 1.2, 1.5, 2.0)}
#: Runs of the filter at one threshold, at most.
MAX_RUNS = 4
#: The weight of the delta function heeds pixels of the PSF above this fraction of its peak: the
#: faintest feel the edge of the stamp.
FAINTEST = 0.01
#: Side of the box around a pixel from which its replacement comes, px.
BOX_PX = 5
#: Mesh of the sky background, px.
SKY_MESH_PX = 64


def score(view: View, weight: float = 1.0) -> NDArray[np.float32]:
    """Score pixels by the highest threshold at which the filter flags them.

    Parameters
    ----------
    view : View
        Chip, its read noise and PSF.
    weight : float
        Weight of the delta function, in units of a of the module's notes. Below 1, stars sharper
        than the PSF are spared; above 1, wider cosmic rays are found, and cores of stars with
        them.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        One of `THRESHOLDS`, 0 where a pixel is flagged at none or is not valid, NaN where it
        is not finite.

    Raises
    ------
    StudyError
        No pixel is valid, or the delta function does not outweigh the peak of the PSF.
    """
    finite = np.isfinite(view.sci)
    usable = view.good & finite
    if not usable.any():
        raise StudyError("rhoads", "the chip has no valid pixel", "drop this exposure")
    image = replace(view.sci, ~usable)
    sky = measure_sky(image, usable, SKY_MESH_PX).level
    kernel = make_kernel(view.psf, weight)
    start = significance(image, sky, kernel, view.read_noise_e)

    def flag(threshold: float) -> NDArray[np.bool_]:
        flagged, ratio = np.zeros(image.shape, bool), start
        for run in range(MAX_RUNS):
            if run > 0:
                # A bright ray raises the noise of its surroundings and hides fainter ones there.
                cleaned = replace(image, flagged)
                ratio = significance(cleaned, sky, kernel, view.read_noise_e)
            new = (ratio > threshold) & usable & ~flagged
            if not new.any():
                break
            flagged |= new
        return flagged

    return np.where(finite, scan(flag, THRESHOLDS), np.float32(np.nan))


def make_kernel(psf: NDArray[np.floating], weight: float = 1.0) -> NDArray[np.float64]:
    """Subtract a delta function from the PSF.

    Parameters
    ----------
    psf : ndarray, shape (side, side)
        Centred PSF of odd side and sum 1.
    weight : float
        Weight of the delta function, in units of a of the module's notes.

    Returns
    -------
    ndarray, shape (side, side)
        The filter K.

    Raises
    ------
    StudyError
        The central pixel of K is not negative.
    """
    kernel = np.array(psf, dtype=float)
    bright = kernel > FAINTEST * kernel.max()
    auto = correlate(kernel, kernel, mode="same")
    centre = tuple(side // 2 for side in kernel.shape)
    kernel[centre] -= weight * (auto[bright] / kernel[bright]).min()
    # A cosmic ray has the sign of K's core: if that is not negative, none can be found.
    # A PSF of one pixel makes a kernel of zeros, but for rounding.
    if kernel[centre] > -1e-6:
        problem = f"at weight {weight:g} the delta function is below the peak of the PSF"
        raise StudyError("rhoads", problem, "leave rhoads out of methods.names")
    return kernel


def significance(
    image: NDArray[np.float32],
    sky: NDArray[np.float32],
    kernel: NDArray[np.float64],
    read_noise_e: float,
) -> NDArray[np.float32]:
    """Filter an image and divide it by its noise; cosmic rays are positive.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Finite image with its sky, e-.
    sky : ndarray, shape (ny, nx)
        Sky background, e-.
    kernel : ndarray, shape (side, side)
        Filter of `make_kernel`.
    read_noise_e : float
        Read noise, e-.

    Returns
    -------
    ndarray, shape (ny, nx), float32
    """
    variance = np.maximum(image, 0) + np.float32(read_noise_e**2)
    return -apply(kernel, image - sky) / filtered_noise(kernel, variance)


def filtered_noise(
    kernel: NDArray[np.float64], variance: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Propagate independent noise of pixels through a filter.

    Parameters
    ----------
    kernel : ndarray, shape (side, side)
        Filter.
    variance : ndarray, shape (ny, nx)
        Variance of each pixel, e-^2, above zero.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Standard deviation of the filtered image, e-.
    """
    # Far from bright stars, rounding of the Fourier transform must not reach zero.
    least = np.abs(kernel).max() * np.sqrt(variance.min())
    return np.maximum(np.sqrt(np.maximum(apply(kernel**2, variance), 0)), least)


def apply(kernel: NDArray[np.floating], image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Correlate an image, mirrored at its edges, with a kernel of odd side.

    Parameters
    ----------
    kernel : ndarray, shape (side, side)
    image : ndarray, shape (ny, nx)
        Finite.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Sum over y of kernel(y) image(x + y).
    """
    padded = np.pad(image.astype(np.float32), kernel.shape[0] // 2, mode="symmetric")
    return oaconvolve(padded, kernel[::-1, ::-1].astype(np.float32), mode="valid")


def replace(image: NDArray[np.floating], unwanted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Replace pixels by the median of the others in a box around them.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        May hold anything at unwanted pixels.
    unwanted : ndarray of bool, shape (ny, nx)
        Pixels to replace; not all.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        A pixel without another in its box gets the nearest value that there is then.
    """
    wanted = np.where(unwanted, np.float32(np.nan), image)
    boxes = sliding_window_view(
        np.pad(wanted, BOX_PX // 2, constant_values=np.nan), (BOX_PX, BOX_PX)
    )
    near = unwanted & maximum_filter(~unwanted, size=BOX_PX)
    ordered = np.sort(boxes[near].reshape(-1, BOX_PX**2), axis=1)
    middle = (np.isfinite(ordered).sum(axis=1, keepdims=True) - 1) / 2
    halves = np.hstack((np.floor(middle), np.ceil(middle))).astype(np.intp)
    wanted[near] = np.take_along_axis(ordered, halves, axis=1).mean(axis=1)
    far = unwanted & ~near
    if far.any():
        nearest = distance_transform_edt(far, return_distances=False, return_indices=True)
        wanted[far] = wanted[tuple(nearest[:, far])]
    return wanted
