"""The paper's five conclusions, each judged by the measured numbers and said in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crstudy.core.formatting import NO_BREAK, decimal, integer, plural, with_interval
from crstudy.metrics.bootstrap import MIN_GROUPS
from crstudy.metrics.names import FULL
from crstudy.report import measured as m
from crstudy.report.measured import Measured

CONFIRMED = "confirmed"
OTHER_NUMBER = "confirmed, but with another number"
REFUTED = "refuted"
OPEN = "cannot be said from these data"
#: Some twenty cosmic rays; a recall of fewer pixels means little, whatever its interval.
MIN_CR_PX = 100
#: F1 may drift by this much per decade and still be called stable: about the half-width that the
#: paper's own scatter of 2.4 percentage points among 20 groups over nine years allows.
STABLE_F1_PERCENT = 5.0
#: The simulator's camera, sky and cosmic rays do not change with the date.
SIMULATED = "simulated"

PP = "percentage points"

Published = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Conclusion:
    """A conclusion of the paper, the verdict on it, and the number that decided.

    Attributes
    ----------
    key : str
        Name for links.
    title : str
        The conclusion in a few words.
    claim : str
        What the paper says, with its numbers.
    verdict : str
        `CONFIRMED`, `OTHER_NUMBER`, `REFUTED` or `OPEN`.
    number : str
        The deciding number with its interval.
    sentence : str
        One paragraph: what was found, and what follows.
    """

    key: str
    title: str
    claim: str
    verdict: str
    number: str
    sentence: str


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
        _density_spoils(results, numbers),
        _no_ageing(results, numbers),
        _short_exposures(results, numbers),
    ]


def simulated(results: m.Results) -> bool:
    """Return whether the exposures are simulated."""
    return str(results.tables["table1"].meta["observed_with"]).startswith(SIMULATED)


def _recall_falls(results: m.Results, rows: Published) -> Conclusion:
    """Judge conclusion 1."""
    full = m.table1("recall", FULL)(results, {})
    inner, region = _innermost(results)
    # Widest: the two intervals come from the same groups, but not as a pair.
    ends = (inner.value - full.value, inner.lo - full.hi, inner.hi - full.lo)
    fall = Measured(*ends, inner.count, "pixels")
    title = "Recall falls toward the centres of stars"
    claim = (
        f"Recall falls from {rows[FULL]['recall_percent']} % in the full frame to "
        f"{rows[m.INNERMOST]['recall_percent']} % above {m.INNERMOST} RMS, toward the centres of "
        "stars."
    )
    if np.isnan(fall.value):
        found = (
            f"No star region holds {MIN_CR_PX} pixels that the reference labels; in the full frame "
            f"recall is {_text(full, '%')}."
        )
        return Conclusion("recall", title, claim, OPEN, "too few cosmic rays on stars", found)
    verdict = _judge(-fall.hi, -fall.lo)
    if len(results.tables["groups"]) < MIN_GROUPS:
        verdict = OPEN
    found = (
        f"Against the AstroDrizzle reference recall is {_text(full, '%')} in the full frame "
        f"and {_text(inner, '%')} above {region} RMS, the innermost region with at least "
        f"{MIN_CR_PX} cosmic-ray pixels ({integer(inner.count)}): a change of {_text(fall, PP)}."
    )
    if region in rows:
        at_paper = rows[region]["recall_percent"] - rows[FULL]["recall_percent"]
        found += f" Between the same regions the paper has {decimal(at_paper)}."
        if verdict == CONFIRMED and not fall.lo <= at_paper <= fall.hi:
            verdict = OTHER_NUMBER
    beyond = _recall_against_truth(results, region)
    found = " ".join(filter(None, [found, _no_interval(fall, "recall"), beyond]))
    number = f"change of recall: {_text(fall, PP)}"
    return Conclusion("recall", title, claim, verdict, number, found)


def _innermost(results: m.Results) -> tuple[Measured, str]:
    """Return recall in the star region nearest to the centres that holds enough pixels."""
    table = results.tables["table1"]
    regions = [str(r) for r in dict.fromkeys(table["region"]) if r != FULL]
    for region in sorted(regions, key=float, reverse=True):
        recall = m.table1("recall", region)(results, {})
        if recall.count >= MIN_CR_PX and np.isfinite(recall.value):
            return recall, region
    return Measured(), ""


def _recall_against_truth(results: m.Results, region: str) -> str:
    """Say what the recall against the true cosmic rays does, where they are known."""
    if not simulated(results):
        return ""
    parts = []
    for name in (FULL, region):
        where = {"model": results.model, "comparison": "truth", "region": name}
        try:
            row = results.row("table1", **where)
        except m.NoRowError:
            return ""
        ends = (100 * row[f"recall{end}"] for end in ("", "_lo", "_hi"))
        parts.append(with_interval(*ends, f"{row['tp'] + row['fn']} px"))
    return (
        f"Against the true cosmic rays, which the paper could not know, it goes from {parts[0]} % "
        f"to {parts[1]} %."
    )


def _density_contaminates(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 2."""
    number = numbers["contaminated_at_9_percent"]
    slope, value = _line(results, "contaminated all", number)
    claim = (
        f"The more pixels cosmic rays hit, the more stars they contaminate: {number['published']} "
        f"where {number['at_percent']} % of the pixels are hit."
    )
    verdict = _judge(slope.lo, slope.hi)
    if slope.count < MIN_GROUPS:
        verdict = OPEN
    if verdict == CONFIRMED and not _reaches(value, number):
        verdict = OTHER_NUMBER
    at = f"where {number['at_percent']} % of the pixels are hit"
    found = (
        f"The fitted line gives {_text(value, '%')} contaminated stars {at}, and rises by "
        f"{_text(slope, PP)} for each percent of pixels ({plural(slope.count, 'groups')}). "
        f"{_no_interval(slope, 'slope')}"
        if np.isfinite(slope.value)
        else "No line can be fitted: too few exposures hold enough stars."
    )
    title = "The density of cosmic rays drives contamination"
    measured = f"stars contaminated {at}: {_text(value, '%')}"
    return Conclusion("contamination", title, claim, verdict, measured, found.strip())


