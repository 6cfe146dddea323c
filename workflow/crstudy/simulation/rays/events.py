"""Find cosmic-ray events on a known background and measure their charge and shape.

The same code serves real exposures of an empty field and simulated ones: it needs only the image,
its background and noise, and the pixels to search.
"""

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray
from scipy import ndimage

#: An event is an 8-connected group of pixels above the first, one of them above the second, sigma.
FLOOR_SIGMA = 3.0
SEED_SIGMA = 5.0
#: A ray spreads over two pixels at least. Lone ones of some tens of electrons come back in the same
#: place in other exposures: they are unstable pixels.
LEAST_PIXELS = 2
#: Pixels of an event are counted above these levels, sigma.
COUNT_SIGMAS = (3, 5, 25, 100)

_NEIGHBOURS = np.ones((3, 3), bool)

_DESCRIPTIONS = {
    "x": (u.pix, "column of the charge-weighted centre, from 0"),
    "y": (u.pix, "row of the charge-weighted centre, from 0"),
    "charge": (u.electron, "charge of the pixels above 3 sigma"),
    "peak": (u.electron, "charge of the brightest pixel"),
    **{f"n_{level}sigma": (None, f"pixels above {level} sigma") for level in COUNT_SIGMAS},
    "peak_3x3": (None, "peak over the sum of the 3x3 pixels around it"),
    "peak_5x5": (None, "peak over the sum of the 5x5 pixels around it"),
    "second": (None, "second brightest pixel over peak"),
    "laplacian": (None, "peak minus the mean of its four neighbours, over peak"),
    "minor": (u.pix, "charge-weighted sigma along the minor axis, pixels above 3 sigma"),
    "elongation": (None, "1 - b/a of major and minor axis"),
    "clean": (None, "footprint and the pixels around it: searched, and of no other event"),
}


def label_events(
    excess_e: NDArray[np.floating],
    sigma_e: NDArray[np.floating] | float,
    valid: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Label the events of an image.

    Parameters
    ----------
    excess_e : ndarray, shape (ny, nx)
        Image minus background, e-.
    sigma_e : ndarray, shape (ny, nx), or float
        Noise of the background, e-.
    valid : ndarray of bool, shape (ny, nx)
        Pixels to search; the others never belong to an event.

    Returns
    -------
    ndarray, shape (ny, nx), int32
        Number of the event, from 1; 0 elsewhere.
    """
    significance = np.where(valid, excess_e, 0) / sigma_e
    labels, n = ndimage.label(significance > FLOOR_SIGMA, _NEIGHBOURS)
    kept = np.zeros(n + 1, bool)
    kept[labels[significance > SEED_SIGMA]] = True
    kept &= np.bincount(labels.ravel(), minlength=n + 1) >= LEAST_PIXELS
    return np.where(kept, np.cumsum(kept), 0)[labels].astype(np.int32)


def find_events(
    image_e: NDArray[np.floating],
    background_e: NDArray[np.floating] | float,
    sigma_e: NDArray[np.floating] | float,
    valid: NDArray[np.bool_],
) -> Table:
    """Find the cosmic-ray events of an image and measure them.

    Parameters
    ----------
    image_e : ndarray, shape (ny, nx)
        Image, e-.
    background_e : ndarray, shape (ny, nx), or float
        Everything but cosmic rays and noise, e-.
    sigma_e, valid
        As for `label_events`.

    Returns
    -------
    Table
        As `measure_events`.
    """
    excess = image_e - background_e
    return measure_events(excess, sigma_e, valid, label_events(excess, sigma_e, valid))


def measure_events(
    excess_e: NDArray[np.floating],
    sigma_e: NDArray[np.floating] | float,
    valid: NDArray[np.bool_],
    labels: NDArray[np.int32],
) -> Table:
    """Measure labelled events.

    Parameters
    ----------
    excess_e, sigma_e, valid
        As for `label_events`.
    labels : ndarray, shape (ny, nx), int32
        Events of `label_events`.

    Returns
    -------
    Table
        One row per event, in the order of the labels; units and meaning are in its columns.
    """
    # By event, the brightest pixel first.
    y, x = labels.nonzero()
    order = np.lexsort((-excess_e[y, x], labels[y, x]))
    y, x = y[order], x[order]
    charge, event = excess_e[y, x].astype(float), labels[y, x] - 1
    size = np.bincount(event)
    first = np.cumsum(size) - size
    around = _windows(np.where(valid, excess_e, 0), y[first], x[first])
    peak = around[:, 2, 2]
    four = around[:, [1, 3, 2, 2], [2, 2, 1, 3]].mean(axis=1)
    centre_x, centre_y, minor, elongation = _moments(x, y, charge, event, size.size)
    significance = charge / np.broadcast_to(sigma_e, labels.shape)[y, x]
    columns = {
        "x": centre_x.round(2),
        "y": centre_y.round(2),
        "charge": np.bincount(event, charge).round(1),
        "peak": peak.round(1),
    }
    for level in COUNT_SIGMAS:
        columns[f"n_{level}sigma"] = np.bincount(event[significance > level], minlength=size.size)
    columns |= {
        "peak_3x3": (peak / around[:, 1:4, 1:4].sum(axis=(1, 2))).round(4),
        "peak_5x5": (peak / around.sum(axis=(1, 2))).round(4),
        "second": (charge[first + 1] / peak).round(4),
        "laplacian": (1 - four / peak).round(4),
        "minor": minor.round(4),
        "elongation": elongation.round(4),
        "clean": ~np.isin(np.arange(1, size.size + 1), _disturbed(labels, valid)),
    }
    table = Table(columns)
    for name, (unit, description) in _DESCRIPTIONS.items():
        table[name].unit, table[name].description = unit, description
    return table


def _windows(
    image: NDArray[np.floating], y: NDArray[np.int64], x: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Cut 5x5 pixels around positions; zero beyond the edges."""
    padded = np.pad(image.astype(float), 2)
    return np.lib.stride_tricks.sliding_window_view(padded, (5, 5))[y, x]


def _moments(x, y, charge, event, n):
    """Return centre (x, y), minor-axis sigma and elongation of `n` events."""

    def mean(values):
        return np.bincount(event, charge * values, n) / total

    total = np.bincount(event, charge, n)
    centre_x, centre_y = mean(x), mean(y)
    dx, dy = x - centre_x[event], y - centre_y[event]
    xx, yy, xy = mean(dx**2), mean(dy**2), mean(dx * dy)
    half_sum, half_difference = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    major = np.sqrt(half_sum + half_difference)
    minor = np.sqrt(np.maximum(half_sum - half_difference, 0))
    elongation = 1 - minor / major
    return centre_x, centre_y, minor, elongation


def _disturbed(labels: NDArray[np.int32], valid: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the events whose footprint, grown by a pixel, meets another's or a pixel not valid."""
    padded, searched = np.pad(labels, 1), np.pad(valid, 1)
    highest = ndimage.maximum_filter(padded, size=3)
    found = []
    for shift in np.ndindex(3, 3):
        moved = np.roll(padded, np.subtract(shift, 1), axis=(0, 1))
        shared = (moved > 0) & (moved != highest)
        found += [moved[shared], highest[shared], moved[(moved > 0) & ~searched]]
    return np.unique(np.concatenate(found))
