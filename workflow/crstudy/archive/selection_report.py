"""Outputs of the selection: the group table, and a report to review before it is pinned."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from astropy.table import Table
from astropy.time import Time

from crstudy.archive.fetch import mast_uri
from crstudy.archive.selection import Group

#: Value of the column `seen_by` if no net was trained or tested on the programme.
UNSEEN = "none"


def make_group_table(
    groups: Sequence[Group], observed_with: str, settings: Mapping[str, Any], seed: int
) -> Table:
    """Return the group table.

    Parameters
    ----------
    groups : sequence of Group
        In their order.
    observed_with : str
        Camera and filter.
    settings : mapping
        Configuration section ``selection``.
    seed : int
        Of the draw.

    Returns
    -------
    Table
        A row per exposure: group (``g001``, ...), dataset, proposal, target, date, exptime (s),
        ra, dec (deg), uri, field_class, seen_by. Its comments describe the columns.
    """
    rows = [
        {
            "group": f"g{number:03d}",
            "dataset": exposure.dataset,
            "proposal": exposure.observation.proposal,
            "target": exposure.observation.target,
            "date": Time(exposure.observation.start_mjd, format="mjd").isot[:10],
            "exptime": f"{exposure.exptime_s:.1f}",
            "ra": f"{exposure.observation.ra:.6f}",
            "dec": f"{exposure.observation.dec:.6f}",
            "uri": mast_uri(exposure.dataset),
            "field_class": exposure.observation.field_class,
            "seen_by": ",".join(group.seen_by) or UNSEEN,
        }
        for number, group in enumerate(groups, 1)
        for exposure in group.exposures
    ]
    table = Table(rows)
    table.meta["comments"] = [
        f"{len(groups)} groups of {observed_with}, {settings['first_date']} to "
        f"{settings['last_date']}, drawn from MAST with seed {seed}.",
        "date, ra, dec (deg): start (UTC) and position of the observation that the exposure is of.",
        "exptime: mean over the exposures of that observation, s.",
        "field_class: from the proposer's keywords (resources/field_classes.yaml).",
        "seen_by: nets that were trained or tested on the programme "
        "(resources/training_programmes.ecsv).",
    ]
    return table


def to_markdown(table: Table, steps: Table, pin: str) -> str:
    """Format the selection for review, as Markdown.

    Parameters
    ----------
    table : Table
        Of `make_group_table`.
    steps : Table
        Of `crstudy.archive.selection.select_groups`.
    pin : str
        Path that the table is to be copied to.
    """
    first = table[[i for i, name in enumerate(table["group"]) if name not in table["group"][:i]]]
    names = ["group", "date", "proposal", "target", "field_class", "exptime", "seen_by"]
    counts = [
        f"{what}: " + ", ".join(f"{name} {n}" for name, n in sorted(Counter(values).items()))
        for what, values in (
            ("Field classes", first["field_class"]),
            ("Years", [day[:4] for day in first["date"]]),
            ("Programmes", first["proposal"]),
        )
    ]
    return "\n".join(
        [
            "# Selection of groups",
            "",
            table.meta["comments"][0],
            f"To pin it: copy groups.tsv to {pin}, review it, commit it.",
            "",
            "## Kept and dropped, step by step",
            "",
            *_lines(steps, ["of", "step", "kept", "dropped", "why"]),
            "",
            "Fields are examined until there are enough groups.",
            "",
            "## Groups",
            "",
            *_lines(first, names),
            "",
            *(f"- {line}" for line in counts),
            "",
            "## To review",
            "",
            *(f"- {line}" for line in REVIEW),
            "",
        ]
    )


#: Limits of the archive's answers.
REVIEW = (
    "The date and mean exposure time (s) above are those of the observation of a group's first "
    "exposure; exposures of an observation may differ.",
    "Full frames are identified by the area of the observation's outline and the size of the file.",
    "A failed exposure without an exposure time or an outline is dropped here; EXPFLAG is checked "
    "when the file is fetched.",
    "Orientations are compared modulo 90 deg.",
    "The field class is derived from the proposer's keywords for the target.",
)


def _lines(table: Table, names: Sequence[str]) -> list[str]:
    """Return the lines of a Markdown table."""
    rows = [names, ["---"] * len(names), *([str(row[n]) for n in names] for row in table)]
    return ["| " + " | ".join(row) + " |" for row in rows]
