"""Table of the audit: recall and precision of labels and detectors, for every setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.metrics.bootstrap import describe_resampling, score_columns
from crstudy.metrics.names import (
    COMPARISON_MEANING,
    COMPARISONS,
    REFERENCE_MODEL,
    REGION_MEANING,
    STRATUM_MEANING,
)
from crstudy.metrics.pooling import sum_rows
from crstudy.metrics.scores import SCORES
from crstudy.reference.audit import CELLS, KEYS

#: Axis of truth, label and detector that a comparison adds up; the others are compared.
ADDED_UP = {
    "reference": -3,
    "truth": -2,
    "truth_with_rims": -2,
    "reference_vs_truth": -1,
    "reference_vs_truth_with_rims": -1,
}
MEANINGS = {
    "median": "median that an exposure is compared with: of all exposures of its group, as the "
    "paper's, or of all others",
    "driz_cr_snr": "thresholds of the two passes of AstroDrizzle, RMS",
    "driz_cr_scale": "weights of the median's derivative in the two passes",
    "cleaned_by": "image on which star regions are found: reference, cleaned by these labels, as "
    "the paper's; truth, without its cosmic rays, so that all settings have the same pixels",
    "comparison": COMPARISON_MEANING,
    "region": REGION_MEANING,
    "stratum": STRATUM_MEANING,
}


def pool_cells(groups: Sequence[Table]) -> tuple[Table, NDArray[np.float64]]:
    """Add up the cells of every group.

    Parameters
    ----------
    groups : sequence of Table
        One per group: columns `KEYS` and `CELLS`, any number of rows per key.

    Returns
    -------
    Table
        `KEYS`, a row for each combination.
    ndarray, shape (groups, rows of the table, cells)
        Pixels by cell. A group without valid pixels does not tell how groups differ: it is left
        out.
    """
    keys, cells = sum_rows(groups, KEYS, CELLS)
    seen = cells.any(axis=(1, 2))
    return keys, cells[seen] if seen.any() else cells


def outcomes(cells: NDArray[np.floating], comparison: str) -> NDArray[np.floating]:
    """Return true and false positives and false negatives, shape (..., 3).

    Parameters
    ----------
    cells : ndarray, shape (..., 12)
        Pixels by cell.
    comparison : str
        Of `crstudy.metrics.names.COMPARISONS`.
    """
    # Of the two axes that remain, that of what is compared with comes first: of the truth, its
    # steps are nothing, rim and cosmic ray.
    pairs = cells.reshape(*cells.shape[:-1], 3, 2, 2).sum(axis=ADDED_UP[comparison])
    negative, positive = pairs[..., 0, :], pairs[..., -1, :]
    if comparison.endswith("with_rims"):
        negative = negative + pairs[..., 1, :]
    return np.stack([positive[..., 1], negative[..., 1], positive[..., 0]], axis=-1)


def make_audit(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate the scores of labels and detectors, pooled over all groups.

    Parameters
    ----------
    groups
        As for `pool_cells`.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per median, setting, image on which star regions are found, comparison, region,
        stratum and model: every score with its interval (``_lo``, ``_hi``), the pooled counts tp,
        fp and fn, and the number of groups.
    """
    keys, cells = pool_cells(groups)
    rows = []
    for i, key in enumerate(keys):
        for comparison in COMPARISONS:
            row = dict(zip(KEYS, key, strict=True)) | {"comparison": comparison}
            if comparison.startswith("reference_vs_"):
                # The labels are the same beside every detector.
                if key["model"] != keys["model"][0]:
                    continue
                row["model"] = REFERENCE_MODEL
            counts = outcomes(cells[:, i], comparison).astype(int)
            row |= score_columns(counts, resampling)
            row |= dict(zip(("tp", "fp", "fn"), counts.sum(axis=0).tolist(), strict=True))
            rows.append(row | {"groups": len(counts)})
    table = Table(rows, meta=describe_resampling(resampling))
    for name, meaning in MEANINGS.items():
        table[name].description = meaning
    for score in SCORES:
        table[score].description = f"{score}, a fraction, pooled over exposures"
    for name in ("tp", "fp", "fn"):
        table[name].unit = "pix"
    return table
