"""The paper's Table 1, as it was published."""

from collections.abc import Mapping
from typing import Any

from astropy.table import Table

#: Half of the last digit of the paper's Table 1.
ROUNDING = 0.0005


def published_table1(published: Mapping[str, Any]) -> Table:
    """Return the paper's Table 1 as fractions.

    Parameters
    ----------
    published : mapping
        Content of ``resources/published.yaml``.

    Returns
    -------
    Table
        Columns region, recall, precision.
    """
    rows = published["table1"]["rows"]
    return Table(
        {
            "region": [str(row["region"]) for row in rows],
            "recall": [row["recall_percent"] / 100 for row in rows],
            "precision": [row["precision_percent"] / 100 for row in rows],
        }
    )
