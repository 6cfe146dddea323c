"""Choice between nets trained with several target offsets."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table, vstack


def choose_offset(tables: Sequence[Table]) -> tuple[int, Table]:
    """Choose the net with the highest average precision on the validation groups.

    Its masks are neither too wide nor too narrow: every pixel with a charge below 3 sigma counts as
    wrong, and every one above it as right.

    Parameters
    ----------
    tables : sequence of Table
        Course of each training, of `crstudy.training.train_backend.Training.table`.

    Returns
    -------
    int
        Number of the chosen one.
    Table
        The rows of all, with a column target_offset; metadata of the chosen one, and the average
        precision of all by target offset.
    """
    reached = [
        float(one["average_precision"][one["batch"] == one.meta["best_batch"]][0]) for one in tables
    ]
    best = int(np.argmax(reached))
    offsets = [one.meta["target_offset"] for one in tables]
    for one, offset in zip(tables, offsets, strict=True):
        one.add_column(float(offset), name="target_offset", index=0)
        one["target_offset"].description = "charge that is to be flagged half of the time, sigma"
    meta = tables[best].meta | {"average_precision": dict(zip(offsets, reached, strict=True))}
    table = vstack(list(tables), metadata_conflicts="silent")
    table.meta = meta
    return best, table
