"""L.A.Cosmic (van Dokkum 2001, PASP 113, 1420) with the filters of astroscrappy.

It finds edges that are sharper than those of stars. astroscrappy flags pixels above one threshold,
in up to four iterations, each on the image without what was flagged before. From the same filters
follows the highest threshold at which an iteration flags a pixel; so a run gives a map of scores,
where a scan takes a run for each threshold.

Notes
-----
What is removed between the iterations depends on the threshold. There are runs for three, `RUNS`:
the score is above these exactly where astroscrappy flags at them, or at a higher one. In between,
what the first iteration flags is exact, what later ones find among the remains is not.

The filters are full medians, as in the paper. astroscrappy's separable ones take a third of the
time, but flag the cores of undersampled stars at contrasts up to 10, where full ones do up to 3.5.
"""

from collections.abc import Sequence

import numpy as np
from astroscrappy.utils import (
    dilate3,
    laplaceconvolve,
    medfilt3,
    medfilt5,
    medfilt7,
    rebin,
    subsample,
)
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import convolve, maximum_filter

from crstudy.core.errors import StudyError
from crstudy.data.view import View

#: Laplacian S/N, sigma.
THRESHOLDS = tuple(np.geomspace(1.0, 100.0, 60).tolist())
#: Settings of the benchmark of Zhang & Bloom (2020): contrast to the fine structure by
#: field class, fraction of the threshold for neighbours.
PUBLISHED_OBJLIM = {"extragalactic": 2.0, "globular_cluster": 3.5, "resolved_galaxy": 5.0}
PUBLISHED_SIGFRAC = 0.3
#: To be tuned; astroscrappy's defaults first. At the lowest fraction nearly every neighbour with a
#: positive Laplacian is flagged: less would change nothing.
PARAMETERS = {"objlim": (5.0, 2.0, 3.5, 8.0, 12.0), "sigfrac": (PUBLISHED_SIGFRAC, 0.03, 0.003)}
#: Thresholds of the runs, increasing, and iterations of each.
RUNS, ITERATIONS = (3.0, 6.0, 12.0), 4
#: Limits of astroscrappy: variance, e-^2, and fine structure, sigma.
MIN_VARIANCE, MIN_STRUCTURE = np.float32(1e-5), np.float32(0.01)
#: Good neighbours, of eight, that tell what a lone bad pixel or one of a bad line would hold.
MIN_NEIGHBOURS = 6
#: Side of the boxes whose median replaces a ray, px, and pixels at the edge that stay.
BOX_PX, EDGE_PX = 5, 2


