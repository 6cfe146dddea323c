"""The stars of a group: one centre and one aperture each (paper section 3.2)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.table import Table, vstack
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from crstudy.data.background import extract_sources, measure_sky
from crstudy.data.chips import ChipProducts
from crstudy.instrument.wcs import is_inside


class Selection(NamedTuple):
    """Criteria for a source to be a star of the sample (paper section 3.2).

    Attributes
    ----------
    detect_rms : float
        Detection threshold of its pixels, in background RMS.
    min_area_px : int
        Minimum connected area (exclusive), px.
    max_elongation : float
        Maximum ratio of major to minor axis.
    edge_fraction : float
        Minimum distance from the four edges, as a fraction of the shorter side.
    """

    detect_rms: float
    min_area_px: int
    max_elongation: float
    edge_fraction: float


#: Steps of the selection, in order.
STEPS = ("extracted", "large", "round", "inside")


def find_on_chip(chip: ChipProducts, selection: Selection, background_box_px: int) -> Table:
    """Extract the stars of a chip with SEP.

    Parameters
    ----------
    chip : ChipProducts
        A chip with its clean image.
    selection : Selection
        Criteria.
    background_box_px : int
        Mesh of the background, px.

    Returns
    -------
    Table
        A row per selected source: exposure, ra and dec (deg), npix, a, b (px). The metadata's
        ``steps`` holds the number of sources that are left after each of `STEPS`.

    Notes
    -----
    The image is not smoothed, since the paper asks for single pixels above the threshold;
    deblending and cleaning are SEP's defaults.
    """
    sky = measure_sky(chip.clean, chip.valid, background_box_px)
    image = np.where(chip.valid, chip.clean - sky.level, np.float32(0)).astype(np.float32)
    sources = extract_sources(
        image, selection.detect_rms, err=sky.global_rms, mask=~chip.valid, filter_kernel=None
    )
    large = sources["npix"] > selection.min_area_px
    round_ = sources["a"] <= selection.max_elongation * sources["b"]
    inside = is_inside(sources["x"], sources["y"], image.shape, selection.edge_fraction)
    kept = np.logical_and.accumulate([large | True, large, round_, inside])
    stars = Table(sources[kept[-1]])["x", "y", "npix", "a", "b"]
    stars["exposure"] = np.full(len(stars), chip.exposure)
    stars["ra"], stars["dec"] = chip.wcs.all_pix2world(stars["x"], stars["y"], 0)
    stars.meta["steps"] = dict(zip(STEPS, kept.sum(axis=1).tolist(), strict=True))
    return stars


def match_detections(
    parts: Sequence[Table], match_arcsec: float, min_detections: int, min_radius_px: float
) -> Table:
    """Merge the detections of a group's exposures into stars.

    Parameters
    ----------
    parts : sequence of Table
        Of `find_on_chip`, for every chip of every exposure.
    match_arcsec : float
        Detections closer than this on the sky are one star, arcsec.
    min_detections : int
        Exposures in which a star must have been detected.
    min_radius_px : float
        Smallest aperture radius, px.

    Returns
    -------
    Table
        Columns star (a number from 1), ra, dec (deg), area (pix2; median of the detections),
        radius (pix; `_aperture_radius`), elongation, detections; sorted by declination.
        The metadata's ``steps`` adds up those of `parts`.
    """
    detections = vstack(list(parts), metadata_conflicts="silent")
    labels = _label(detections, match_arcsec)
    xyz = SkyCoord(detections["ra"], detections["dec"], unit="deg").cartesian.xyz.value
    area, exposure = np.asarray(detections["npix"]), np.asarray(detections["exposure"])
    elongation = np.asarray(detections["a"] / detections["b"])
    rows, centres = [], []
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        n_exposures = len(set(exposure[members]))
        if n_exposures < min_detections:
            continue
        median_area = float(np.median(area[members]))
        radius = _aperture_radius(median_area, min_radius_px)
        rows.append((median_area, radius, float(np.median(elongation[members])), n_exposures))
        centres.append(xyz[:, members].mean(axis=1))
    x, y, z = np.array(centres).reshape(-1, 3).T
    sky = SkyCoord(x, y, z, representation_type="cartesian").spherical
    stars = Table(
        [sky.lon.deg, sky.lat.deg, *np.array(rows, dtype=float).reshape(-1, 4).T],
        names=("ra", "dec", "area", "radius", "elongation", "detections"),
        units=(u.deg, u.deg, u.pix**2, u.pix, None, None),
        descriptions=(
            "right ascension (ICRS), mean of the detections",
            "declination (ICRS), mean of the detections",
            "isophotal area, median of the detections",
            "radius of the aperture, the same in all exposures",
            "major over minor axis, median of the detections",
            "exposures in which the star was detected",
        ),
    )
    stars["detections"] = stars["detections"].astype(int)
    stars.sort("dec")
    stars.add_column(np.arange(1, len(stars) + 1), name="star", index=0)
    stars["star"].description = "number of the star in its group"
    stars.meta["steps"] = {step: sum(p.meta["steps"][step] for p in parts) for step in STEPS}
    return stars


def _label(detections: Table, match_arcsec: float) -> NDArray[np.int32]:
    """Label friends-of-friends groups of detections, linked below `match_arcsec`."""
    count = len(detections)
    if count == 0:
        return np.empty(0, np.int32)
    sky = SkyCoord(detections["ra"], detections["dec"], unit="deg")
    one, other, _, _ = search_around_sky(sky, sky, match_arcsec * u.arcsec)
    links = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    return connected_components(links, directed=False)[1]


def _aperture_radius(area_px: float, min_radius_px: float) -> float:
    """Return the radius of a star's aperture, px: that of a circle of its area, or the minimum."""
    return max(min_radius_px, float(np.sqrt(area_px / np.pi)))


def match_inputs(stars: Table, inputs: Table, match_arcsec: float) -> NDArray[np.int64]:
    """Match each star with an input source.

    Parameters
    ----------
    stars : Table
        Columns ra, dec (deg).
    inputs : Table
        The simulator's sources: ra, dec (deg), flux.
    match_arcsec : float
        Largest separation, arcsec.

    Returns
    -------
    ndarray of int, shape (len(stars),)
        Row of the brightest input source within reach; -1 where there is none.
    """
    found = np.full(len(stars), -1)
    if len(stars) == 0:
        return found
    here = SkyCoord(stars["ra"], stars["dec"], unit="deg")
    there = SkyCoord(inputs["ra"], inputs["dec"], unit="deg")
    star, source, _, _ = search_around_sky(here, there, match_arcsec * u.arcsec)
    faint_first = np.argsort(inputs["flux"][source])
    found[star[faint_first]] = source[faint_first]
    return found
