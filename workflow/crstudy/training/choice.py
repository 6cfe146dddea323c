"""Choice between nets trained with several target offsets."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table, vstack


def choose_offset(tables: Sequence[Table]) -> tuple[int, Table]:
    """Choose the net with the highest average precision against labels on the validation groups.

    The labels are such as real exposures have: masks that are too wide or too narrow have less.

    Parameters
    ----------
    tables : sequence of Table
        Course of each training, of `crstudy.training.train_backend.Training.table`.

    Returns
    -------
    int
        Number of the chosen one.
    Table
        The rows of all, with a column target_offset; metadata of the chosen one, and that
        precision of all by target offset.
    """
    reached = [
        float(one["label_precision"][one["batch"] == one.meta["best_batch"]][0]) for one in tables
    ]
    best = int(np.argmax(reached))
    offsets = [one.meta["target_offset"] for one in tables]
    for one, offset in zip(tables, offsets, strict=True):
        one.add_column(float(offset), name="target_offset", index=0)
        one["target_offset"].description = "measured excess from which to flag, sigma"
    meta = tables[best].meta | {"label_precision": dict(zip(offsets, reached, strict=True))}
    table = vstack(list(tables), metadata_conflicts="silent")
    table.meta = meta
    return best, table