def _density_spoils(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 3."""
    small, large = (numbers[f"anomalous_{k}_at_14_percent"] for k in ("16_50", "200_400"))
    lines = {
        name: (*_line(results, f"anomalous {name}", number), number)
        for name, number in {"16-50": small, "200-400": large}.items()
    }
    at, share = small["at_percent"], f"{small['value']} to {large['value']} %"
    claim = (
        f"Where {at} % of the pixels are hit, the photometry of {share} of the stars is anomalous, "
        "small stars least and large stars most."
    )
    decided = [line for line in lines.values() if line[0].count >= MIN_GROUPS]
    judged = [_judge(slope.lo, slope.hi) for slope, _, _ in decided]
    if REFUTED in judged:
        verdict = REFUTED
    elif len(judged) < len(lines) or OPEN in judged:
        verdict = OPEN
    else:
        verdict = CONFIRMED if all(_reaches(v, n) for _, v, n in decided) else OTHER_NUMBER
    parts = [
        f"for stars of {name} px {_text(value, '%')} ({plural(slope.count, 'groups')}; paper: "
        f"{number['published']})"
        for name, (slope, value, number) in lines.items()
    ]
    found = f"At {at} % the fitted lines give {' and '.join(parts)}."
    if len(decided) < len(lines):
        found += f" A verdict needs at least {MIN_GROUPS} groups for either size."
    title = f"At {at} % of pixels hit, {share} of the photometry is anomalous"
    measured = "; ".join(f"stars of {k} px: {_text(v, '%')}" for k, (_, v, _) in lines.items())
    return Conclusion("anomalous", title, claim, verdict, measured, found)


def _no_ageing(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 4."""
    quantities = {"F1": "f1 reference", "F2": "f2 reference", "photometric RMS": "rms_trimmed"}
    slopes = {name: _or_nothing(m.trend(key), results) for name, key in quantities.items()}
    f1 = slopes["F1"]
    claim = (
        "deepCR does not age: F1 and F2 on stars and the RMS of the flux ratios show "
        f"{numbers['f1_trend']['published']}."
    )
    defined = all(np.isfinite([s.lo, s.hi]).all() for s in slopes.values())
    if not defined or simulated(results):
        verdict = OPEN
    elif any(s.lo > 0 or s.hi < 0 for s in slopes.values()):
        verdict = REFUTED
    else:
        verdict = CONFIRMED if _bound(f1) <= STABLE_F1_PERCENT else OPEN
    parts = [f"{name} {_text(slope, '', 2)}" for name, slope in slopes.items()]
    found = (
        f"Change per decade, in percentage points: {', '.join(parts)} "
        f"({plural(f1.count, 'groups')}). Only changes of F1 above {decimal(_bound(f1))} are "
        f"excluded; stable is called what stays below {STABLE_F1_PERCENT:g}."
        if defined
        else "A trend needs at least three groups of different dates."
    )
    if simulated(results):
        found += (
            " The simulated camera, its sky and its cosmic rays do not change with the date: the "
            "trend is a control of the method and says nothing about a detector in orbit."
        )
    measured = f"change of F1 per decade: {_text(f1, PP)}"
    return Conclusion("ageing", "No ageing over nine years", claim, verdict, measured, found)


def _short_exposures(results: m.Results, numbers: Published) -> Conclusion:
    """Judge conclusion 5."""
    slope, _ = _line(results, "contaminated all", numbers["contaminated_at_9_percent"])
    rates = np.asarray(results.tables["groups"]["cr_fraction_per_1000s"], float)
    rate = float(np.mean(rates[np.isfinite(rates)])) if np.isfinite(rates).any() else np.nan
    per_1000s = Measured(*(rate * 100 * x for x in (slope.value, slope.lo, slope.hi)))
    verdict = _judge(per_1000s.lo, per_1000s.hi) if slope.count >= MIN_GROUPS else OPEN
    time = numbers["exptime_at_4_percent"]
    reached = _or_nothing(m.exptime_at, results, time)
    found = (
        f"Cosmic rays hit {decimal(100 * rate, 2)} % of the pixels in 1000 s, so 4 % after "
        f"{_text(reached, 's', 0)} (paper: {time['published']})."
    )
    if np.isfinite(per_1000s.value):
        found += (
            f" With the line of conclusion 2 each further 1000 s of an exposure contaminates "
            f"another {_text(per_1000s, '%')} of its stars (the interval is the line's, at the "
            "mean rate)."
        )
    else:
        found += " No line tells what that does to stars."
    found += (
        " These are numbers of Hubble's orbit, detectors and pixels: how short is best for CSST "
        "depends on its own rate, read noise and sampling, which no table here holds."
    )
    claim = (
        "Long exposures collect cosmic rays that deepCR cannot repair on stars; those of CSST "
        f"({numbers['csst_exptime']['published']}) should stay short."
    )
    measured = f"stars contaminated by 1000 s more: {_text(per_1000s, '%')}"
    title = "Keep the exposures of CSST short"
    return Conclusion("short", title, claim, verdict, measured, found)


def _line(results: m.Results, quantity: str, number: m.Number) -> tuple[Measured, Measured]:
    """Return slope and value of a fitted line; the slope counts groups, the value points."""
    try:
        row = results.row("density_fits", quantity=quantity)
    except m.NoRowError:
        return Measured(), Measured()
    ends = (float(row[f"slope{end}"]) for end in ("", "_lo", "_hi"))
    value = _or_nothing(m.fitted(quantity), results, number)
    return Measured(*ends, int(row["groups"]), "groups"), value


def _or_nothing(look: m.Lookup, results: m.Results, number: m.Number | None = None) -> Measured:
    try:
        return look(results, number or {})
    except m.NoRowError:
        return Measured()


def _judge(low: float, high: float) -> str:
    """Judge the claim that a quantity is positive, by its interval."""
    if np.isnan(low) or np.isnan(high) or low <= 0 <= high:
        return OPEN
    return CONFIRMED if low > 0 else REFUTED


def _reaches(measured: Measured, number: m.Number) -> bool:
    """Return whether the interval, widened by the rounding, holds the published value."""
    low, high = measured.lo - number["rounding"], measured.hi + number["rounding"]
    return bool(low <= number["value"] <= high)


def _bound(slope: Measured) -> float:
    return max(abs(slope.lo), abs(slope.hi))


def _no_interval(measured: Measured, what: str) -> str:
    """Say why an interval is absent."""
    return f"With one group the {what} has no interval." if np.isnan(measured.lo) else ""


def _text(measured: Measured, unit: str = "", digits: int = 1) -> str:
    """Write a measured value with its interval and unit."""
    count = f"{integer(measured.count)} {measured.count_of}".strip()
    text = with_interval(measured.value, measured.lo, measured.hi, count, digits)
    if not unit or np.isnan(measured.value):
        return text
    return f"{text}{' ' if unit == PP else NO_BREAK}{unit}"
