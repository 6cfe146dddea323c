"""Table of a group's alignment, and its verdict on the group."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table, vstack

from crstudy.core.formatting import plural
from crstudy.instrument.wcs import Cards

#: If the reference exposure has `RICH * min_matches` sources, every other exposure is expected to
#: match: half of them are then more than enough, the rest may be too faint, or cosmic rays.
RICH = 3

USED, NOT_MEASURED, EXCLUDED = "used", "not measured", "excluded"

#: Columns with their type, unit and meaning.
COLUMNS = {
    "exposure": (str, None, "dataset"),
    "compared_with": (str, None, "exposure that offsets refer to: the one with the most sources"),
    "wcsname_archive": (str, None, "astrometric solution in force in the fetched file"),
    "wcsname": (str, None, "astrometric solution in force in the study's copy"),
    "method": (str, None, "as archived; headerlet: another solution of the file; aligned: fitted"),
    "sources": (int, None, "compact, round sources of the exposure"),
    "matches": (int, None, "sources in common with the exposure compared with"),
    "dx": (float, u.pix, "median offset before a fit, along columns; NaN: not measured"),
    "dy": (float, u.pix, "median offset before a fit, along rows; NaN: not measured"),
    "rotation": (float, u.deg, "rotation before a fit; NaN: not measured"),
    "residual_before": (
        float,
        u.pix,
        "largest median offset before a fit, of frame, halves and quadrants",
    ),
    "residual": (float, u.pix, "largest median offset left, of frame, halves and quadrants"),
    "residual_matches": (
        int,
        None,
        "sources in common behind the residual, none of them fitted",
    ),
    "cards": (str, None, "cards that the study's copy has in its SCI headers, by EXTVER (JSON)"),
    "verdict": (str, None, "on the group: used; not measured, but used; excluded"),
}


def alignment_table(
    rows: Sequence[Mapping[str, Any]], group: str, max_residual_px: float, min_matches: int
) -> Table:
    """Tabulate the alignment of a group.

    Parameters
    ----------
    rows : sequence of mapping
        Values of `COLUMNS` but the verdict, for each exposure.
    group : str
        Name of the group.
    max_residual_px : float
        Largest residual of a group that is not excluded, px.
    min_matches : int
        Minimum number of matched sources of a measured offset.

    Returns
    -------
    Table
        A row per exposure. The verdict is ``excluded`` if a residual exceeds the limit, or an
        exposure cannot be measured though it has another solution than the reference exposure
        (the one compared with) or is lost; else ``not measured`` if an exposure cannot be
        measured, or there is but one; else ``used``.

    Notes
    -----
    An exposure that cannot be measured is lost, which is worse than any residual, if it has fewer
    than half of the sources in common that were to be expected: the median of the exposures that
    are measured. Without any, all sources of the reference exposure are expected if it has `RICH`
    times `min_matches`, and none if it has fewer. So of exposures that share 8 to 15 sources one
    may fall short of 10, and a nearly empty field does not count against its group.
    """
    verdict = _verdict(rows, max_residual_px, min_matches)
    complete = [{**row, "cards": json.dumps(row["cards"]), "verdict": verdict} for row in rows]
    table = Table(
        {name: [row[name] for row in complete] for name in COLUMNS},
        dtype=[dtype for dtype, _, _ in COLUMNS.values()],
        units={name: unit for name, (_, unit, _) in COLUMNS.items()},
        descriptions={name: words for name, (_, _, words) in COLUMNS.items()},
    )
    table.meta = {"group": group, "max_residual_px": max_residual_px, "min_matches": min_matches}
    return table


def _verdict(rows: Iterable[Any], max_residual_px: float, min_matches: int) -> str:
    reference, others = _split(rows)
    residuals = np.array([row["residual"] for row in others], float)
    foreign = np.array([row["wcsname"] != reference["wcsname"] for row in others], bool)
    unknown = np.isnan(residuals)
    if (residuals > max_residual_px).any() or (unknown & foreign).any():
        return EXCLUDED
    if _lost(reference, others, min_matches):
        return EXCLUDED
    return NOT_MEASURED if not others or unknown.any() else USED


def _split(rows: Iterable[Any]) -> tuple[Any, list[Any]]:
    """Return the row of the reference exposure, and the others."""
    rows = list(rows)
    reference = next(row for row in rows if row["exposure"] == row["compared_with"])
    return reference, [row for row in rows if row is not reference]


def _lost(reference: Any, others: Iterable[Any], min_matches: int) -> list[Any]:
    """Return the rows of lost exposures, as `alignment_table` defines them."""
    unknown, known = [], []
    for row in others:
        (unknown if np.isnan(row["residual"]) else known).append(row)
    if known:
        expected = np.median([row["matches"] for row in known])
    else:
        n = reference["sources"]
        expected = n if n >= RICH * min_matches else 0
    return [row for row in unknown if row["matches"] < expected / 2]


def read_cards(table: Table, exposure: str) -> Cards:
    """Return the header cards that the study changes in its copy of an exposure."""
    text = str(table["cards"][list(table["exposure"]).index(exposure)])
    return {int(ver): cards for ver, cards in json.loads(text).items()}


def why_excluded(table: Table) -> str | None:
    """Explain in one line why a group is excluded and what to do; None if it is not.

    Parameters
    ----------
    table : Table
        Alignment of the group.
    """
    if table["verdict"][0] != EXCLUDED:
        return None
    limit = table.meta["max_residual_px"]
    residuals = np.asarray(table["residual"], float)
    where = f"group {table.meta['group']}: excluded, none of its pixels is valid:"
    if (residuals > limit).any():
        worst = table[int(np.nanargmax(residuals))]
        return (
            f"{where} {worst['exposure']} lies {worst['residual']:.2f} px off "
            f"{worst['compared_with']}, more than {limit:g} px. "
            "Fix: drop the group, or raise alignment.max_residual_px"
        )
    reference, others = _split(table)
    if lost := _lost(reference, others, table.meta["min_matches"]):
        sources = f"of the {plural(reference['sources'], 'sources')} of {reference['exposure']}"
        matches = [row["matches"] for row in lost]
        if len(lost) == len(others) > 1:
            return (
                f"{where} no other exposure has more than {max(matches)} {sources}, too few to "
                "tell how they lie. Fix: drop the exposures that are off, or the group"
            )
        return (
            f"{where} {lost[np.argmin(matches)]['exposure']} has {min(matches)} {sources}, too few "
            "to tell how it lies. Fix: drop the exposure, or the group"
        )
    names = ", ".join(sorted(set(table["wcsname"])))
    return (
        f"{where} its exposures have different astrometric solutions ({names}) and too few sources "
        "in common to compare them by. Fix: drop the group, or the exposures of other solutions"
    )


def pool_alignment(tables: Iterable[Table], dataset: str) -> Table:
    """Stack the alignment tables of all groups.

    Parameters
    ----------
    tables : iterable of Table
        One per group.
    dataset : str
        Name of the dataset, for the metadata.

    Returns
    -------
    Table
        Column group and `COLUMNS`, but for the cards.
    """
    parts = []
    for table in tables:
        part = table.copy()
        part.remove_column("cards")
        part.add_column(np.full(len(part), part.meta.pop("group")), name="group", index=0)
        parts.append(part)
    pooled = vstack(parts)
    pooled["group"].description = "group of exposures"
    pooled.meta["dataset"] = dataset
    return pooled


def summarise_alignment(table: Table) -> dict[str, Any]:
    """Summarise how well the exposures of a dataset are aligned.

    Parameters
    ----------
    table : Table
        Of `pool_alignment`.

    Returns
    -------
    dict
        Names of the groups by verdict (used, not_measured, excluded), limit_px, largest_px (the
        largest residual of the groups that are not excluded; NaN if unknown), and changed, the
        number of exposures with another astrometric solution than the archive's.
    """
    verdicts = dict(zip(table["group"], table["verdict"], strict=True))
    names = {"used": USED, "not_measured": NOT_MEASURED, "excluded": EXCLUDED}
    groups = {key: [g for g, v in verdicts.items() if v == name] for key, name in names.items()}
    residuals = np.asarray(table["residual"], float)[np.asarray(table["verdict"]) != EXCLUDED]
    return groups | {
        "limit_px": f"{table.meta['max_residual_px']:g}",
        "largest_px": np.fmax.reduce(residuals, initial=np.nan),
        "changed": sum(method != "as archived" for method in table["method"]),
    }
