"""Offsets between exposures on the sky, from matched sources."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sep
from astropy.table import Table, vstack
from astropy.wcs import WCS
from numpy.typing import NDArray
from tweakwcs import FITSWCSCorrector, XYXYMatch, iter_linear_fit

from crstudy.data.background import extract_sources, measure_sky
from crstudy.data.exposure import Chip, read_exposure
from crstudy.instrument.dq import COSMIC_RAY_FLAGS

# Its loggers are verbose.
logging.getLogger("tweakwcs").addHandler(logging.NullHandler())
logging.getLogger("tweakwcs").propagate = False

#: Mesh of the background, px, and threshold of a source's pixels, RMS.
BOX_PX, DETECT_RMS = 64, 5.0
#: Sources narrower than the PSF along the minor axis (sigma, px) or elongated are cosmic rays.
MIN_MINOR_PX, MAX_ELONGATION = 0.9, 1.3
#: Sigma of the Gaussian window in which a source's centre is measured, px.
WINDOW_PX = 1.0
#: Largest offset that is searched for, along each axis, px.
SEARCH_PX = 60.0
#: Matching radius after the most frequent offset is subtracted, px.
TOLERANCE_PX = 2.0
#: Median deviation above which matches are chance pairs, which fill the tolerance, px.
MAX_SCATTER_PX = 0.5
#: Terms of a linear map for each axis.
LINEAR_TERMS = 3
#: Standard error of the median of n Gaussian values over MAD / sqrt(n): sqrt(pi / 2) * 1.4826.
MEDIAN_ERROR = 1.2533 * 1.4826


@dataclass(frozen=True)
class Offset:
    """Offset of an exposure from the frame of another.

    Attributes
    ----------
    matches : int
        Matched sources; 0 if they are chance pairs.
    dx, dy : float
        Median offset, px; NaN where `residual` is.
    rotation : float
        Rotation, deg, from columns towards rows; NaN where `residual` is.
    residual : float
        Length of the median offset, px: the largest among the whole frame, its halves and its
        quadrants whose median is known well enough; else NaN.
    """

    matches: int = 0
    dx: float = np.nan
    dy: float = np.nan
    rotation: float = np.nan
    residual: float = np.nan


@dataclass(frozen=True)
class Limits:
    """Limits of an offset, and of its measurement.

    Attributes
    ----------
    max_residual_px : float
        Largest offset of aligned exposures, px.
    min_matches : int
        Minimum number of matched sources of a measured offset.
    """

    max_residual_px: float
    min_matches: int


@dataclass(frozen=True)
class Frame:
    """The tangent plane of an exposure, with its sources.

    Attributes
    ----------
    plane : FITSWCSCorrector
        Of its first chip, without distortion; its unit is a pixel.
    sources : ndarray, shape (n, 2)
        Positions in that plane, px, the brightest first.
    centre : ndarray, shape (2,)
        Middle of the chips' centres in that plane, px.
    """

    plane: FITSWCSCorrector
    sources: NDArray[np.float64]
    centre: NDArray[np.float64]


def find_sources(path: str | Path) -> Table:
    """Find compact, round sources in an exposure: stars, and few cosmic rays.

    Parameters
    ----------
    path : path-like
        Calibrated exposure.

    Returns
    -------
    Table
        Columns chip (EXTVER), x, y (pix, from 0; centres by a Gaussian window) and flux (e-), the
        brightest first.
    """
    sources = vstack([_find_on_chip(chip) for chip in read_exposure(path).chips])
    return sources[np.argsort(-sources["flux"])]


def _find_on_chip(chip: Chip) -> Table:
    good = ((chip.dq & ~int(COSMIC_RAY_FLAGS)) == 0) & np.isfinite(chip.sci)
    if not good.any():
        return Table(names=("chip", "x", "y", "flux"), dtype=(int, float, float, float))
    sky = measure_sky(chip.sci, good, BOX_PX)
    image = np.where(good, chip.sci - sky.level, np.float32(0)).astype(np.float32)
    found = extract_sources(image, DETECT_RMS, err=sky.global_rms, mask=~good)
    found = found[(found["b"] >= MIN_MINOR_PX) & (found["a"] <= MAX_ELONGATION * found["b"])]
    x, y, _ = sep.winpos(image, found["x"], found["y"], WINDOW_PX, mask=~good)
    columns = (np.full(len(found), chip.extver), x, y, found["flux"])
    return Table(columns, names=("chip", "x", "y", "flux"))


def make_frame(sources: Table, wcs: Mapping[int, WCS]) -> Frame:
    """Return the frame of an exposure.

    Parameters
    ----------
    sources : Table
        Of `find_sources`.
    wcs : mapping of int to WCS
        World coordinates of its chips, with their distortion.
    """
    plane = FITSWCSCorrector(wcs[min(wcs)])
    middles = [w.all_pix2world([(np.array(w.pixel_shape) - 1) / 2], 0)[0] for w in wcs.values()]
    centre = np.mean([plane.world_to_tanp(*middle) for middle in middles], axis=0)
    return Frame(plane, _project(plane, sources, wcs), centre)


def _project(
    plane: FITSWCSCorrector, sources: Table, wcs: Mapping[int, WCS]
) -> NDArray[np.float64]:
    """Return the positions of sources in a tangent plane, px, shape (n, 2)."""
    positions = np.full((len(sources), 2), np.nan)
    for ver, chip in wcs.items():
        here = np.asarray(sources["chip"]) == ver
        sky = chip.all_pix2world(sources["x"][here], sources["y"][here], 0)
        positions[here] = np.transpose(plane.world_to_tanp(*sky))
    return positions


def measure_offset(
    frame: Frame, sources: Table, wcs: Mapping[int, WCS], limits: Limits, every: slice
) -> Offset:
    """Measure the offset of an exposure from a frame.

    Parameters
    ----------
    frame : Frame
        Of the exposure to compare with.
    sources : Table
        Of `find_sources`.
    wcs : mapping of int to WCS
        World coordinates of its chips.
    limits : Limits
        Conditions of a measured offset.
    every : slice
        Which of the frame's sources to use.
    """
    reference = frame.sources[every]
    positions = _project(frame.plane, sources, wcs)
    one, other = _match(reference, positions)
    n = len(one)
    if n < max(limits.min_matches, LINEAR_TERMS + 1):
        return Offset(n)
    scatter = _scatter(positions[other], reference[one])
    if scatter > MAX_SCATTER_PX:
        return Offset()
    offsets, beyond = positions[other] - reference[one], reference[one] > frame.centre
    columns, rows = ((np.full(n, True), side, ~side) for side in beyond.T)
    parts = [offsets[i & j] for i in columns for j in rows]
    lengths = [_median_offset(part, scatter, limits) for part in parts]
    if np.isnan(lengths).all():
        return Offset(n)
    dx, dy = np.median(offsets, axis=0)
    fit = _fit(positions[other], reference[one])
    return Offset(n, float(dx), float(dy), float(fit["proper_rot"]), float(np.fmax.reduce(lengths)))


def correct_wcs(
    frame: Frame, sources: Table, wcs: Mapping[int, WCS], limits: Limits, every: slice
) -> dict[int, WCS] | None:
    """Shift and rotate an exposure, all chips together, onto a frame.

    Parameters
    ----------
    frame, sources, wcs, limits, every
        As for `measure_offset`.

    Returns
    -------
    dict of int to WCS, or None
        Corrected world coordinates of the chips; None with too few sources in common.
    """
    reference = frame.sources[every]
    positions = _project(frame.plane, sources, wcs)
    one, other = _match(reference, positions)
    if len(one) < limits.min_matches:
        return None
    fit = _fit(reference[one], positions[other])
    corrected = {}
    for ver, chip in wcs.items():
        corrector = FITSWCSCorrector(chip)
        corrector.set_correction(fit["matrix"], fit["shift"], ref_tpwcs=frame.plane)
        corrected[ver] = corrector.wcs
    return corrected


def _match(
    reference: NDArray[np.float64], positions: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of matched sources; positions far off the frame are NaN."""
    known = [np.flatnonzero(np.isfinite(xy).all(axis=1)) for xy in (reference, positions)]
    if not all(map(len, known)):
        return known[0][:0], known[1][:0]
    tables = [
        Table(xy[i], names=("TPx", "TPy"))
        for xy, i in zip((reference, positions), known, strict=True)
    ]
    # With twice the tolerance as separation, no two sources match the same one.
    match = XYXYMatch(SEARCH_PX, separation=2 * TOLERANCE_PX, tolerance=TOLERANCE_PX)
    one, other = match(*tables)
    return known[0][one], known[1][other]


