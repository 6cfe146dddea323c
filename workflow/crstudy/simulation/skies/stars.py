"""Draw the stars of a chip: cores, wings and diffraction spikes."""

import numpy as np
from numpy.typing import NDArray

from crstudy.instrument.drawn_psf import HALF_STAMP_PX, DrawnPsf, nearest_pixel
from crstudy.instrument.psf_wings import wing_quadrant, wing_radius

Array = NDArray[np.float64]


def draw_stars(
    x: Array,
    y: Array,
    flux: Array,
    shape: tuple[int, int],
    psf: DrawnPsf,
    corner: tuple[float, float],
    saturation_e_per_s: float,
    faintest_e_per_s: float,
) -> tuple[Array, Array]:
    """Draw the stars of a chip.

    Parameters
    ----------
    x, y : ndarray
        Positions, px; the centre of the first pixel is 1.
    flux : ndarray
        Count rates, e-/s.
    shape, psf, corner, saturation_e_per_s, faintest_e_per_s
        As for `crstudy.simulation.skies.render.render_chip`.

    Returns
    -------
    star, saturated_star : ndarray, shape (ny, nx)
        Count rates of the stars without and with a saturated pixel, e-/s/px.
    """
    star, saturated_star = np.zeros(shape), np.zeros(shape)
    wings = wing_radius(flux, faintest_e_per_s) if psf.wings else np.zeros(len(flux), int)
    reach = np.maximum(wings, HALF_STAMP_PX)
    near = (x > -reach) & (x < shape[1] + reach) & (y > -reach) & (y < shape[0] + reach)
    quadrant = wing_quadrant(wings[near].max(initial=0) + 1)
    for i in near.nonzero()[0]:
        # Before any noise, the brightest pixel of an unsaturated star is in its core.
        core = flux[i] * psf.star(x[i] + corner[0], y[i] + corner[1])
        image = saturated_star if core.max() > saturation_e_per_s else star
        row, column = nearest_pixel(y[i]) - 1, nearest_pixel(x[i]) - 1
        _add(image, core, row - HALF_STAMP_PX, column - HALF_STAMP_PX)
        if wings[i]:
            _add_wings(image, flux[i], y[i] - 1, x[i] - 1, quadrant, wings[i])
    return star, saturated_star


def _add(image: Array, stamp: Array, row: int, column: int) -> None:
    """Add the part of a stamp that lies on the image."""
    top, left = max(row, 0), max(column, 0)
    bottom = min(row + stamp.shape[0], image.shape[0])
    right = min(column + stamp.shape[1], image.shape[1])
    if top < bottom and left < right:
        part = stamp[top - row : bottom - row, left - column : right - column]
        image[top:bottom, left:right] += part


def _add_wings(
    image: Array, flux: float, y: float, x: float, quadrant: NDArray[np.float32], radius: int
) -> None:
    """Add the wings of a star, interpolated linearly, in a square of this radius."""
    middle = nearest_pixel(y), nearest_pixel(x)
    first = [max(m - radius, 0) for m in middle]
    last = [min(m + radius + 1, n) for m, n in zip(middle, image.shape, strict=True)]
    if first[0] >= last[0] or first[1] >= last[1]:
        return
    (rows, beside_rows, row_share), (columns, beside_columns, column_share) = (
        _mirrored(np.arange(a, b) - m, c - m)
        for a, b, m, c in zip(first, last, middle, (y, x), strict=True)
    )
    lines = (1 - row_share) * quadrant[rows] + row_share * quadrant[beside_rows]
    wing = (1 - column_share) * lines[:, columns] + column_share * lines[:, beside_columns]
    image[first[0] : last[0], first[1] : last[1]] += flux * wing


def _mirrored(
    offset: NDArray[np.int_], phase: float
) -> tuple[NDArray[np.int_], NDArray[np.int_], np.float32]:
    """Return the two samples of a quadrant between which pixels lie, and the second's weight."""
    return abs(offset), abs(offset - (1 if phase > 0 else -1)), np.float32(abs(phase))
