"""Numbers that answer the questions on the comparison of methods.

The sentences are in ``workflow/report/parts/answers.html.j2``. A comparison is with the truth
where it is known, and with the AstroDrizzle labels elsewhere.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.config.registry import METHODS
from crstudy.metrics.curves.thresholds import DEFAULT, MATCHED
from crstudy.metrics.names import ALL_STRATA, FULL, SKY, STRATUM_WORDS, all_strata
from crstudy.photometry.method_fluxes import ALL_CLASSES, TRUE_MASK, UNREPAIRED
from crstudy.reference.audit import GROUP
from crstudy.reference.corrected_table1 import ESTIMATORS
from crstudy.refinement.psf_error import largest_error
from crstudy.refinement.settings import REFINEMENTS, RESIDUALS
from crstudy.report.measured import Measured, select_rows

#: The star region nearest to this threshold stands for bright stars, RMS.
BRIGHT_RMS = 20

Answer = dict[str, Any]


def answer_questions(tables: Mapping[str, Table], rate: float) -> dict[str, Answer]:
    """Collect the numbers of the answers for which the tables are available.

    Parameters
    ----------
    tables : mapping of str to Table
        By the names of their files: recall and differences; table1 and mixtures; objects, purity
        and star_alarms; method_fluxes; audit, table1_corrected and driz_cr_scale; calibration;
        remedy, remedy_photometry and psf_error.
    rate : float
        False-positive rate at which methods are compared.

    Returns
    -------
    dict of str to dict
        By name of the macro: methods, strata, audit, objects, fluxes, reliability, remedy.
        Fractions are in percent.
    """
    by_stratum = tables
    tables = {name: all_strata(table) for name, table in by_stratum.items()}
    answers = {}
    if "recall" in tables:
        answers["methods"] = _compare_methods(tables["recall"], tables.get("differences"), rate)
    if "mixtures" in tables:
        answers["strata"] = _mix_strata(by_stratum["table1"], by_stratum["mixtures"])
    if {"audit", "table1_corrected", "driz_cr_scale"} <= set(tables):
        scale = tables["driz_cr_scale"]
        answers["audit"] = _audit_labels(tables["audit"], tables["table1_corrected"], scale)
    if {"objects", "purity", "star_alarms"} <= set(tables):
        purity, alarms = tables["purity"], tables["star_alarms"]
        answers["objects"] = _count_objects(tables["objects"], purity, alarms)
    if "method_fluxes" in tables:
        answers["fluxes"] = _correct_fluxes(tables["method_fluxes"])
    if "calibration" in tables:
        answers["reliability"] = _rate_probabilities(tables["calibration"])
    if "remedy" in tables:
        answers["remedy"] = _refine_masks(tables["remedy"], tables["remedy_photometry"])
        answers["remedy"]["psf"] = _survive_psf(tables["psf_error"])
    return answers


def _compare_methods(recall: Table, differences: Table | None, rate: float) -> Answer:
    """Sort methods by recall at a false-positive rate, in the full frame and on stars."""
    comparison, stars = _comparison(recall), _star_region(recall)
    regions = []
    table: dict[str, Answer] = {METHODS[name].label: {} for name in _methods(recall)}
    for region in [FULL] if stars is None else [FULL, stars]:
        where = {"comparison": comparison, "region": region, "fpr": rate}
        rows = select_rows(recall, **where)
        order = np.argsort(-np.nan_to_num(np.asarray(rows["recall"]), nan=-1))
        found, oracles = (
            [
                (_label(row), _percent(row, "recall", row["positives"], "pixels"))
                for row in rows[order]
                if METHODS[str(row["method"])].is_oracle == oracle
            ]
            for oracle in (False, True)
        )
        better, level = None, []
        if differences is not None and len(differences):
            every = [
                (str(row["method"]), _percent(row, "difference"))
                for row in select_rows(differences, **where, quantity="recall")
            ]
            for name, change in every:
                table[METHODS[name].label][f"change {region}"] = change
            paired = [
                (METHODS[name].label, change)
                for name, change in every
                if not METHODS[name].is_oracle
            ]
            # Of too few groups, without intervals, nothing follows.
            if any(np.isfinite(change.lo) for _, change in paired):
                better = [label for label, change in paired if change.lo > 0]
            level = [label for label, change in paired if change.lo <= 0 <= change.hi]
        for label, value in found + oracles:
            table[label][region] = value
        one = {"found": found, "better": better, "level": level, "oracles": oracles}
        regions.append({"region": region} | one)
    methods = _methods(recall)
    several = [METHODS[name].label for name in methods if METHODS[name].needs == ("exposures",)]
    return {
        "comparison": comparison,
        "rate": rate,
        "regions": regions,
        "best": next((one for one in regions[::-1] if np.isfinite(one["found"][0][1].value)), None),
        "rows": [{"label": label} | cells for label, cells in table.items()],
        "first": METHODS[methods[0]].label,
        "several": several,
    }


def _mix_strata(table1: Table, mixtures: Table) -> Answer:
    """Return the completeness of the labels by stratum, the strata mixed, and what came of it."""
    labels = select_rows(table1, comparison="reference_vs_truth")
    region = _star_region(labels)
    complete = [
        (STRATUM_WORDS[str(row["stratum"])], _percent(row, "recall", row["tp"] + row["fn"], "px"))
        for row in select_rows(labels, region=region)
        if row["stratum"] != ALL_STRATA and row["tp"] + row["fn"] > 0
    ]
    mixed = dict.fromkeys(mixtures["stratum"][np.isfinite(mixtures["nearest_weight"])])
    words = {str(name): STRATUM_WORDS[name] for name in mixed}
    return {"region": region, "complete": complete, "mixed": words}


def _audit_labels(audit: Table, corrected: Table, scale: Table) -> Answer:
    """Return by region the completeness of the labels, and the paper's recall, also corrected."""
    own = {name: audit.meta[name] for name in ("driz_cr_snr", "driz_cr_scale")}
    labels = select_rows(
        audit, median=GROUP, cleaned_by="truth", comparison="reference_vs_truth", **own
    )
    rows = [
        {"region": str(row["region"]), "complete": _percent(row, "recall", row["tp"] + row["fn"])}
        for row in labels
    ]
    for row in rows:
        for estimator in ESTIMATORS:
            found = select_rows(corrected, estimator=estimator, region=row["region"], **own)
            row["published"] = 100 * found["published_recall"][0] if len(found) else np.nan
            row[estimator] = _percent(found[0], "recall", 0, "px") if len(found) else None
    return {
        "rows": sorted(rows, key=lambda row: row["region"] != FULL),
        "estimators": ESTIMATORS,
        "exposures": audit.meta["exposures"],
        "reading": scale.meta["reading"],
    }


