"""What mask refinement changes: masks, and aperture photometry on repaired images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.metrics.bootstrap import fraction_changes
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
    keys = "comparison", "region", "stratum"
    table = fraction_changes(parts, NONE, keys, SCORES, resampling)
    table.rename_column("method", "remedy")
    table["stratum"].description = STRATUM_MEANING
    table.remove_columns(["twice_tp", "flagged_and_positives"])
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
    table = fraction_changes(counts, NONE, (), ANOMALOUS_FRACTIONS, resampling)
    table.rename_column("method", "remedy")
    table.meta["anomalous"] = (
        f"flux differs by more than {flux_sigma:g} sigma from that without cosmic rays; hit: more "
        "cosmic-ray charge than that in the aperture; free: none"
    )
    table.meta["filled"] = f"{MODEL_FILLED!r}: mask of {RESIDUALS!r}; all others are inpainted"
    return table
