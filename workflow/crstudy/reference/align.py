"""Register the exposures of a group, and measure their residual offsets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from crstudy.instrument.wcs import Cards, read_wcs
from crstudy.reference.alignment_verdict import alignment_table
from crstudy.reference.astrometric_solutions import Solution, choose_solutions, read_solutions
from crstudy.reference.offsets import (
    Frame,
    Limits,
    Offset,
    correct_wcs,
    find_sources,
    make_frame,
    measure_offset,
)

#: All sources of the reference exposure; those that a fit uses; those that judge the fit.
EVERY, TO_FIT, TO_CHECK = slice(None), slice(0, None, 2), slice(1, None, 2)


def align_group(
    group: str, paths: Mapping[str, Path], *, max_residual_px: float, min_matches: int
) -> Table:
    """Align the exposures of a group on the one with the most sources.

    Parameters
    ----------
    group : str
        Name of the group.
    paths : mapping of str to path
        Calibrated exposures by name; never changed.
    max_residual_px : float
        Exposures misaligned by more are shifted and rotated onto the reference exposure, px.
    min_matches : int
        Sources in common that a measured offset needs.

    Returns
    -------
    Table
        Of `crstudy.reference.alignment_verdict.alignment_table`, in the order of `paths`.

    Raises
    ------
    StudyError
        An exposure is unreadable or has no sky coordinates.

    Notes
    -----
    Exposures with different astrometric solutions get one that all of them offer. The reference
    exposure is the one with the most sources (the first of several), so that a trailed exposure,
    or one that has lost its stars, cannot hide the offsets of the others. A fit uses every
    second of its sources, from the brightest; the residual is measured with the others, so it is
    not small by construction.
    """
    limits = Limits(max_residual_px, min_matches)
    offers = [read_solutions(path) for path in paths.values()]
    solutions = dict(zip(paths, choose_solutions(offers), strict=True))
    found = {name: find_sources(path) for name, path in paths.items()}
    coordinates = {name: read_wcs(path, solutions[name].cards) for name, path in paths.items()}
    reference = max(paths, key=lambda name: len(found[name]))
    frame = make_frame(found[reference], coordinates[reference])
    rows: list[dict[str, Any]] = []
    for (name, solution), offer in zip(solutions.items(), offers, strict=True):
        sources, wcs = found[name], coordinates[name]
        row = {
            "exposure": name,
            "compared_with": reference,
            "wcsname_archive": offer[0].name,
            "wcsname": solution.name,
            "method": "headerlet" if solution.cards else "as archived",
            "sources": len(sources),
            "cards": solution.cards,
        }
        if name == reference:
            row |= _measured(Offset(), Offset())
        else:
            row |= _align(frame, reference, sources, wcs, solution, limits)
        rows.append(row)
    return alignment_table(rows, group, max_residual_px, min_matches)


def _align(
    frame: Frame,
    reference: str,
    sources: Table,
    wcs: Mapping[int, WCS],
    solution: Solution,
    limits: Limits,
) -> dict[str, Any]:
    """Measure an exposure, correct it if it is misaligned, and return its columns."""
    before = measure_offset(frame, sources, wcs, limits, EVERY)
    kept = _measured(before, before)
    if not before.residual > limits.max_residual_px:
        return kept
    corrected = correct_wcs(frame, sources, wcs, limits, TO_FIT)
    if corrected is None:
        return kept
    after = measure_offset(frame, sources, corrected, limits, TO_CHECK)
    if np.isnan(after.residual):
        return kept
    name = f"{solution.name}-FIT_REL_{reference}"
    return _measured(before, after) | {
        "wcsname": name,
        "method": "headerlet, aligned" if solution.cards else "aligned",
        "cards": _corrected_cards(solution.cards, corrected, name),
    }


def _measured(before: Offset, after: Offset) -> dict[str, Any]:
    return {
        "matches": before.matches,
        "dx": before.dx,
        "dy": before.dy,
        "rotation": before.rotation,
        "residual_before": before.residual,
        "residual": after.residual,
        "residual_matches": after.matches,
    }


def _corrected_cards(cards: Cards, wcs: Mapping[int, WCS], name: str) -> Cards:
    """Return the cards of a corrected solution."""
    corrected = {}
    for ver, chip in wcs.items():
        values = {f"CRVAL{i + 1}": float(chip.wcs.crval[i]) for i in (0, 1)}
        values |= {f"CD{i + 1}_{j + 1}": float(chip.wcs.cd[i, j]) for i in (0, 1) for j in (0, 1)}
        corrected[ver] = dict(cards.get(ver, {})) | values | {"WCSNAME": name}
    return corrected
