"""Parameters of a method, chosen on held-out groups."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.core.errors import MethodFault, StudyError
from crstudy.data.chips import ComparisonData
from crstudy.data.view import View
from crstudy.methods.runner import score_chip
from crstudy.metrics.curves.roc import COUNTS, at_rates, histogram
from crstudy.metrics.pooling import sum_rows

#: Stands for all field classes together.
ALL = "all"


def combinations(method: ModuleType) -> list[dict[str, float]]:
    """Return the values of a method's parameters to try, its authors' first."""
    names = method.PARAMETERS
    return [dict(zip(names, values, strict=True)) for values in product(*names.values())]


def try_parameters(
    name: str, method: ModuleType, chips: Sequence[tuple[View, ComparisonData]]
) -> list[Table]:
    """Score chips with every combination of parameters.

    Parameters
    ----------
    name : str
        The method.
    method : module
        Its module, see `crstudy.config.registry`.
    chips : sequence of (View, ComparisonData)
        Of the held-out groups. Against the truth where it is known, else against the labels. A
        chip on which the method fails with any combination is left out.

    Returns
    -------
    list of Table
        For each chip and combination a histogram, see `crstudy.metrics.curves.roc.histogram`, with
        columns trial, the number of the combination, and field_class. None where there is nothing
        to choose.

    Raises
    ------
    MethodFault
        A map breaks the rules of `crstudy.data.score_maps.check_map`.
    """
    if len(combinations(method)) == 1:
        return []
    tables = []
    for view, data in chips:
        try:
            tables += list(_try_chip(name, method, view, data))
        except MethodFault:
            raise
        except StudyError:
            continue
    return tables


def _try_chip(name: str, method: ModuleType, view: View, data: ComparisonData) -> Iterator[Table]:
    """Score a chip with every combination of parameters."""
    for trial, parameters in enumerate(combinations(method)):
        score = score_chip(name, method, view, parameters)
        table = histogram(score, data.best, data.valid, method.THRESHOLDS)
        table["trial"], table["field_class"] = trial, view.field_class or ALL
        yield table


def choose(method: ModuleType, tables: Sequence[Table], false_positive_rate: float) -> Table:
    """Choose the parameters with the highest recall, for all fields and for each field class.

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
        A row per field class and combination: the parameters, recall, positives, chosen. A
        recall that the scan does not reach is NaN and never chosen, unless all are.
    """
    trials = combinations(method)
    classes = [ALL, *sorted({str(t["field_class"][0]) for t in tables} - {ALL})]
    rows: list[dict[str, Any]] = []
    for field_class in classes:
        used = [t for t in tables if field_class in (ALL, t["field_class"][0])]
        recall, positives = _recalls(used, len(trials), false_positive_rate)
        best = int(np.nanargmax(recall)) if np.isfinite(recall).any() else 0
        for i, parameters in enumerate(trials):
            row = {"field_class": field_class, **parameters, "recall": recall[i]}
            rows.append(row | {"positives": positives[i], "chosen": i == best})
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


def chosen_parameters(table: Table, field_class: str | None) -> dict[str, float]:
    """Return the parameters chosen for a field class, or for all where it was not tuned."""
    kind = field_class if field_class in table["field_class"] else ALL
    (row,) = table[(table["field_class"] == kind) & table["chosen"]]
    others = {"field_class", "recall", "positives", "chosen"}
    return {name: float(row[name]) for name in table.colnames if name not in others}


def describe_parameters(parameters: Mapping[str, float]) -> str:
    """Write parameters for a log."""
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items()) or "none"
