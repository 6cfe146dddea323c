"""Verdict on a cosmic-ray detector for single exposures of CSST, written from the tables."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from scipy.stats import chi2

from crstudy.config.groups import survey_time
from crstudy.config.registry import METHODS
from crstudy.core.formatting import integer, with_interval
from crstudy.csst.differences import ANOMALOUS, NOTHING, RIVAL
from crstudy.csst.scores import ALL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED

#: Verdicts on a change of the fraction of wrong fluxes or sources, and the hit stars that the
#: third one needs: with fewer, an interval that holds no change says little.
GAIN, HARM, NO_GAIN, UNDECIDED = "gain", "harm", "no gain", "undecided"
MIN_HIT_STARS = 200
VARIANT_WORDS = {UNCHANGED: "with its default threshold", THRESHOLD: "with a tuned threshold"}
OTHER_WORDS = {
    NOTHING: "no correction",
    RIVAL: f"{METHODS[RIVAL[0]].label} {VARIANT_WORDS[RIVAL[1]]}",
}
#: Field class that most of the survey's area resembles.
SURVEY_CLASS = "extragalactic"


class Change(NamedTuple):
    """What a method changes, paired on the same stars.

    Attributes
    ----------
    value, low, high : float
        Difference of the fraction of wrong fluxes with its interval; NaN where undefined.
    verdict : str
        Of `judge`.
    """

    value: float
    low: float
    high: float
    verdict: str

    def text(self) -> str:
        """Write it in percentage points."""
        return with_interval(*(100 * number for number in self[:3]), "0 stars", 2)


def judge(low: float, high: float, hit: int = MIN_HIT_STARS) -> str:
    """Return the verdict on a change of something wrong.

    Parameters
    ----------
    low, high : float
        Its interval.
    hit : int
        Number of stars that a cosmic ray hit.

    Examples
    --------
    >>> [judge(-0.02, -0.01), judge(0.01, 0.02), judge(-0.01, 0.01), judge(-0.01, 0.01, hit=50)]
    ['gain', 'harm', 'no gain', 'undecided']
    """
    if high < 0:
        return GAIN
    if low > 0:
        return HARM
    known = np.isfinite(low) and np.isfinite(high)
    return NO_GAIN if known and hit >= MIN_HIT_STARS else UNDECIDED


def hit_stars(photometry: Table, time: float) -> dict[str, int]:
    """Return how many stars a cosmic ray hit in exposures of a time, by field class and `ALL`."""
    rows = photometry[
        (photometry["method"] == NOTHING[0])
        & (photometry["remedy"] == NOTHING[1])
        & (photometry["exptime_s"] == time)
    ]
    return {str(row["field_class"]): int(row["hit"]) for row in rows}


def find_changes(
    photometry: Table, differences: Table, time: float
) -> dict[tuple[str, str], dict[tuple[str, str], Change]]:
    """Judge what every method changes in the fraction of wrong fluxes.

    Parameters
    ----------
    photometry : Table
        Of `crstudy.csst.photometry.photometry_table`.
    differences : Table
        Of `crstudy.csst.differences.difference_table`.
    time : float
        Exposure time, s.

    Returns
    -------
    dict
        By method and variant, and by what is subtracted: no correction, or tuned L.A.Cosmic.
    """
    hit = hit_stars(photometry, time).get(ALL, 0)
    found: dict[tuple[str, str], dict[tuple[str, str], Change]] = {}
    for row in differences:
        if (row["exptime_s"], row["field_class"], row["quantity"]) != (time, ALL, ANOMALOUS):
            continue
        other = str(row["minus_method"]), str(row["minus_remedy"])
        if other in (NOTHING, RIVAL):
            ends = [float(row[f"difference{end}"]) for end in ("", "_lo", "_hi")]
            change = Change(*ends, judge(*ends[1:], hit))
            found.setdefault((str(row["method"]), str(row["remedy"])), {})[other] = change
    return found


def write_verdict(tables: Mapping[str, Table], published: Mapping[str, Any]) -> str:
    """Write the verdict on the first method, from the tables alone.

    Parameters
    ----------
    tables : mapping of str to Table
        scores, of `crstudy.csst.scores.score_table`, whose first method is judged; photometry, of
        `crstudy.csst.photometry.photometry_table`; differences, of
        `crstudy.csst.differences.difference_table`; masks, of `crstudy.csst.masks.mask_table`;
        bias, of `crstudy.csst.biases.bias_table`; and catalogue, of
        `crstudy.csst.detections.catalogue_table`.
    published : mapping
        Entry ``retrained`` of ``resources/published_csst.yaml``.

    Returns
    -------
    str
        Paragraphs, with an empty line between them; values in brackets are intervals.
    """
    scores, photometry = tables["scores"], tables["photometry"]
    method = str(scores["method"][0])
    time = survey_time(sorted(set(scores["exptime_s"])))
    changes = find_changes(photometry, tables["differences"], time)
    variants = [variant for name, variant in changes if name == method]
    if not variants:
        return "No star was measured: there is no verdict."
    judged = [
        f"{VARIANT_WORDS[variant]}: {describe_changes(changes[method, variant])}"
        for variant in variants
    ]
    fluxes = [
        f"Fluxes of stars in {time:g} s, paired differences of the fraction of wrong ones in "
        f"percentage points. {METHODS[method].label} {'; '.join(judged)}.",
        _basis(photometry, time),
        _hit_words(photometry, method, variants, time),
    ]
    retrained = (
        f"Retrained on simulated CSST images, deepCR reaches {published['recall_percent']:.2f} ± "
        f"{published['recall_error_percent']:.2f} % recall and "
        f"{published['precision_percent']:.2f} ± {published['precision_error_percent']:.2f} % "
        f"precision ({published['citation']}), {published['differs']}."
    )
    parts = [
        " ".join(fluxes),
        _science_words(tables, changes, (method, variants[-1]), time),
        _catalogue_words(tables["catalogue"], method, variants, time),
        _mask_words(tables["masks"], method, variants, time),
        retrained,
    ]
    return "\n\n".join(parts)


def _row(table: Table, **where: Any) -> Any:
    """Return the row of a table with these values."""
    here = np.logical_and.reduce([np.asarray(table[name] == v) for name, v in where.items()])
    return table[here][0]


def _percent(row: Any, name: str, digits: int = 1) -> str:
    ends = (100 * float(row[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
    return f"{with_interval(*ends, '0', digits)} %"


def survey_class(table: Table) -> str:
    """Return the field class that most of the survey resembles, if it is there, or `ALL`."""
    return SURVEY_CLASS if SURVEY_CLASS in table["field_class"] else ALL


def describe_changes(changes: Mapping[tuple[str, str], Change]) -> str:
    """Write verdict and change, in percentage points, against each of `OTHER_WORDS`."""
    return ", ".join(
        f"{change.verdict} against {OTHER_WORDS[other]} ({change.text()})"
        for other, change in changes.items()
    )


def _basis(photometry: Table, time: float) -> str:
    """Say on how many and which hit stars the verdict rests."""
    hit = hit_stars(photometry, time)
    total = hit.pop(ALL, 0)
    kinds = [f"{integer(n)} {name.replace('_', ' ')}" for name, n in hit.items() if n]
    text = f"This rests on {integer(total)} stars that a cosmic ray hit"
    text += f" ({', '.join(kinds)})" if kinds else ""
    return f"{text}{'' if total >= MIN_HIT_STARS else f', fewer than {MIN_HIT_STARS}'}."


def _hit_words(photometry: Table, method: str, variants: Sequence[str], time: float) -> str:
    """Say which part of the fluxes that a cosmic ray hit stays wrong."""
    where = {"method": method, "exptime_s": time, "field_class": ALL}
    parts = [
        f"{_percent(_row(photometry, remedy=variant, **where), 'anomalous_hit_fraction')} "
        f"{VARIANT_WORDS[variant]}"
        for variant in variants
    ]
    return f"Of the fluxes that a cosmic ray hit, {' and '.join(parts)} stay wrong."


def _catalogue_words(catalogue: Table, method: str, variants: Sequence[str], time: float) -> str:
    """Judge the change of false and lost sources, on the fields most like the survey."""
    kind = survey_class(catalogue)
    texts = []
    for variant in variants:
        row = _row(catalogue, method=method, remedy=variant, exptime_s=time, field_class=kind)
        others = {"minus_none": OTHER_WORDS[NOTHING], "minus_lacosmic": OTHER_WORDS[RIVAL]}
        parts = [
            f"{judge(row[f'{name}_lo'], row[f'{name}_hi'])} against {words} ({_ends(row, name)})"
            for name, words in others.items()
            if np.isfinite(row[name])
        ]
        texts.append(f"{VARIANT_WORDS[variant]} {', '.join(parts)}")
    return (
        f"False and lost sources per square degree of {kind.replace('_', ' ')} fields: "
        f"{'; '.join(texts)}. {_wrong_sources(catalogue, method, time, kind)}"
    )


def _wrong_sources(catalogue: Table, method: str, time: float, kind: str) -> str:
    """Say how many sources are wrong, after L.A.Cosmic at both of its thresholds."""
    rows = catalogue[(catalogue["exptime_s"] == time) & (catalogue["field_class"] == kind)]
    texts = []
    for row in rows[np.isin(rows["method"], (NOTHING[0], method, RIVAL[0]))]:
        left = _ends(row, "wrong_per_deg2")
        if row["false"] + row["lost"] == 0:
            # Exact upper limit of a Poisson mean when nothing is counted, two-sided 95 %.
            limit = chi2.ppf(0.975, 2) / 2 / float(row["area_deg2"])
            left = f"none (hence fewer than {integer(np.ceil(limit))}, Poisson)"
        name = str(row["method"])
        if name == NOTHING[0]:
            texts.append(f"{left} without correction")
        else:
            texts.append(f"{left} after {METHODS[name].label} {VARIANT_WORDS[str(row['remedy'])]}")
    return f"There are {'; '.join(texts)}."


def _science_words(
    tables: Mapping[str, Table],
    changes: Mapping[tuple[str, str], Mapping[tuple[str, str], Change]],
    item: tuple[str, str],
    time: float,
) -> str:
    """Say for which science a method suffices, against no correction."""
    parts = []
    verdict = changes[item][NOTHING].verdict
    errors = {
        name: [_bias(tables["bias"], who, time, name, "aperture") for who in (NOTHING, item)]
        for name in ("all", "hit")
    }
    numbers = "; ".join(
        f"RMS of {name} stars {_ends(after, 'rms')} mmag, {_ends(before, 'rms')} without correction"
        for name, (before, after) in errors.items()
    )
    photometry = f"the photometry of stars that tolerates these errors in apertures ({numbers})"
    rival = changes[item].get(RIVAL)
    if rival and rival.verdict == NO_GAIN:
        photometry += f", but no better than {OTHER_WORDS[RIVAL]},"
    parts.append(photometry if verdict == GAIN else f"no photometry of stars ({verdict})")
    where = {"exptime_s": time, "field_class": ALL}
    row = _row(tables["catalogue"], method=item[0], remedy=item[1], **where)
    verdict = judge(row["minus_none_lo"], row["minus_none_hi"])
    wrong = f"{_ends(row, 'wrong_per_1000', 1)} of 1000 sources of all fields false or lost"
    parts.append(f"catalogues ({wrong})" if verdict == GAIN else f"no catalogues ({verdict})")
    after = _bias(tables["bias"], item, time, "hit", "ellipticity")
    return (
        f"{_start(VARIANT_WORDS[item[1]])} {METHODS[item[0]].label} suffices for "
        f"{' and '.join(parts)}; for weak lensing nothing is shown, for no galaxy was measured: "
        f"the ellipticity of stars that a cosmic ray hit still changes by "
        f"{_ends(after, 'rms', 3)} (RMS)."
    )


def _bias(biases: Table, item: tuple[str, str], time: float, stars: str, quantity: str) -> Any:
    """Return the row of the biases of stars of all magnitudes."""
    where = {"method": item[0], "remedy": item[1], "exptime_s": time, "population": stars}
    return _row(biases, mag_lo=-np.inf, mag_hi=np.inf, quantity=quantity, **where)


def _start(text: str) -> str:
    """Begin a sentence."""
    return text[0].upper() + text[1:]


def _ends(row: Any, name: str, digits: int = 0) -> str:
    """Write a number with its interval."""
    ends = (float(row[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
    return with_interval(*ends, "0", digits)


def _mask_words(masks: Table, method: str, variants: Sequence[str], time: float) -> str:
    """Say what the masks are at the survey's prevalence, on the fields most like the survey."""
    kind = survey_class(masks)
    texts = []
    for variant in variants:
        row = _row(masks, method=method, remedy=variant, exptime_s=time, field_class=kind)
        px, groups = (_ends(row, f"false_{name}_per_deg2") for name in ("px", "groups"))
        texts.append(
            f"{VARIANT_WORDS[variant]} {_percent(row, 'recall')} of the cosmic-ray pixels are "
            f"found, {_percent(row, 'precision_at_prevalence')} of what is flagged is right, and "
            f"{px} pixels without a cosmic ray are flagged per square degree, and {groups} "
            f"connected groups of such pixels alone"
        )
    return (
        f"Where {100 * masks.meta['survey_prevalence']:.3g} % of the pixels are hit, as in the "
        f"survey ({100 * float(row['prevalence']):.3f} % here), and rims of cosmic rays do not "
        f"count, in {kind} fields: {'; '.join(texts)}."
    )