def _count_objects(objects: Table, purity: Table, alarms: Table) -> Answer:
    """Return detected cosmic rays, purity of objects and flagged star cores by method."""
    where = {"threshold_kind": MATCHED, "dilation_px": 0}
    methods = []
    for name in _methods(objects):
        found = select_rows(objects, method=name, property="all", **where)
        pure = select_rows(purity, method=name, **where)
        cores = select_rows(alarms, method=name, property="all", field_class="all", **where)
        numbers = {}
        if len(found) and len(pure) and len(cores):
            numbers = {
                "half": _percent(found[0], "half_px_fraction", 0, "cosmic rays"),
                "charge": _percent(found[0], "charge_fraction", 0, "cosmic rays"),
                "purity": _percent(pure[0], "purity", 0, "objects"),
                "cores": _percent(cores[0], "flagged_fraction", 0, "cores"),
            }
        methods.append({"label": METHODS[name].label} | numbers)
    matched = purity.meta["thresholds"].split(";")[0].partition(": ")[2]
    return {"methods": methods, "matched": matched}


def _correct_fluxes(table: Table) -> Answer:
    """Return which methods leave fewer and more wrong fluxes than no correction, and all rows."""
    names = {UNREPAIRED: "no correction", TRUE_MASK: "true mask"}
    rows: dict[tuple[str, str], Answer] = {}
    for row in table:
        method, kind = str(row["method"]), str(row["threshold_kind"])
        label = names.get(method) or METHODS[method].label
        # Both have no threshold.
        if kind == DEFAULT or method not in names:
            one = rows.setdefault((method, kind), {"label": label, "method": method, "kind": kind})
            one[str(row["field_class"])] = row
    change = "anomalous_fraction_change"
    sorted_out: dict[str, list[tuple[str, Measured]]] = {"fewer": [], "more": [], "undecided": []}
    for (method, kind), one in rows.items():
        if method not in names and kind == DEFAULT and not METHODS[method].is_oracle:
            low, high = (float(one[ALL_CLASSES][f"{change}_{end}"]) for end in ("lo", "hi"))
            which = "fewer" if high < 0 else "more" if low > 0 else "undecided"
            sorted_out[which].append((one["label"], _percent(one[ALL_CLASSES], change)))
    wrong = [
        _percent(rows[name, DEFAULT][ALL_CLASSES], "anomalous_fraction", 0, "stars")
        for name in names
    ]
    classes = [str(name) for name in dict.fromkeys(table["field_class"]) if name != ALL_CLASSES]
    return {
        "rows": list(rows.values()),
        "none": wrong[0],
        "best": wrong[1],
        "default": sorted_out,
        "classes": classes,
    }


