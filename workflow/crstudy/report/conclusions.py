"""Verdicts on the five conclusions of the paper, and the numbers behind them.

The sentences are in ``workflow/report/parts/conclusions.html.j2``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crstudy.metrics.bootstrap import MIN_GROUPS
from crstudy.metrics.names import FULL
from crstudy.report import measured as m
from crstudy.report.measured import Measured

CONFIRMED = "confirmed"
OTHER_NUMBER = "direction confirmed, value differs"
REFUTED = "refuted"
OPEN = "inconclusive"
NOT_TESTED = "not tested"
HUBBLE_ONLY = "holds for Hubble, not tested for CSST"
#: About twenty cosmic rays; the recall of fewer pixels is unreliable, whatever its interval.
MIN_CR_PX = 100
#: F1 may drift by this much per decade and still be called stable: about the half-width that the
#: paper's own scatter of 2.4 percentage points among 20 groups over nine years allows.
STABLE_F1_PERCENT = 5.0

Published = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Conclusion:
    """A conclusion of the paper, the verdict on it, and the numbers of its sentences.

    Attributes
    ----------
    key : str
        Name of its macro in ``workflow/report/parts/conclusions.html.j2``.
    verdict : str
        `CONFIRMED`, `OTHER_NUMBER`, `REFUTED`, `OPEN`, `NOT_TESTED` or `HUBBLE_ONLY`.
    numbers : mapping of str to object
        Measured and published numbers by name.
    """

    key: str
    verdict: str
    numbers: Mapping[str, Any]


def draw_conclusions(results: m.Results, published: Mapping[str, Any]) -> list[Conclusion]:
    """Judge the five conclusions of the paper (its section 4).

    Parameters
    ----------
    results : crstudy.report.measured.Results
        Tables table1, groups, density_fits and stability_trends of a dataset.
    published : mapping
        Content of ``resources/published.yaml``.

    Returns
    -------
    list of Conclusion
        In the paper's order.
    """
    numbers = {number["key"]: number for number in published["numbers"]}
    rows = {str(row["region"]): row for row in published["table1"]["rows"]}
    return [
        _recall_falls(results, rows),
        _density_contaminates(results, numbers),
        _density_degrades(results, numbers),
        _no_ageing(results, numbers),
        _short_exposures(results, numbers),
    ]


def _recall_falls(results: m.Results, rows: Published) -> Conclusion:
    """Judge conclusion 1."""
    full = m.table1("recall", FULL)(results, {})
    inner, region = _innermost(results)
    # Conservative: the two scores share their groups, but are not resampled in pairs.
    ends = (inner.value - full.value, inner.lo - full.hi, inner.hi - full.lo)
    fall = Measured(*ends, inner.count, "pixels")
    at_paper = None
    if region in rows:
        at_paper = rows[region]["recall_percent"] - rows[FULL]["recall_percent"]
    verdict = _judge(-fall.hi, -fall.lo)
    if len(results.tables["groups"]) < MIN_GROUPS:
        verdict = OPEN
    if verdict == CONFIRMED and at_paper is not None and not fall.lo <= at_paper <= fall.hi:
        verdict = OTHER_NUMBER
    numbers = {"full": full, "inner": inner, "region": region, "fall": fall, "at_paper": at_paper}
    numbers |= {"paper_full": rows[FULL], "paper_inner": rows[m.INNERMOST]}
    numbers |= {"paper_region": m.INNERMOST, "min_px": MIN_CR_PX}
    return Conclusion("recall", verdict, numbers | {"truth": _against_truth(results, region)})


def _innermost(results: m.Results) -> tuple[Measured, str]:
    """Return recall in the innermost star region with enough cosmic-ray pixels, and its name."""
    table = results.tables["table1"]
    regions = [str(r) for r in dict.fromkeys(table["region"]) if r != FULL]
    for region in sorted(regions, key=float, reverse=True):
        recall = m.table1("recall", region)(results, {})
        if recall.count >= MIN_CR_PX and np.isfinite(recall.value):
            return recall, region
    return Measured(), ""


def _against_truth(results: m.Results, region: str) -> list[Measured]:
    """Return recall against the truth, if known, in the full frame and in a region."""
    where = {"model": results.model, "comparison": "truth"}
    try:
        rows = [results.row("table1", **where, region=name) for name in (FULL, region)]
    except m.NoRowError:
        return []
    return [Measured.of(row, "recall", row["tp"] + row["fn"], "px").percent() for row in rows]


def _density_contaminates(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 2."""
    paper = numbers["contaminated_at_9_percent"]
    slope, value = _line(results, "contaminated all", paper)
    verdict = _judge(slope.lo, slope.hi) if slope.count >= MIN_GROUPS else OPEN
    if verdict == CONFIRMED and not _reaches(value, paper):
        verdict = OTHER_NUMBER
    numbers = {"slope": slope, "value": value, "paper": paper}
    return Conclusion("contamination", verdict, numbers)


