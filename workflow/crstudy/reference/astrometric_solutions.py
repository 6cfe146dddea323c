"""Read the astrometric solutions of archive files, and choose one for a group."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits
from stwcs.wcsutil.headerlet import HeaderletHDU

from crstudy.core.errors import StudyError
from crstudy.instrument.wcs import Cards

#: Solutions of one distortion model differ in these cards alone.
LINEAR = ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CD1_1", "CD1_2", "CD2_1", "CD2_2")
#: Kinds of solution, the best first: fitted to a catalogue for a visit as a whole, for exposures
#: relative to one another, for each exposure; then a priori, from better guide-star positions.
#: All others are the commanded pointing (DrizzlePac Handbook, section 4.5).
KINDS = ("-FIT_SVM", "-FIT_REL", "-FIT_IMG", "-FIT_", "-HSC", "-GSC")


class Solution(NamedTuple):
    """A linear world-coordinate solution of an exposure.

    Attributes
    ----------
    name : str
        WCSNAME.
    cards : Cards
        Header cards that put the solution into force in the SCI headers.
    """

    name: str
    cards: Cards


def read_solutions(path: str | Path) -> list[Solution]:
    """Read the solutions that an exposure offers.

    Parameters
    ----------
    path : path-like
        Calibrated exposure.

    Returns
    -------
    list of Solution
        The one in force, without cards since none need be written; then those of the headerlets
        that share its distortion model and cover its chips.

    Raises
    ------
    StudyError
        A chip has no sky coordinates.
    """
    with fits.open(path, memmap=False) as hdus:
        chips = {hdu.ver: hdu.header for hdu in hdus if hdu.name == "SCI"}
        for header in chips.values():
            missing = [key for key in LINEAR if key not in header]
            if missing:
                raise StudyError(
                    path,
                    f"has no sky coordinates ({missing[0]})",
                    "use a calibrated _flc.fits file",
                )
        names = dict.fromkeys(str(header.get("WCSNAME", "none")) for header in chips.values())
        distortion = hdus[0].header.get("DISTNAME")
        return [Solution(", ".join(names), {})] + [
            Solution(str(hdu.header["WCSNAME"]), cards)
            for hdu in hdus
            if isinstance(hdu, HeaderletHDU) and hdu.header.get("DISTNAME") == distortion
            if (cards := _headerlet_cards(hdu, chips))
        ]


def _headerlet_cards(hdu: HeaderletHDU, chips: Mapping[int, fits.Header]) -> Cards:
    """Return the cards of a headerlet for every chip; none where it is not for these chips."""
    headers = {
        h.header["TG_EVER"]: h.header
        for h in hdu.headerlet
        if h.name == "SIPWCS" and h.header.get("TG_ENAME") == "SCI"
    }
    if headers.keys() != chips.keys() or any(
        # The commanded pointing may come without the polynomial distortion.
        headers[ver].get("CTYPE1") != chip.get("CTYPE1")
        for ver, chip in chips.items()
    ):
        return {}
    names = {key: hdu.header[key] for key in ("WCSNAME", "HDRNAME")}
    return {ver: {key: header[key] for key in LINEAR} | names for ver, header in headers.items()}


def choose_solutions(offers: Sequence[Sequence[Solution]]) -> list[Solution]:
    """Choose a solution for each exposure of a group, of one name where that is possible.

    Parameters
    ----------
    offers : sequence of sequence of Solution
        Of `read_solutions`, for each exposure.

    Returns
    -------
    list of Solution
        The ones in force, if they have one name or no name is common to all exposures; else the
        best kind that all exposures offer.
    """
    in_force = [offer[0] for offer in offers]
    common = set.intersection(*({solution.name for solution in offer} for offer in offers))
    if len({solution.name for solution in in_force}) == 1 or not common:
        return in_force
    best = min(common, key=_rank)
    return [next(s for s in offer if s.name == best) for offer in offers]


def _rank(name: str) -> tuple[int, str]:
    kinds = [i for i, kind in enumerate(KINDS) if kind in name]
    return min(kinds, default=len(KINDS)), name
