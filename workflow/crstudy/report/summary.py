"""What a report answers first: for whom masks suffice, and its three numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.metrics.bootstrap import MIN_GROUPS
from crstudy.metrics.curves.thresholds import DEFAULT
from crstudy.metrics.names import FULL, all_strata
from crstudy.photometry.method_fluxes import ALL_CLASSES, UNREPAIRED
from crstudy.report.conclusions import MIN_CR_PX
from crstudy.report.headlines import NET, RIVAL, headline_rows
from crstudy.report.measured import Measured, select_rows
from crstudy.report.verdict_rules import MIN_COUNT

#: The numbers, by name in `crstudy.report.headlines`, of which the first three with a value count.
NUMBERS = {
    True: ("recall truth full", "recall truth 3", "repaired"),
    False: ("recall reference full", "recall reference 3", "repaired", "precision reference full"),
}
NO_SYSTEMATIC = "unknown, since the labels are not the truth"
#: Tables of each section that may be missing: it needs one of them.
NEEDS = {
    "photometry": ("photometry_magnitude",),
    "fluxes": ("method_fluxes",),
    "rivals": ("recall",),
    "labels": ("audit", "mixtures"),
    "exposures": ("n_exposures", "n_exposures_simulated"),
    "calibration": ("calibration",),
    "density": ("density_fits",),
    "stability": ("stability",),
    "csst": ("csst_ranges",),
    "published": ("published_vs_measured",),
    "checks": ("sensitivity",),
}
NO_TRUTH = "the true cosmic rays and fluxes of real exposures are not known"
NOT_SIMULATED = "exposures of Hubble show nothing about its camera"
NO_STAR = "no star passes the selection"
#: Verdicts on a paired difference.
MORE, FEWER, UNDECIDED = "more", "fewer", "undecided"


def pick_numbers(tables: Mapping[str, Table], simulated: bool) -> list[dict[str, str]]:
    """Return the three numbers, each with both uncertainties.

    Parameters
    ----------
    tables : mapping of str to Table
        Of a study by the names of their files, for simulated exposures with ``systematics``.
    simulated : bool
        The exposures are simulated.

    Returns
    -------
    list of dict
        Of `crstudy.report.headlines.headline_rows`; fewer where tables are missing.
    """
    systematics = tables["systematics"] if simulated else None
    rows = {row["key"]: row for row in headline_rows(tables, systematics)}
    few = _few_pixels(tables["table1"])
    named = [rows[key] for key in NUMBERS[simulated] if key in rows and key not in few]
    found = [row for row in named if row["value"] != "undefined"][:3]
    return found if simulated else [row | {"card": NO_SYSTEMATIC} for row in found]


def _few_pixels(table1: Table) -> set[str]:
    """Name the numbers of Table 1 that rest on too few cosmic-ray pixels."""
    rows = all_strata(table1[table1["model"] == NET])
    rows = rows[rows["tp"] + rows["fn"] < MIN_CR_PX]
    return {f"recall {row['comparison']} {row['region']}" for row in rows}


def answer_whom(tables: Mapping[str, Table], rate: float) -> dict[str, dict[str, Any]]:
    """Compare the net with the simplest rival and with no correction, for each kind of reader.

    Parameters
    ----------
    tables : mapping of str to Table
        Of these recall, differences and method_fluxes, as far as the study has them.
    rate : float
        False-positive rate at which recall is compared.

    Returns
    -------
    dict of str to dict
        frame and stars: verdict on the net's recall against the rival's, change, and recall of both
        in percent; fluxes: the same of wrong fluxes against no correction, with the change
        against tuned L.A.Cosmic by field class as rival.
    """
    found: dict[str, dict[str, Any]] = {}
    if "recall" in tables and "differences" in tables:
        recall, differences = (all_strata(tables[name]) for name in ("recall", "differences"))
        comparison = "truth" if "truth" in recall["comparison"] else "reference"
        stars = sorted({str(name) for name in recall["region"]} - {FULL, "sky"}, key=float)
        for name, region in zip(("frame", "stars"), (FULL, *stars[:1]), strict=False):
            where = {"comparison": comparison, "region": region, "fpr": rate}
            pair = [select_rows(recall, method=m, **where) for m in (NET, RIVAL)]
            paired = select_rows(differences, method=RIVAL, minus=NET, quantity="recall", **where)
            if all(map(len, (*pair, paired))):
                change = Measured.of(paired[0], "difference", scale=-100)
                change = Measured(change.value, change.hi, change.lo)
                both = [Measured.of(one[0], "recall").percent() for one in pair]
                if not np.isfinite(change.value):
                    continue
                found[name] = _judged(change, *both) | {"region": region}
    if "method_fluxes" in tables:
        where = {"threshold_kind": DEFAULT, "field_class": ALL_CLASSES}
        pair = [select_rows(tables["method_fluxes"], method=m, **where) for m in (NET, UNREPAIRED)]
        if all(map(len, pair)):
            change = Measured.of(pair[0][0], "anomalous_fraction_change").percent()
            both = [Measured.of(one[0], "anomalous_fraction").percent() for one in pair]
            found["fluxes"] = _judged(change, *both) | {"rival": _against_rival(tables)}
    return found


def _against_rival(tables: Mapping[str, Table]) -> list[tuple[str, Measured]]:
    """Return the net's change of wrong fluxes against the rival's, by field class.

    A class needs as many stars that a cosmic ray hit as a published number does.
    """
    name = "anomalous_fraction_minus_rival"
    rows = select_rows(tables["method_fluxes"], method=NET, threshold_kind=DEFAULT)
    return [
        (
            str(row["field_class"]).replace("_", " "),
            Measured.of(row, name, row["stars"], "stars").percent(),
        )
        for row in (rows if name in rows.colnames else [])
        if row["field_class"] != ALL_CLASSES and row["hit"] >= MIN_COUNT and np.isfinite(row[name])
    ]


def _judged(change: Measured, own: Measured, other: Measured) -> dict[str, Any]:
    """Return a paired difference with its verdict."""
    verdict = MORE if change.lo > 0 else FEWER if change.hi < 0 else UNDECIDED
    return {"verdict": verdict, "change": change, "own": own, "other": other}


def find_gone(
    tables: Mapping[str, Table], facts: Mapping[str, Any], simulated: bool
) -> dict[str, str]:
    """Say of each section without data why it has none.

    Parameters
    ----------
    tables : mapping of str to Table
    facts : mapping
        n_groups and n_stars of the study.
    simulated : bool
        The exposures are simulated.

    Returns
    -------
    dict of str to str
        By the section's name.
    """
    gone = {
        section: f"this page was made without {names[0]}.ecsv"
        for section, names in NEEDS.items()
        if not any(name in tables for name in names)
    }
    if not simulated:
        gone |= dict.fromkeys(("fluxes", "labels"), NO_TRUTH) | {"csst": NOT_SIMULATED}
    if "remedy" not in tables:
        gone["refinement"] = "not asked for: methods.remedy"
    if facts["n_groups"] < MIN_GROUPS:
        gone["stability"] = f"fewer than {MIN_GROUPS} groups show no trend"
    if not facts["n_stars"]:
        gone |= dict.fromkeys(("photometry", "density", "checks"), NO_STAR)
    return gone
