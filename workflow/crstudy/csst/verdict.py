"""Verdict on a cosmic-ray detector for single exposures of CSST, written from the tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.config.groups import survey_time
from crstudy.config.registry import METHODS
from crstudy.core.formatting import decimal, with_interval
from crstudy.csst.differences import ANOMALOUS
from crstudy.csst.limits import BELOW, BEYOND, LEVELS
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import UNCHANGED
from crstudy.metrics.names import FULL

USABLE = "can be used for the photometry of stars"
CAUTION = "can be used for the photometry of stars if up to 5 % wrong fluxes can be tolerated"
UNUSABLE = "cannot be used for the photometry of stars"
OPEN = "remains undecided for the photometry of stars"


def judge(low: float, high: float) -> str:
    """Return the verdict on a fraction of anomalous stars: its interval against `LEVELS`."""
    if np.isnan(low) or np.isnan(high):
        return OPEN
    if high < LEVELS[0]:
        return USABLE
    if low > LEVELS[1]:
        return UNUSABLE
    return CAUTION if high < LEVELS[1] else OPEN


def write_verdict(
    scores: Table,
    photometry: Table,
    limits: Table,
    differences: Table,
    published: Mapping[str, Any],
) -> str:
    """Write the verdict on the first method, from the tables alone.

    Parameters
    ----------
    scores : Table
        Of `crstudy.csst.scores.score_table`; the first method is judged.
    photometry : Table
        Of `crstudy.csst.photometry.photometry_table`.
    limits : Table
        Of `crstudy.csst.limits.limit_table`.
    differences : Table
        Of `crstudy.csst.differences.difference_table`.
    published : mapping
        Entry ``retrained`` of ``resources/published_csst.yaml``.

    Returns
    -------
    str
        A paragraph; values in brackets are intervals.
    """
    method = str(scores["method"][0])
    time = survey_time(sorted(set(scores["exptime_s"])))
    tuned = [str(r) for r in dict.fromkeys(scores["remedy"][scores["method"] == method])][-1]
    where = {"exptime_s": time, "field_class": ALL}
    masks = {
        kind: _row(scores, method=method, remedy=kind, region=FULL, **where)
        for kind in (UNCHANGED, tuned)
    }
    fluxes = {
        kind: _row(photometry, method=method, remedy=kind, **where) for kind in (UNCHANGED, tuned)
    }
    original = _row(photometry, method=ORIGINAL, remedy=UNCHANGED, **where)
    parts = [
        f"In {time:g} s, {METHODS[method].label} with default settings finds "
        f"{_percent(masks[UNCHANGED], 'recall')} of the cosmic-ray pixels, and "
        f"{_percent(masks[UNCHANGED], 'precision')} of what it flags is right; with threshold "
        f"{masks[tuned]['threshold']:.2g}, chosen on other fields, "
        f"{_percent(masks[tuned], 'recall')} and "
        f"{_percent(masks[tuned], 'precision')}.",
        f"Retrained on simulated CSST images, deepCR reaches {published['recall_percent']:.2f} ± "
        f"{published['recall_error_percent']:.2f} % and {published['precision_percent']:.2f} ± "
        f"{published['precision_error_percent']:.2f} % ({published['citation']}; other "
        "simulations, so that only the difference in kind can be compared).",
        f"Of the stars, {_percent(original, 'anomalous_fraction')} have a wrong flux if nothing is "
        f"done, {_percent(fluxes[UNCHANGED], 'anomalous_fraction')} after the default detector "
        f"and deepCR's inpainting, {_percent(fluxes[tuned], 'anomalous_fraction')} after "
        f"tuning; the default detector makes "
        f"{_percent(fluxes[UNCHANGED], 'anomalous_free_fraction')} of the fluxes wrong that no "
        f"cosmic ray touched, and leaves "
        f"{_percent(fluxes[UNCHANGED], 'anomalous_hit_fraction')} of those wrong that one hit.",
        *_difference_words(differences, method, tuned, time),
        *_limit_words(limits, method, tuned),
    ]
    judged = {
        kind: judge(*(float(row[f"anomalous_fraction{end}"]) for end in ("_lo", "_hi")))
        for kind, row in fluxes.items()
    }
    judgement = (
        f"In {time:g} s {METHODS[method].label} with default settings {judged[UNCHANGED]}, and "
        f"after tuning it {judged[tuned]} (its interval lies below {_level(0)}, below "
        f"{_level(1)}, above it, or across it)."
    )
    rival = _best_rival(scores, time, method)
    return " ".join([judgement, *parts, *([rival] if rival else [])])


def _row(table: Table, **where: Any) -> Any:
    """Return the row of a table with these values."""
    here = np.logical_and.reduce([np.asarray(table[name] == v) for name, v in where.items()])
    return table[here][0]


def _percent(row: Any, name: str, unit: str = " %") -> str:
    ends = (100 * float(row[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
    return f"{with_interval(*ends, '0')}{unit}"


def _level(number: int) -> str:
    return f"{100 * LEVELS[number]:g} %"


def _difference_words(differences: Table, method: str, tuned: str, time: float) -> list[str]:
    """Say by how much tuning changes recall, precision and wrong fluxes."""
    if tuned == UNCHANGED:
        return []
    where = {"method": method, "remedy": tuned, "minus_method": method, "exptime_s": time}
    changes = []
    for quantity, name in (
        ("recall", "recall"),
        ("precision", "precision"),
        (ANOMALOUS, "the fraction of wrong fluxes"),
    ):
        row = _row(differences, quantity=quantity, **where)
        alone = " (without interval)" if np.isnan(row["difference_lo"]) else ""
        changes.append(f"{name} by {_percent(row, 'difference', unit='')}{alone}")
    return [
        "Paired on the same exposures, tuning changes "
        f"{changes[0]}, {changes[1]} and {changes[2]} percentage points."
    ]


def _limit_words(limits: Table, method: str, tuned: str) -> list[str]:
    """Say at which exposure times the fraction of anomalous stars exceeds each level."""
    parts = []
    for name, kind, who in (
        (ORIGINAL, UNCHANGED, "if nothing is done"),
        (method, UNCHANGED, "with the default detector"),
        (method, tuned, "after tuning"),
    ):
        ends = []
        for i, level in enumerate(LEVELS):
            row = _row(limits, method=name, remedy=kind, field_class=ALL, level=level)
            ends.append(f"{_level(i)} {_when(row)}")
        parts.append(f"{who} {', '.join(ends)}")
    return [f"The measured fraction of wrong fluxes exceeds, {'; '.join(parts)}."]


def _when(row: Any) -> str:
    """Say at which time a level is exceeded."""
    if row["reached"] == BELOW:
        return "at all exposure times"
    if row["reached"] == BEYOND:
        return "at none"
    if np.isnan(row["exptime_s"]):
        return "at an undefined time"
    ends = [
        "…" if np.isnan(row[f"exptime_s{end}"]) else decimal(row[f"exptime_s{end}"], 0)
        for end in ("_lo", "_hi")
    ]
    return f"from {decimal(row['exptime_s'], 0)} [{ends[0]}, {ends[1]}] s on"


def _best_rival(scores: Table, time: float, method: str) -> str:
    """Say what the other method reaches that is best on the validation fields."""
    rows = scores[
        (scores["exptime_s"] == time)
        & (scores["field_class"] == ALL)
        & (scores["region"] == FULL)
        & (scores["method"] != method)
    ]
    f1 = np.asarray(rows["validation_f1"])
    if not np.isfinite(f1).any():
        return ""
    best = rows[int(np.nanargmax(f1))]
    return (
        f"Of the other methods {METHODS[str(best['method'])].label} ({best['remedy']}) did best on "
        f"the validation fields; on the others it finds "
        f"{_percent(best, 'recall')} of the cosmic-ray pixels, {_percent(best, 'precision')} right."
    )
