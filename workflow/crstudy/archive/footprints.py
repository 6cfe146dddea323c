"""Footprints on the sky, and fields: observations of the same sky at the same orientation."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

#: Outlines in STC-S, as archives write them; the frame may be left out. GSC 1 is close to ICRS.
POLYGON = re.compile(r"POLYGON\s+(?:ICRS|J2000|FK5|GSC1)?\s*([-+.\deE\s]+)", re.IGNORECASE)
#: No camera's footprint reaches further than this from its centre, deg.
MAX_RADIUS_DEG = 5.0


@dataclass(frozen=True)
class Footprint:
    """Convex hull of an observation on the sky.

    Attributes
    ----------
    corners : ndarray, shape (n, 3)
        Unit vectors (ICRS) to the corners of the hull.
    """

    corners: NDArray[np.float64]

    @property
    def centre(self) -> NDArray[np.float64]:
        """Unit vector to the mean of the corners, shape (3,)."""
        return _unit(self.corners.mean(axis=0))

    @property
    def area_arcmin2(self) -> float:
        """Area, arcmin^2."""
        return _hull(self, self.centre).volume


@dataclass(frozen=True)
class Observation:
    """A usable observation: an association of exposures, or a single one.

    Attributes
    ----------
    obsid : str
        The archive's number, by which products are asked for.
    obs_id : str
        Its name, such as ``jb6v01010``.
    proposal, target : str
        Programme and target.
    field_class : str
        Field class, from the proposer's keywords.
    start_mjd, exptime_s : float
        Start (MJD, UTC) and total exposure time, s.
    ra, dec : float
        Position, deg.
    footprint : Footprint
        Its outline.
    """

    obsid: str
    obs_id: str
    proposal: str
    target: str
    field_class: str
    start_mjd: float
    exptime_s: float
    ra: float
    dec: float
    footprint: Footprint


#: Observations of one field, the earliest first.
Field = tuple[Observation, ...]


def read_footprint(s_region: str) -> Footprint:
    """Parse an outline: one polygon, or one per chip.

    Parameters
    ----------
    s_region : str
        Such as ``POLYGON ICRS 150.0 2.2 150.1 2.2 150.1 2.3``; deg.

    Returns
    -------
    Footprint
        The hull of all polygons.

    Raises
    ------
    ValueError
        There is no polygon, a number is missing or impossible, or the hull has no area or is
        larger than the field of any camera.
    """
    numbers = [float(word) for found in POLYGON.findall(s_region) for word in found.split()]
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f"no outline in {s_region!r}")
    ra, dec = np.array(numbers[::2]), np.array(numbers[1::2])
    corners = np.transpose(SkyCoord(ra, dec, unit="deg").cartesian.xyz.value)
    centre = corners.mean(axis=0)
    if not (corners @ centre > np.cos(np.radians(MAX_RADIUS_DEG))).all():
        raise ValueError("the outline is larger than any camera's field")
    centre = _unit(centre)
    try:
        hull = ConvexHull(_project(corners, centre))
    except QhullError:
        raise ValueError("the outline has no area") from None
    return Footprint(corners[hull.vertices])


def overlap(a: Footprint, b: Footprint) -> float:
    """Return the fraction of the smaller footprint that both cover, 0..1.

    In the tangent plane: `spherical_geometry` fails on some squares that overlap by 1 %.
    """
    if not _are_near(a, b):
        return 0.0
    hulls = [_hull(footprint, a.centre) for footprint in (a, b)]
    # Each row of a hull's equations: normal and offset of a side, normal . x + offset <= 0 inside.
    sides = np.vstack([hull.equations for hull in hulls])
    normals, offsets = sides[:, :2], sides[:, 2]
    # The largest circle that lies in both: (x, y, radius).
    circle = linprog(
        [0, 0, -1],
        A_ub=np.column_stack([normals, np.ones(len(sides))]),
        b_ub=-offsets,
        bounds=[(None, None), (None, None), (0, None)],
    )
    smaller = min(hull.volume for hull in hulls)
    if not circle.success or circle.x[2] < 1e-6 * np.sqrt(smaller):
        return 0.0
    common = HalfspaceIntersection(sides, circle.x[:2])
    return ConvexHull(common.intersections).volume / smaller


def rotation_deg(a: Footprint, b: Footprint) -> float:
    """Return the angle between the sides of two footprints that overlap, 0..45 deg.

    A camera's field is nearly square, and an outline does not tell which of its sides is which:
    orientations are known modulo 90 deg. (A telescope that follows the Sun turns by 90 deg in about
    three months, longer than the time that a field is given.)
    """
    turns = [_orientation_deg(footprint, a.centre) for footprint in (a, b)]
    return float(abs((turns[0] - turns[1] + 45) % 90 - 45))


def group_fields(
    observations: Iterable[Observation],
    *,
    min_overlap: float,
    max_rotation_deg: float,
    max_days: float,
) -> list[Field]:
    """Group observations into fields.

    Parameters
    ----------
    observations : iterable of Observation
        In any order.
    min_overlap : float
        Minimum fraction of the smaller footprint that any two of a field share.
    max_rotation_deg, max_days : float
        Largest difference in orientation (deg) and start (d) of any two of a field.

    Returns
    -------
    list of Field
        Each of one programme. An observation joins the first field whose members it all fits, in
        order of time.
    """
    fields: dict[str, list[list[Observation]]] = defaultdict(list)
    for new in sorted(observations, key=lambda o: (o.start_mjd, o.obs_id, o.obsid)):
        mine = fields[new.proposal]
        for members in mine:
            # The first member is the earliest.
            if new.start_mjd - members[0].start_mjd <= max_days and all(
                _fits(old.footprint, new.footprint, min_overlap, max_rotation_deg)
                for old in members
            ):
                members.append(new)
                break
        else:
            mine.append([new])
    return [tuple(members) for proposal in sorted(fields) for members in fields[proposal]]


def _fits(a: Footprint, b: Footprint, min_overlap: float, max_rotation_deg: float) -> bool:
    """Tell whether two footprints show the same sky at the same orientation."""
    shared = overlap(a, b)
    return 0 < shared >= min_overlap and rotation_deg(a, b) <= max_rotation_deg


def _are_near(a: Footprint, b: Footprint) -> bool:
    """Tell whether the circles around two footprints touch."""
    reach = sum(np.linalg.norm(f.corners - f.centre, axis=1).max() for f in (a, b))
    return bool(np.linalg.norm(a.centre - b.centre) <= reach)


def _orientation_deg(footprint: Footprint, centre: NDArray[np.float64]) -> float:
    """Return the mean direction of a hull's sides in the plane at `centre`, modulo 90 deg.

    The mean of exp(4i angle): all sides of a rectangle agree. It is weighted by length, so that
    the short sides with which dithers cut the corners hardly matter.
    """
    hull = _hull(footprint, centre)
    x, y = hull.points[hull.vertices].T
    sides = np.roll(x, -1) - x + 1j * (np.roll(y, -1) - y)
    lengths = np.abs(sides)
    return float(np.degrees(np.angle((lengths * (sides / lengths) ** 4).sum()) / 4))


def _hull(footprint: Footprint, centre: NDArray[np.float64]) -> Any:
    """Return the hull in the tangent plane at `centre`, arcmin; in 2-D its volume is the area."""
    return ConvexHull(_project(footprint.corners, centre))


def _project(vectors: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return gnomonic coordinates about `centre`, arcmin, shape (n, 2).

    The axes are fixed by `centre` alone and need not point north: at the poles nothing does.
    """
    across = _unit(np.cross(np.eye(3)[np.argmin(np.abs(centre))], centre))
    plane = np.column_stack([across, np.cross(centre, across)])
    return np.degrees(vectors @ plane / (vectors @ centre)[:, None]) * 60


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)
