"""What mask refinement changes: masks, and aperture photometry on repaired images."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.metrics.bootstrap import fraction_differences, fraction_table
from crstudy.metrics.names import STRATUM_MEANING
from crstudy.photometry.flux_tests import ANOMALOUS_FRACTIONS, anomaly_flags
from crstudy.refinement.repair import IMAGES, MODEL_FILLED
from crstudy.refinement.settings import MASK_COUNTS, NONE, REFINEMENTS, RESIDUALS

#: Numerator and denominator of each fraction.
SCORES = {
    "recall": ("tp", "positives"),
    "precision": ("tp", "flagged"),
    "f1": ("twice_tp", "flagged_and_positives"),
}


def mask_score_table(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate recall, precision and F1 of the masks.

    Parameters
    ----------
    groups : sequence of Table
        One per group: columns `MASK_COUNTS`, a row per chip, refinement, comparison, region and
        stratum.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per refinement, comparison (truth or reference), region and stratum: scores, each
        with its paired difference to the unrefined mask (``_change``), all with intervals; px;
        groups.
    """
    parts = []
    for group in groups:
        part = group[MASK_COUNTS]
        part["twice_tp"] = 2 * part["tp"]
        part["flagged_and_positives"] = part["flagged"] + part["positives"]
        parts.append(part)
    table = _with_changes(parts, ("comparison", "region", "stratum"), SCORES, resampling)
    table["stratum"].description = STRATUM_MEANING
    table.remove_columns(["twice_tp", "flagged_and_positives"])
    return table


def _with_changes(
    groups: Sequence[Table],
    keys: Sequence[str],
    fractions: Mapping[str, tuple[str, str]],
    resampling: Mapping[str, Any],
) -> Table:
    """Tabulate fractions by refinement (column method), and their differences to `NONE`."""
    table = fraction_table(groups, ("method", *keys), fractions, resampling)
    changes = {}
    for method in dict.fromkeys(table["method"]):
        if method != NONE:
            for row in fraction_differences(groups, (method, NONE), keys, fractions, resampling):
                changes[tuple(row[name] for name in ("method", *keys, "quantity"))] = row
    of_rows = [tuple(row[key] for key in ("method", *keys)) for row in table]
    for name, end in product(fractions, ("", "_lo", "_hi")):
        rows = [changes.get((*key, name)) for key in of_rows]
        table[f"{name}_change{end}"] = [row[f"difference{end}"] if row else np.nan for row in rows]
    table.rename_column("method", "remedy")
    table.meta["change"] = (
        f"less that of the unrefined mask ({NONE!r}), paired: the same groups drawn for both"
    )
    return table


def count_anomalies(photometry: Table, flux_sigma: float, images: Sequence[str]) -> Table:
    """Count the anomalous stars of a group.

    Parameters
    ----------
    photometry : Table
        Of `crstudy.refinement.repair.measure_repairs`, all chips of a group.
    flux_sigma : float
        A flux that differs by more from that of the clean image is anomalous, sigma; a star is
        hit if more charge of cosmic rays lies in its aperture, and free if none does.
    images : sequence of str
        Those that were measured: each has its row, also without a star.

    Returns
    -------
    Table
        A row per image, with the counts of `ANOMALOUS_FRACTIONS`.
    """
    flags = anomaly_flags(photometry, "charge", flux_sigma)
    rows = []
    for name in images:
        here = np.asarray(photometry["method"] == name)
        row: dict[str, Any] = {"method": name}
        rows.append(row | {count: (here & which).sum() for count, which in flags.items()})
    return Table(rows)


def repair_table(
    groups: Sequence[Table], flux_sigma: float, resampling: Mapping[str, Any]
) -> Table:
    """Tabulate the anomalous stars of all groups.

    Parameters
    ----------
    groups : sequence of Table
        Of `crstudy.refinement.repair.measure_repairs`, one per group.
    flux_sigma : float
        See `count_anomalies`.
    resampling : mapping
        As for `mask_score_table`.

    Returns
    -------
    Table
        A row per image: `ANOMALOUS_FRACTIONS` with intervals, and each with its paired difference
        to the image of the unrefined mask (``_change``); counts; groups.
    """
    measured = {name for group in groups for name in group["method"]}
    images = [name for name in IMAGES if name in measured or name in REFINEMENTS]
    counts = [count_anomalies(group, flux_sigma, images) for group in groups]
    table = _with_changes(counts, (), ANOMALOUS_FRACTIONS, resampling)
    table.meta["anomalous"] = (
        f"flux differs by more than {flux_sigma:g} sigma from that without cosmic rays; hit: more "
        "cosmic-ray charge than that in the aperture; free: none"
    )
    table.meta["filled"] = f"{MODEL_FILLED!r}: mask of {RESIDUALS!r}; all others are inpainted"
    return table
