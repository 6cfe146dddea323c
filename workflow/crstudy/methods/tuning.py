"""Parameters of a method, chosen on held-out groups: for the full frame, and for stars."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.core.errors import MethodFault, StudyError
from crstudy.data.chips import ComparisonData
from crstudy.data.view import View
from crstudy.methods.runner import score_chip
from crstudy.metrics.curves.roc import COUNTS, at_rates, histogram
from crstudy.metrics.names import FULL, STARS
from crstudy.metrics.pooling import sum_rows

#: Stands for all field classes together.
ALL = "all"
#: Parameters are chosen for each: values of the column `tuned_for`.
REGIONS = (FULL, STARS)


def combinations(method: ModuleType) -> list[dict[str, float]]:
    """Return the values of a method's parameters to try, its authors' first."""
    names = method.PARAMETERS
    return [dict(zip(names, values, strict=True)) for values in product(*names.values())]


def try_parameters(
    name: str,
    method: ModuleType,
    chips: Sequence[tuple[View, ComparisonData, NDArray[np.bool_]]],
) -> list[Table]:
    """Score chips with every combination of parameters.

    Parameters
    ----------
    name : str
        The method.
    method : module
        Its module, see `crstudy.config.registry`.
    chips : sequence of (View, ComparisonData, ndarray of bool)
        Of the held-out groups, with the pixels of their lowest star region. Against the truth where
        it is known, else against the labels. A chip on which the method fails with any combination
        is left out.

    Returns
    -------
    list of Table
        For each chip, combination and `REGIONS` a histogram, see
        `crstudy.metrics.curves.roc.histogram`, with columns trial, the number of the combination,
        tuned_for, the region, and field_class. None where there is nothing to choose.

    Raises
    ------
    MethodFault
        A map breaks the rules of `crstudy.data.score_maps.check_map`.
    """
    if len(combinations(method)) == 1:
        return []
    tables = []
    for chip in chips:
        try:
            tables += list(_try_chip(name, method, *chip))
        except MethodFault:
            raise
        except StudyError:
            continue
    return tables


def _try_chip(
    name: str, method: ModuleType, view: View, data: ComparisonData, stars: NDArray[np.bool_]
) -> Iterator[Table]:
    """Score a chip with every combination of parameters."""
    areas = {FULL: data.counted, STARS: data.counted & stars}
    for trial, parameters in enumerate(combinations(method)):
        score = score_chip(name, method, view, parameters)
        for region, area in areas.items():
            table = histogram(score, data.best, area, method.THRESHOLDS)
            table["trial"], table["tuned_for"] = trial, region
            table["field_class"] = view.field_class or ALL
            yield table


def choose(method: ModuleType, tables: Sequence[Table], false_positive_rate: float) -> Table:
    """Choose the parameters with the highest recall, by region, for all and each field class.

    Parameters
    ----------
    method : module
        Of the method.
    tables : sequence of Table
        Of `try_parameters`; without any, the authors' values are taken.
    false_positive_rate : float
        At which recall is compared.

    Returns
    -------
    Table
        A row per field class, tuned_for, the region in which recall and false-positive rate are
        taken, and combination: the parameters, recall, positives, chosen. A recall that the scan
        does not reach is NaN and never chosen, unless all are.
    """
    trials = combinations(method)
    classes = [ALL, *sorted({str(t["field_class"][0]) for t in tables} - {ALL})]
    rows: list[dict[str, Any]] = []
    for field_class, region in product(classes, REGIONS):
        used = [t for t in tables if field_class in (ALL, t["field_class"][0])]
        used = [t for t in used if t["tuned_for"][0] == region]
        recall, positives = _recalls(used, len(trials), false_positive_rate)
        best = int(np.nanargmax(recall)) if np.isfinite(recall).any() else 0
        for i, parameters in enumerate(trials):
            row = {"field_class": field_class, "tuned_for": region, **parameters}
            row |= {"recall": recall[i], "positives": positives[i], "chosen": i == best}
            rows.append(row)
    return Table(rows, meta={"false_positive_rate": false_positive_rate})


def _recalls(tables: Sequence[Table], n_trials: int, rate: float) -> tuple[list[float], list[int]]:
    """Return recall and positives of each trial, over all tables."""
    recall, positives = [np.nan] * n_trials, [0] * n_trials
    if not tables:
        return recall, positives
    names, sums = sum_rows(tables, ("trial", "threshold"), COUNTS)
    pooled = sums.sum(axis=0)
    for trial in range(n_trials):
        counts = pooled[names["trial"] == trial]
        if len(counts):
            thresholds = np.asarray(names["threshold"][names["trial"] == trial])[1:]
            recall[trial] = float(at_rates(counts.T, thresholds, [rate])[0, 0])
            positives[trial] = int(counts[:, 0].sum())
    return recall, positives


def chosen_parameters(
    table: Table, field_class: str | None, tuned_for: str = FULL
) -> dict[str, float]:
    """Return the parameters chosen for a region and field class, for all if that was not tuned."""
    kind = field_class if field_class in table["field_class"] else ALL
    here = (table["field_class"] == kind) & (table["tuned_for"] == tuned_for)
    (row,) = table[here & table["chosen"]]
    others = {"field_class", "tuned_for", "recall", "positives", "chosen"}
    return {name: float(row[name]) for name in table.colnames if name not in others}


def describe_parameters(parameters: Mapping[str, float]) -> str:
    """Write parameters for a log."""
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items()) or "none"
