"""One-paragraph answers to what the comparison of methods asks, from its tables alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.config.registry import METHODS
from crstudy.core.formatting import MINUS, decimal, percent, plural
from crstudy.metrics.names import FULL
from crstudy.metrics.reliability import SKY
from crstudy.metrics.thresholds import MATCHED
from crstudy.reference.audit import GROUP
from crstudy.reference.corrected_table1 import ESTIMATORS
from crstudy.refinement.settings import NONE, REMEDIES

#: Of the brighter star regions the one nearest to this is told, RMS.
BRIGHT_RMS = 20
RULERS = {"reference": "the AstroDrizzle labels", "truth": "the true cosmic rays"}


def answer_questions(tables: Mapping[str, Table], rate: float) -> dict[str, str]:
    """Answer the questions of which the tables are there.

    Parameters
    ----------
    tables : mapping of str to Table
        By the names of their files: recall and differences; objects, purity and star_alarms;
        audit, table1_corrected and driz_cr_scale; calibration; remedy and remedy_photometry.
    rate : float
        False-positive rate at which methods are compared.

    Returns
    -------
    dict of str to str
        By question: methods, audit, objects, reliability, remedy. In brackets: intervals.
    """
    answers = {"methods": answer_methods(tables["recall"], tables["differences"], rate)}
    if "audit" in tables:
        answers["audit"] = answer_audit(
            tables["audit"], tables["table1_corrected"], tables["driz_cr_scale"]
        )
    if "objects" in tables:
        answers["objects"] = answer_objects(
            tables["objects"], tables["purity"], tables["star_alarms"]
        )
    if "calibration" in tables:
        answers["reliability"] = answer_reliability(tables["calibration"])
    if "remedy" in tables:
        answers["remedy"] = answer_remedy(tables["remedy"], tables["remedy_photometry"])
    return answers


def answer_methods(recall: Table, differences: Table, rate: float) -> str:
    """Say which method finds most at one rate of false positives, in the full frame and on stars.

    Parameters
    ----------
    recall : Table
        Of `crstudy.metrics.roc_tables.recall_table`.
    differences : Table
        Of `crstudy.metrics.roc_tables.paired_difference`, to the first method.
    rate : float
        One of the rates of both.

    Returns
    -------
    str
    """
    ruler = _ruler(recall)
    first = str(recall["method"][0])
    stars = _star_region(recall)
    parts = []
    for region, where in ((FULL, "In the full frame"), (stars, f"On stars above {stars} RMS")):
        if region is None:
            continue
        rows = _rows(recall, comparison=ruler, region=region, fpr=rate)
        found = ", ".join(
            f"{METHODS[str(row['method'])].label} "
            f"{_percent(row, 'recall', plural(row['positives'], 'pixels'))}"
            for row in rows[np.argsort(-np.nan_to_num(np.asarray(rows["recall"]), nan=-1))]
        )
        parts.append(
            f"{where}, at {100 * rate:g} % false positives there, of the pixels of "
            f"{RULERS[ruler]} are found: {found}."
        )
        beaten = _better(differences, ruler, region, rate)
        parts.append(
            f"Better than {METHODS[first].label} on the same pixels, by more than the interval: "
            f"{beaten}."
        )
    several = [METHODS[name].label for name in _methods(recall) if METHODS[name].several_exposures]
    if several:
        parts.append(
            f"A survey that exposes each field once does not have the {' and '.join(several)}, "
            "which needs several exposures of it."
        )
    return " ".join(parts)


def _better(differences: Table, ruler: str, region: str, rate: float) -> str:
    """Name the methods whose recall lies above that of the first by more than the interval."""
    if not len(differences):
        return "nothing to compare with"
    rows = _rows(differences, comparison=ruler, region=region, quantity="recall", fpr=rate)
    better = [
        f"{METHODS[str(row['method'])].label} "
        f"(by {percent(row, 'difference', 'no group')} percentage points)"
        for row in rows
        if row["difference_lo"] > 0
    ]
    return ", ".join(better) or "none"


def answer_audit(audit: Table, corrected: Table, scale: Table) -> str:
    """Say how complete the labels are on stars, and what the paper's Table 1 would read.

    Parameters
    ----------
    audit : Table
        Of `crstudy.reference.audit.make_audit`.
    corrected, scale : Table
        Of `crstudy.reference.corrected_table1.correct_table1` and
        `crstudy.reference.corrected_table1.fit_scale`.

    Returns
    -------
    str
    """
    own = {name: audit.meta[name] for name in ("driz_cr_snr", "driz_cr_scale")}
    labels = _rows(audit, median=GROUP, cleaned_by="truth", comparison="reference_vs_truth", **own)
    named = {str(row["region"]): row for row in labels}
    stars = [region for region in named if region != FULL]
    complete = ", ".join(
        f"{_percent(named[region], 'recall', '0 pixels')} "
        + ("in the full frame" if region == FULL else f"above {region} RMS")
        for region in [FULL, *stars]
    )
    headline = next(iter(ESTIMATORS))
    rows = _rows(corrected, estimator=headline, **own)
    table1 = ", ".join(
        f"{'full frame' if row['region'] == FULL else row['region'] + ' RMS'} "
        f"{decimal(100 * row['published_recall'])} → {_percent(row, 'recall', '0 pixels')}"
        for row in rows
    )
    return (
        "AstroDrizzle's labels, on which the paper's scores rest, hold this part of the true "
        f"cosmic-ray pixels: {complete}. With perfect labels the recall of the paper's Table 1 "
        f"would read: {table1}. The paper does not give the weights; "
        f"{scale.meta['reading']}."
    )


def answer_objects(objects: Table, purity: Table, alarms: Table) -> str:
    """Say how many cosmic rays are found, how pure the finds are, and which star cores suffer.

    Parameters
    ----------
    objects, purity, alarms : Table
        Of `crstudy.metrics.objects.tables.object_tables`.

    Returns
    -------
    str
    """
    where = {"threshold_kind": MATCHED, "dilation_px": 0}
    parts = []
    for name in _methods(objects):
        counted = [
            _rows(table, method=name, **where, **more)
            for table, more in (
                (objects, {"property": "all"}),
                (purity, {}),
                (alarms, {"property": "all"}),
            )
        ]
        if not all(len(rows) for rows in counted):
            parts.append(f"{METHODS[name].label}: no threshold with so many false positives")
            continue
        found, pure, cores = (rows[0] for rows in counted)
        half = _percent(found, "half_px_fraction", "0 cosmic rays")
        charge = _percent(found, "charge_fraction", "0 cosmic rays")
        parts.append(
            f"{METHODS[name].label}: {half} of the cosmic rays with at least half of their pixels, "
            f"{charge} of their charge; {_percent(pure, 'purity', '0 objects')} of what it flags "
            f"is real; it flags {_percent(cores, 'flagged_fraction', '0 cores')} of the star cores "
            "that no cosmic ray touched"
        )
    thresholds = purity.meta["thresholds"]
    return f"At thresholds for equal false positives ({thresholds}): {'; '.join(parts)}."


def answer_reliability(calibration: Table) -> str:
    """Say whether probabilities mean what they say, on sky and on stars.

    Parameters
    ----------
    calibration : Table
        Of `crstudy.metrics.reliability.calibration_table`.

    Returns
    -------
    str
    """
    ruler, stars = _ruler(calibration), _star_region(calibration)
    parts = []
    for region, where in ((SKY, "outside all sources"), (stars, f"on stars above {stars} RMS")):
        rows = _rows(calibration, comparison=ruler, region=region)
        errors = ", ".join(
            f"{METHODS[str(row['method'])].label} {_percent(row, 'ece', '0 pixels', 2)}"
            for row in rows[np.asarray(rows["pixels"]) > 0]
        )
        hit = decimal(100 * np.max(rows["positives"] / rows["pixels"]), 2) if errors else ""
        if errors:
            parts.append(f"{where} ({hit} % of the pixels hold one): {errors}")
    return (
        f"Mean distance of a probability from the part of pixels with {RULERS[ruler]}, "
        f"{'; '.join(parts)}. An error as large as the part of the pixels that hold cosmic rays "
        "means that a probability cannot be read as one."
    )


def answer_remedy(masks: Table, photometry: Table) -> str:
    """Say what the remedies for stars change, for better or worse.

    Parameters
    ----------
    masks : Table
        Of `crstudy.refinement.tables.score_table`.
    photometry : Table
        Of `crstudy.refinement.tables.anomaly_table`.

    Returns
    -------
    str
    """
    ruler, parts = _ruler(masks), []
    stars = sorted({str(region) for region in masks["region"]} - {FULL}, key=float)
    told = [*stars[:1], *sorted(stars[1:], key=lambda r: abs(float(r) - BRIGHT_RMS))[:1]]
    for name in (name for name in REMEDIES if name != NONE):
        changes = [
            f"above {region} RMS {_change(row, 'recall')} in recall and "
            f"{_change(row, 'precision')} in precision"
            for region in told
            for row in _rows(masks, remedy=name, comparison=ruler, region=region)
        ]
        changes += [
            f"{_percent(row, 'anomalous_fraction', '0 stars')} of the stars have a wrong flux, "
            f"a change by {_change(row, 'anomalous_fraction')}"
            for row in _rows(photometry, remedy=name)
        ]
        parts.append(f"{name[:1].upper()}{name[1:]}: {'; '.join(changes)}.")
    before = "".join(
        f" As it comes, {_percent(row, 'anomalous_fraction', '0 stars')} of the stars do."
        for row in _rows(photometry, remedy=NONE)
    )
    return (
        f"Changes of deepCR's mask on stars, in percentage points, against {RULERS[ruler]}. "
        f"{' '.join(parts)}{before}"
    )


def _change(row: Any, name: str) -> str:
    """Write a paired change in percentage points, with its sign."""
    text = percent(row, f"{name}_change", "0")
    return text if text.startswith(("undefined", MINUS)) else f"+{text}"


def _ruler(table: Table) -> str:
    return "truth" if "truth" in table["comparison"] else "reference"


def _methods(table: Table) -> list[str]:
    return [str(name) for name in dict.fromkeys(table["method"])]


def _star_region(table: Table) -> str | None:
    """Return the widest star region of a table, if it has any."""
    names = {str(region) for region in table["region"]} - {FULL, SKY}
    return min(names, key=float, default=None)


def _rows(table: Table, **where: Any) -> Table:
    """Return the rows of a table with these values."""
    here = np.logical_and.reduce([np.asarray(table[name] == v) for name, v in where.items()])
    return table[here]


def _percent(row: Any, name: str, count: str, digits: int = 1) -> str:
    text = percent(row, name, count, digits)
    return text if text.startswith("undefined") else f"{text} %"