def score(view: View, *, objlim: float, sigfrac: float) -> NDArray[np.float32]:
    """Return the threshold up to which L.A.Cosmic flags each pixel.

    Parameters
    ----------
    view : View
        A chip, of which the image, the good pixels and the read noise are used.
    objlim : float
        Contrast between Laplacian and fine structure below which a peak is a star.
    sigfrac : float
        Fraction of the threshold for pixels next to a flagged one.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Sigma, 0 where a pixel is never flagged, as on the two outer rows and columns; NaN exactly
        where the image is not finite.

    Raises
    ------
    StudyError
        No pixel of the chip can be searched.
    """
    image, mask = _without_lone_pixels(view)
    # astroscrappy does not search beside masked pixels either.
    mask = dilate3(mask.astype(np.uint8)).astype(bool)
    if mask.all():
        problem, fix = "no pixel of this chip can be searched", "drop this exposure"
        raise StudyError("lacosmic", problem, fix)
    planes = (image, image + np.float32(view.read_noise_e) * np.float32(view.read_noise_e))
    levels = [np.median(plane[~mask]) for plane in planes]

    def search(planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        laplacian, structure = _significances(*planes)
        return _highest_thresholds(laplacian, structure, ~mask, objlim, sigfrac)

    first = search(planes)

    def run(sigclip: float) -> NDArray[np.float32]:
        cleaned, rays, found, highest = planes, np.zeros(image.shape, bool), first, first
        for _ in range(ITERATIONS - 1):
            if not (found > sigclip).any():
                break
            rays |= found > sigclip
            cleaned = [
                _without_rays(plane, rays, mask, level)
                for plane, level in zip(cleaned, levels, strict=True)
            ]
            found = search(cleaned)
            highest = np.maximum(highest, found)
        return highest

    # Between two runs a score may not pass the higher threshold: above it the run there decides.
    total, *others = map(run, RUNS)
    for sigclip, highest in zip(RUNS[1:], others, strict=True):
        total = np.where(highest > sigclip, highest, np.minimum(total, sigclip))
    return np.where(np.isfinite(view.sci), total, np.float32(np.nan))


def _significances(
    image: NDArray[np.float32], variance: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return S' and F of the paper: Laplacian and fine structure, in units of the noise."""
    noise = np.sqrt(np.maximum(medfilt5(variance), MIN_VARIANCE))
    # Van Dokkum (2001): pixels are cut in four, lest the negative lobes of the Laplacian cancel
    # the positive ones of their neighbours, and negative values are dropped; hence the 2.
    laplacian = rebin(np.maximum(laplaceconvolve(subsample(image)), 0)) / (2 * noise)
    # Smooth extended structure goes with the median; F measures what is symmetric on scales of a
    # few pixels, as stars are and cosmic rays are not.
    laplacian -= medfilt5(laplacian)
    structure = medfilt3(image)
    structure = (structure - medfilt7(structure)) / noise
    return laplacian, np.maximum(structure, MIN_STRUCTURE)


def _highest_thresholds(
    laplacian: NDArray[np.float32],
    structure: NDArray[np.float32],
    searched: NDArray[np.bool_],
    objlim: float,
    sigfrac: float,
) -> NDArray[np.float32]:
    """Return the threshold below which an iteration flags each pixel.

    It flags sharp peaks above the threshold; then their neighbours above it, sharp or not; then
    the neighbours of these above a fraction of it.
    """
    peak = np.where(searched & (laplacian / structure > objlim), laplacian, 0)
    for fraction in (1, np.float32(sigfrac)):
        grown = np.minimum(laplacian / fraction, maximum_filter(peak, size=3))
        peak = np.where(searched, np.maximum(grown, 0), 0)
    return peak


def _without_rays(
    image: NDArray[np.float32],
    rays: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    level: float,
) -> NDArray[np.float32]:
    """Replace rays by the lower median of what is neither ray nor masked in their boxes, if any."""
    rows, columns = np.nonzero(rays[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX])
    boxes = sliding_window_view(np.where(rays | mask, np.nan, image), (BOX_PX, BOX_PX))
    values = np.sort(boxes[rows, columns].reshape(len(rows), -1), axis=1)
    n_usable = np.isfinite(values).sum(axis=1)
    middle = values[np.arange(len(values)), np.maximum(n_usable - 1, 0) // 2]
    cleaned = image.copy()
    cleaned[rows + EDGE_PX, columns + EDGE_PX] = np.where(n_usable > 0, middle, level)
    return cleaned


def _without_lone_pixels(view: View) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give bad pixels the mean of their good neighbours; also return those that have too few.

    Were all of them masked, with one bad pixel in 70 an eighth of the image would not be searched.
    """
    good = view.good & np.isfinite(view.sci)
    box = np.ones((3, 3))
    near = convolve(good.astype(np.float64), box, mode="constant")
    total = convolve(np.where(good, view.sci, 0.0), box, mode="constant")
    lone = ~good & (near >= MIN_NEIGHBOURS)
    level = np.median(view.sci[good]) if good.any() else 0
    image = np.where(np.isfinite(view.sci), view.sci, level)
    image = np.where(lone, total / np.maximum(near, 1), image)
    return image.astype(np.float32), ~good & ~lone
