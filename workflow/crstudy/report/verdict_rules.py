"""Rules that compare a published value with a measured one; each states its criterion."""

from collections.abc import Callable

import numpy as np
from scipy.stats import betabinom

from crstudy.report.measured import Measured, Number

AGREES, DIFFERS, NOT_COMPARABLE = "agrees", "differs", "not comparable"
#: The data cannot show the effect, or the number follows from others that have a verdict.
NOT_TESTED, REPEATED = "not tested", "repeated"
VERDICTS = (AGREES, DIFFERS, NOT_TESTED, REPEATED, NOT_COMPARABLE)
#: Below this number of pixels or measurements an interval is not reliable enough for a verdict.
MIN_COUNT = 30
#: No value of n can lie more than (n - 1) / sqrt(n) standard deviations from the mean.
MIN_GROUPS_3_STD = 11
#: Number of groups in the paper, and the significance level of `same_range`.
PAPER_GROUPS, SMALL_CHANCE = 20, 0.05
Verdict = tuple[str, str]
Rule = Callable[[Number, Measured], Verdict]


def _verdict(agrees: bool, rule: str) -> Verdict:
    return (AGREES if agrees else DIFFERS), rule


def inside(number: Number, measured: Measured) -> Verdict:
    """Agree if the measured interval, widened by the rounding, contains the published value."""
    rounding = number["rounding"]
    agrees = measured.lo - rounding <= number["value"] <= measured.hi + rounding
    return _verdict(
        agrees,
        f"agrees if the published value, +-{rounding:g} for rounding, reaches the interval",
    )


def overlaps(number: Number, measured: Measured) -> Verdict:
    """Agree if the published range and the measured interval overlap."""
    low, high = number["low"] - number["rounding"], number["high"] + number["rounding"]
    agrees = measured.lo <= high and low <= measured.hi
    return _verdict(
        agrees,
        "agrees if the interval of the groups' mean overlaps the published range, rounding added",
    )


def same_range(number: Number, measured: Measured) -> Verdict:
    """Agree unless too many groups lie outside the published range of groups.

    Of groups like the paper's, the number that fall between the smallest and the largest of its 20
    follows a beta-binomial distribution, whatever the distribution of the values.
    """
    values = np.array(measured.groups)
    low, high = number["low"] - number["rounding"], number["high"] + number["rounding"]
    n_inside = int(((values >= low) & (values <= high)).sum())
    chance = betabinom.cdf(n_inside, len(values), PAPER_GROUPS - 1, 2)
    return _verdict(
        chance >= SMALL_CHANCE,
        "agrees unless it is unlikely (5 %) that so few groups are in the published range; here "
        f"{n_inside} of {len(values)} are (lo, hi: smallest and largest group)",
    )


def no_trend(number: Number, measured: Measured) -> Verdict:
    """Agree if the interval of the slope contains zero and excludes a change that matters."""
    bound, stable = max(abs(measured.lo), abs(measured.hi)), number.get("stable", 0)
    if measured.lo <= 0 <= measured.hi and bound > stable:
        return NOT_TESTED, f"no trend, but only changes above {bound:.2g} are excluded"
    return _verdict(
        measured.lo <= 0 <= measured.hi,
        f"agrees if the interval of the slope holds zero and excludes changes above {stable:g}",
    )


def every_group(_: Number, measured: Measured) -> Verdict:
    """Agree if no group is outside, provided that one could be."""
    if measured.count < MIN_GROUPS_3_STD:
        reason = f"of fewer than {MIN_GROUPS_3_STD} groups none can lie 3 standard deviations away"
        return NOT_COMPARABLE, reason
    return _verdict(measured.value == 100, "agrees if every group is within")


def in_table1(_: Number, __: Measured) -> Verdict:
    """Give no verdict: Table 1 has it."""
    return REPEATED, "stands in Table 1, or follows from two of its numbers, and is counted there"


def follows_from_r(_: Number, __: Measured) -> Verdict:
    """Give no verdict: p is a function of r and the number of points."""
    return REPEATED, (
        "p follows from r, counted above, and the number of points; those of one group are not "
        "independent, so p is too small"
    )


def description(_: Number, __: Measured) -> Verdict:
    """Give no verdict: the number describes the choice of data."""
    return NOT_COMPARABLE, "describes the data and is not a result"


def elsewhere(_: Number, __: Measured) -> Verdict:
    """Give no verdict: the paper quotes the number for something else."""
    return NOT_COMPARABLE, "not about these data: the paper quotes it for CSST or another method"


#: Rules that need no interval.
WITHOUT_INTERVAL = (every_group,)
NO_RESULT = (description, elsewhere, in_table1, follows_from_r)
#: Rules on effects of a detector's age, which simulated exposures do not have.
OF_AGE = (no_trend, every_group)


def judge(number: Number, measured: Measured, rule: Rule, *, simulated: bool) -> Verdict:
    """Compare a measured value with the published one.

    Parameters
    ----------
    number : mapping
        Item of ``resources/published.yaml``.
    measured : Measured
    rule : callable
        One of the rules of this module.
    simulated : bool
        The exposures are simulated.

    Returns
    -------
    verdict : str
        One of `VERDICTS`.
    reason : str
        The condition for agreement, or why there is no verdict.
    """
    if rule in NO_RESULT:
        return rule(number, measured)
    if rule in OF_AGE and simulated:
        return NOT_TESTED, "simulated exposures do not age"
    if np.isnan(measured.value):
        return NOT_COMPARABLE, "nothing to measure on these data"
    if measured.count_of in ("pixels", "measurements") and measured.count < MIN_COUNT:
        return NOT_COMPARABLE, f"fewer than {MIN_COUNT} {measured.count_of}"
    if rule not in WITHOUT_INTERVAL and np.isnan([measured.lo, measured.hi]).any():
        return NOT_COMPARABLE, "no interval: too few groups"
    return rule(number, measured)
