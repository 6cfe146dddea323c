"""Filter the archive's answers: usable observations and exposures, and why others are dropped."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from astropy.table import Table

from crstudy.archive.fetch import DATASET, mast_uri
from crstudy.archive.footprints import Field, Footprint, Observation, read_footprint
from crstudy.config.groups import NAME
from crstudy.core.errors import StudyError

Item = TypeVar("Item")
Row = dict[str, Any]

#: Characters not allowed in the name of a target.
NOT_IN_TARGET = re.compile(r"[^A-Za-z0-9.+-]+")
#: Target categories that are not fields on the sky.
NO_FIELD = {"SOLAR SYSTEM", "CALIBRATION"}
PUBLIC = "PUBLIC"


@dataclass(frozen=True)
class FullFrame:
    """All pixels of a camera: their area on the sky and their number."""

    area_arcmin2: float
    pixels: int

    @property
    def least_bytes(self) -> int:
        """Size of SCI, ERR (4 bytes a pixel each) and DQ (2 bytes) alone."""
        return 10 * self.pixels


#: ACS/WFC: hull of both chips and the gap, from the headers in resources/acs.
FULL_FRAMES = {"ACS/WFC": FullFrame(11.4, 2 * 2048 * 4096)}
#: A footprint smaller than this fraction of a full frame is that of a subarray; the largest ACS/WFC
#: subarray is one chip.
LEAST_AREA = 0.9


class Ledger:
    """Count what each step of the selection keeps and drops."""

    def __init__(self) -> None:
        self.steps: dict[str, Row] = {}

    def keep(
        self, of: str, step: str, why: str, items: Iterable[Item], test: Callable[[Item], object]
    ) -> list[Item]:
        """Return the items that pass a test, and count them; a repeated step adds to its counts.

        Parameters
        ----------
        of : str
            Items that are counted, such as ``observations``.
        step, why : str
            Name of the step, and why items are dropped.
        items : iterable
            Items to test.
        test : callable
            True for an item that is kept.
        """
        empty = {"of": of, "step": step, "kept": 0, "dropped": 0, "why": why}
        row = self.steps.setdefault(step, empty)
        kept = []
        for item in items:
            passes = bool(test(item))
            row["kept" if passes else "dropped"] += 1
            if passes:
                kept.append(item)
        return kept

    def table(self) -> Table:
        """Return a row per step: of, step, kept, dropped, why."""
        return Table(list(self.steps.values()))


@dataclass(frozen=True)
class Candidate:
    """A calibrated exposure that may be drawn: its name, observation and mean exposure time, s."""

    dataset: str
    observation: Observation
    exptime_s: float

    @property
    def sort_key(self) -> tuple[float, str]:
        """Start of the observation (MJD) and name."""
        return self.observation.start_mjd, self.dataset


def full_frame(observed_with: str | None) -> tuple[str, frozenset[str], FullFrame]:
    """Return camera, filters and full frame of the exposures that a study wants.

    Parameters
    ----------
    observed_with : str or None
        Such as ``ACS/WFC F606W``.

    Returns
    -------
    camera : str
    filters : frozenset of str
    frame : FullFrame

    Raises
    ------
    StudyError
        No filter is named, or the full frame of the camera is not known here.
    """
    camera, _, rest = (observed_with or "").partition(" ")
    filters = frozenset(rest.split())
    if not filters or camera not in FULL_FRAMES:
        raise StudyError(
            "configuration key observed_with",
            f"groups can be drawn of {', '.join(FULL_FRAMES)} and one filter, not of "
            f"{observed_with!r}",
            "set it to e.g. 'ACS/WFC F606W', or set the key groups to a group table",
        )
    return camera, filters, FULL_FRAMES[camera]


def to_rows(answer: Table) -> list[Row]:
    """Return the rows of an answer; a cell without a value is None."""
    return [
        {name: None if np.ma.is_masked(row[name]) else row[name] for name in answer.colnames}
        for row in answer
    ]


def screen_observations(
    rows: Sequence[Row],
    *,
    filters: frozenset[str],
    frame: FullFrame,
    min_overlap: float,
    classes: Sequence[Mapping[str, Any]],
    ledger: Ledger,
) -> list[Observation]:
    """Drop observations that cannot be used.

    Parameters
    ----------
    rows : sequence of dict
        The archive's answer; it may list an observation twice.
    filters : frozenset of str
        Filters in the light path; nothing else is allowed but clear elements.
    frame : FullFrame
        Of the camera.
    min_overlap : float
        Fraction of the smaller footprint that two observations of a field share. Dithered exposures
        that share this much cover no more than 2 - `min_overlap` full frames; more is a mosaic.
    classes : sequence of mapping
        Rules of resources/field_classes.yaml.
    ledger : Ledger
        Takes the counts of each step.
    """
    unique = {str(row["obsid"]): row for row in rows}.values()
    steps: list[tuple[str, str, Callable[[Row], object]]] = [
        ("found", "", lambda _: True),
        ("of the mission", "made by HAP or HLA of the same exposures", _is_mission_product),
        ("one filter", "another filter, too", lambda row: _filters(row) == filters),
        ("fixed target", "follows a moving target", lambda row: not row.get("mtFlag")),
        ("field", "target of the solar system, or calibration", lambda r: not _words(r) & NO_FIELD),
        ("public", "not public yet", _is_public),
        ("exposed", "failed: no exposure time or no date", _is_exposed),
        ("footprint", "failed: no outline on the sky", lambda row: _footprint(row) is not None),
        (
            "full frame",
            "outline of a subarray or a mosaic",
            lambda row: (
                LEAST_AREA <= _footprint(row).area_arcmin2 / frame.area_arcmin2 <= 2 - min_overlap
            ),
        ),
        ("named", "odd name of observation or programme", _is_named),
    ]
    kept = list(unique)
    for step, why, test in steps:
        kept = ledger.keep("observations", step, why, kept, test)
    return [_observation(row, classes) for row in kept]


def screen_exposures(
    rows: Sequence[Row], field: Field, frame: FullFrame, min_exptime_s: float, ledger: Ledger
) -> list[Candidate]:
    """Drop exposures of a field that cannot be used.

    Parameters
    ----------
    rows : sequence of dict
        Products of the field's observations.
    field : Field
        Those observations.
    frame : FullFrame
        Of the camera.
    min_exptime_s : float
        Shortest mean exposure time of an observation, s.
    ledger : Ledger
        Takes the counts of each step.

    Returns
    -------
    list of Candidate
        By date and name. The archive tells the exposure time of an observation, not of its
        exposures: the time is their mean.
    """
    by_obsid = {o.obsid: o for o in field}
    flc = [row for row in rows if row.get("productSubGroupDescription") == "FLC"]
    steps: list[tuple[str, str, Callable[[Row], object]]] = [
        (
            "of CALACS",
            "made by HAP of the same exposure, or combined",
            lambda row: row.get("project") == "CALACS" and row.get("calib_level") in (None, 2),
        ),
        (
            "known exposures",
            "odd name or address, or of no observation that was asked for",
            lambda row: _parent(row) in by_obsid and _is_flc(row),
        ),
    ]
    for step, why, test in steps:
        flc = ledger.keep("exposures", step, why, flc, test)
    exposures = {row["obs_id"]: row for row in sorted(flc, key=_parent, reverse=True)}
    number = Counter(_parent(row) for row in exposures.values())
    mean = {obsid: by_obsid[obsid].exptime_s / n for obsid, n in number.items()}
    steps = [
        ("public exposures", "not public yet", _is_public),
        (
            "full-frame files",
            f"smaller than the {frame.least_bytes / 1e6:.1f} MB of a full frame's pixels",
            lambda row: (row.get("size") or 0) >= frame.least_bytes,
        ),
        (
            "long exposures",
            f"mean exposure time of the observation below {min_exptime_s:g} s",
            lambda row: mean[_parent(row)] >= min_exptime_s,
        ),
    ]
    left = list(exposures.values())
    for step, why, test in steps:
        left = ledger.keep("exposures", step, why, left, test)
    found = [Candidate(str(r["obs_id"]), by_obsid[_parent(r)], mean[_parent(r)]) for r in left]
    return sorted(found, key=lambda candidate: candidate.sort_key)


def classify(words: set[str], classes: Sequence[Mapping[str, Any]]) -> str:
    """Return the class of a field from the proposer's category and keywords.

    Parameters
    ----------
    words : set of str
        Categories and keywords, in capitals.
    classes : sequence of mapping
        Rules: the first decides for each of whose `words` there is one that begins with it;
        ``other`` if there is none.
    """

    def fits(rule: Mapping[str, Any]) -> bool:
        return all(any(word.startswith(start) for word in words) for start in rule["words"])

    return next((rule["class"] for rule in classes if fits(rule)), "other")


def _observation(row: Row, classes: Sequence[Mapping[str, Any]]) -> Observation:
    return Observation(
        obsid=str(row["obsid"]),
        obs_id=str(row["obs_id"]),
        proposal=str(row["proposal_id"]),
        target=NOT_IN_TARGET.sub("-", str(row.get("target_name") or "unnamed")),
        field_class=classify(_words(row), classes),
        start_mjd=float(row["t_min"]),
        exptime_s=float(row["t_exptime"]),
        ra=float(row["s_ra"]),
        dec=float(row["s_dec"]),
        footprint=_footprint(row),
    )


def _is_mission_product(row: Row) -> bool:
    return row.get("project") == "HST"


def _is_public(row: Row) -> bool:
    """Tell whether a row is public; older answers lack the column, and a refusal comes later."""
    return row.get("dataRights") in (None, PUBLIC)


def _is_exposed(row: Row) -> bool:
    cells = [row.get(name) for name in ("t_exptime", "t_min", "s_ra", "s_dec")]
    return None not in cells and bool(np.isfinite(cells).all()) and cells[0] > 0


def _is_named(row: Row) -> bool:
    names = (str(row.get(name) or "") for name in ("obsid", "obs_id", "proposal_id"))
    return all(NAME.fullmatch(name) for name in names)


def _is_flc(row: Row) -> bool:
    name = str(row.get("obs_id") or "")
    return bool(DATASET.fullmatch(name)) and row.get("dataURI") == mast_uri(name)


def _filters(row: Row) -> set[str]:
    names = str(row.get("filters")).split(";")
    return {name.strip() for name in names if not name.strip().startswith("CLEAR")}


def _words(row: Row) -> set[str]:
    return {word.strip() for word in str(row.get("target_classification")).upper().split(";")}


def _footprint(row: Row) -> Footprint | None:
    return _outline(str(row.get("s_region")))


@cache
def _outline(s_region: str) -> Footprint | None:
    try:
        return read_footprint(s_region)
    except ValueError:
        return None


def _parent(row: Row) -> str:
    """Return the number of the observation that an exposure belongs to.

    An exposure may have a number of its own, which is then not that of the observation.
    """
    return str(row.get("parent_obsid") or row.get("obsID"))