def _rate_probabilities(calibration: Table) -> Answer:
    """Return the calibration errors of the methods, on sky and on stars."""
    comparison = _comparison(calibration)
    regions = []
    table: dict[str, Answer] = {METHODS[name].label: {} for name in _methods(calibration)}
    for region in filter(None, (SKY, _star_region(calibration))):
        rows = select_rows(calibration, comparison=comparison, region=region)
        rows = rows[np.asarray(rows["pixels"]) > 0]
        if len(rows):
            hit = 100 * np.max(rows["positives"] / rows["pixels"])
            for row in rows:
                table[_label(row)][region] = _percent(row, "ece")
            regions.append({"region": region, "hit": hit, "first": _percent(rows[0], "ece")})
    rows = [{"label": label} | cells for label, cells in table.items()]
    return {"regions": regions, "sky": SKY, "rows": rows}


def _refine_masks(masks: Table, photometry: Table) -> Answer:
    """Return the changes (percentage points) by each mask refinement, and the wrong fluxes."""
    comparison = _comparison(masks)
    stars = sorted({str(region) for region in masks["region"]} - {FULL}, key=float)
    told = [*stars[:1], *sorted(stars[1:], key=lambda r: abs(float(r) - BRIGHT_RMS))[:1]]
    rows = []
    for name in REFINEMENTS:
        one: Answer = {"name": name}
        for row in select_rows(photometry, remedy=name):
            one["wrong"] = _percent(row, "anomalous_fraction")
            one["wrong change"] = _percent(row, "anomalous_fraction_change")
        for region in told:
            for row in select_rows(masks, remedy=name, comparison=comparison, region=region):
                for score in ("recall", "precision"):
                    one[f"{score} {region}"] = _percent(row, f"{score}_change")
        rows.append(one)
    return {"comparison": comparison, "regions": told, "rows": rows}


def _survive_psf(table: Table) -> Answer:
    """Return up to which PSF error refinement pays, and the largest, in percent of the peak."""
    rows = table[table["method"] == RESIDUALS]
    last = 100 * largest_error(rows)
    decided = bool(np.isfinite(rows["anomalous_fraction_change_hi"]).any())
    return {
        "pays_up_to": last,
        "largest": 100 * float(np.max(rows["psf_error"])),
        "decided": decided,
    }


def _percent(row: Any, name: str, count: int = 0, count_of: str = "") -> Measured:
    return Measured.of(row, name, count, count_of).percent()


def _label(row: Any) -> str:
    return METHODS[str(row["method"])].label


def _comparison(table: Table) -> str:
    return "truth" if "truth" in table["comparison"] else "reference"


def _methods(table: Table) -> list[str]:
    return [str(name) for name in dict.fromkeys(table["method"])]


def _star_region(table: Table) -> str | None:
    """Return the star region of the lowest threshold, if the table has any."""
    names = {str(region) for region in table["region"]} - {FULL, SKY}
    return min(names, key=float, default=None)