def _density_degrades(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 3."""
    lines = {}
    for area in ("16-50", "200-400"):
        paper = numbers[f"anomalous_{area.replace('-', '_')}_at_14_percent"]
        slope, value = _line(results, f"anomalous {area}", paper)
        lines[area] = {"slope": slope, "value": value, "paper": paper}
    decided = [line for line in lines.values() if line["slope"].count >= MIN_GROUPS]
    judged = [_judge(line["slope"].lo, line["slope"].hi) for line in decided]
    if REFUTED in judged:
        verdict = REFUTED
    elif len(judged) < len(lines) or OPEN in judged:
        verdict = OPEN
    elif all(_reaches(line["value"], line["paper"]) for line in decided):
        verdict = CONFIRMED
    else:
        verdict = OTHER_NUMBER
    few = len(decided) < len(lines)
    return Conclusion("anomalous", verdict, {"lines": lines, "few": few, "min_groups": MIN_GROUPS})


def _no_ageing(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 4."""
    quantities = {"F1": "f1 reference", "F2": "f2 reference", "photometric RMS": "rms_trimmed"}
    slopes = {name: _or_nothing(m.trend(key), results) for name, key in quantities.items()}
    f1 = slopes["F1"]
    bound = max(abs(f1.lo), abs(f1.hi))
    defined = all(np.isfinite([s.lo, s.hi]).all() for s in slopes.values())
    if results.simulated:
        verdict = NOT_TESTED
    elif not defined:
        verdict = OPEN
    elif any(s.lo > 0 or s.hi < 0 for s in slopes.values()):
        verdict = REFUTED
    else:
        verdict = CONFIRMED if bound <= STABLE_F1_PERCENT else OPEN
    numbers = {"paper": numbers["f1_trend"], "slopes": slopes, "bound": bound, "defined": defined}
    numbers |= {"stable": STABLE_F1_PERCENT, "simulated": results.simulated}
    return Conclusion("ageing", verdict, numbers)


def _short_exposures(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 5."""
    slope, _ = _line(results, "contaminated all", numbers["contaminated_at_9_percent"])
    rates = np.asarray(results.tables["groups"]["cr_fraction_per_1000s"], float)
    rate = float(np.mean(rates[np.isfinite(rates)])) if np.isfinite(rates).any() else np.nan
    per_1000s = Measured(*(rate * 100 * x for x in (slope.value, slope.lo, slope.hi)))
    verdict = _judge(per_1000s.lo, per_1000s.hi) if slope.count >= MIN_GROUPS else OPEN
    verdict = HUBBLE_ONLY if verdict == CONFIRMED else verdict
    time = numbers["exptime_at_4_percent"]
    numbers = {"rate": rate, "per_1000s": per_1000s, "paper": time} | {
        "reached": _or_nothing(m.exptime_at, results, time),
        "csst": numbers["csst_exptime"],
    }
    return Conclusion("short", verdict, numbers)


def _line(results: m.Results, quantity: str, number: m.Number) -> tuple[Measured, Measured]:
    """Return slope and value of a fitted line; their samples are groups and points."""
    try:
        row = results.row("density_fits", quantity=quantity)
    except m.NoRowError:
        return Measured(), Measured()
    value = _or_nothing(m.fitted(quantity), results, number)
    return Measured.of(row, "slope", row["groups"], "groups"), value


def _or_nothing(look: m.Lookup, results: m.Results, number: m.Number | None = None) -> Measured:
    try:
        return look(results, number or {})
    except m.NoRowError:
        return Measured()


def _judge(low: float, high: float) -> str:
    """Judge from its interval the claim that a quantity is positive."""
    if np.isnan(low) or np.isnan(high) or low <= 0 <= high:
        return OPEN
    return CONFIRMED if low > 0 else REFUTED


def _reaches(measured: Measured, number: m.Number) -> bool:
    """Return whether the interval, widened by the rounding, contains the published value."""
    low, high = measured.lo - number["rounding"], measured.hi + number["rounding"]
    return bool(low <= number["value"] <= high)