def _fit(
    to: NDArray[np.float64], of: NDArray[np.float64], geometry: str = "rshift"
) -> dict[str, Any]:
    """Fit shift and rotation about the origin, clipping at 3 MAD; ``general``: any linear map."""
    return iter_linear_fit(to, of, fitgeom=geometry, center=(0, 0), sigma=(3.0, "mad"))


def _scatter(positions: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Return the median deviation of offsets, px, from the best linear map, both axes together."""
    fit = _fit(positions, reference, "general")
    left = positions - reference @ fit["matrix"].T - fit["shift"]
    # The fit takes LINEAR_TERMS degrees of freedom on each axis: without it a few sources seem to
    # scatter too little.
    freedom = 1 - LINEAR_TERMS / len(left)
    return float(np.hypot(*np.median(np.abs(left), axis=0)) / np.sqrt(freedom))


def _median_offset(offsets: NDArray[np.float64], scatter: float, limits: Limits) -> float:
    """Return the length of the median offset, px; NaN where it is not known well enough.

    Its standard error, from the scatter, must not exceed a third of the largest residual, or a
    tenth of the offset if that is more, but never the largest residual itself.
    """
    if len(offsets) < limits.min_matches:
        return np.nan
    length = float(np.hypot(*np.median(offsets, axis=0)))
    error = MEDIAN_ERROR * scatter / np.sqrt(len(offsets))
    largest = limits.max_residual_px
    return length if error <= np.clip(length / 10, largest / 3, largest) else np.nan
