"""Rows of the CSST report on the measurements of stars and on the catalogue of sources."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from crstudy.config.registry import METHODS
from crstudy.csst.differences import RIVAL
from crstudy.csst.scores import ALL
from crstudy.csst.tuning import UNCHANGED
from crstudy.csst.verdict import VARIANT_WORDS
from crstudy.report.measured import Measured, select_rows


def bias_rows(biases: Table, time_s: float) -> list[dict[str, Any]]:
    """Return the biases of stars of all magnitudes by method and variant.

    Parameters
    ----------
    biases : Table
        Of `crstudy.csst.biases.bias_table`.
    time_s : float
        Exposure time, s.

    Returns
    -------
    list of dict
        method, remedy, and rows of the table by population and quantity, such as ``"hit psf"``.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in select_rows(biases, exptime_s=time_s, mag_lo=-np.inf, mag_hi=np.inf):
        key = {"method": str(row["method"]), "remedy": str(row["remedy"])}
        found = rows.setdefault(tuple(key.values()), key)
        found[f"{row['population']} {row['quantity']}"] = row
    return list(rows.values())


def source_rows(catalogue: Table, time_s: float) -> list[dict[str, Any]]:
    """Return the false and lost sources by method and variant, of all field classes.

    Parameters
    ----------
    catalogue : Table
        Of `crstudy.csst.detections.catalogue_table`.
    time_s : float
        Exposure time, s.

    Returns
    -------
    list of dict
        method, remedy; the row of the table as rates and, if it holds the difference, as
        minus_none and minus_lacosmic (tuned), else None; minus_default: the difference to
        L.A.Cosmic with its default threshold, without an interval.
    """
    table = select_rows(catalogue, exptime_s=time_s, field_class=ALL)
    default = select_rows(table, method=RIVAL[0], remedy=UNCHANGED)["wrong_per_deg2"]
    rows = []
    for row in table:
        key = {"method": str(row["method"]), "remedy": str(row["remedy"]), "rates": row}
        differences = ("minus_none", "minus_lacosmic")
        key |= {name: row if np.isfinite(row[name]) else None for name in differences}
        if len(default) and key["minus_none"] is not None and row["method"] != RIVAL[0]:
            key["minus_default"] = Measured(float(row["wrong_per_deg2"] - default[0]))
        rows.append(key)
    return rows


def star_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say what cosmic rays do to stars, and what the first method leaves of that.

    Parameters
    ----------
    rows : sequence of mapping
        Of `bias_rows`: no correction, then methods; empty without a star.
    """
    if not rows:
        return "No star passes the selection."
    nothing, first = rows[:2]
    words = [
        f"{_value(row, 'hit psf', 0, 'mmag')}, and its centre by "
        f"{_value(row, 'hit centroid', 2, 'mas')}"
        for row in (nothing, first)
    ]
    wrong = Measured.of(first["free psf"], "beyond_fraction").percent().text("%", 2)
    return (
        "In the median, a cosmic ray changes the magnitude of a star that it hits (PSF photometry, "
        f"negative: too bright) by {words[0]}; after {_label(first)}, by {words[1]}. Of the stars "
        f"that no cosmic ray touched, it makes {wrong} wrong."
    )


def source_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say what cosmic rays do to the catalogue, and what the first method leaves of that.

    Parameters
    ----------
    rows : sequence of mapping
        Of `source_rows`: no correction, then methods.
    """
    nothing, first = (Measured.of(row["rates"], "wrong_per_1000").text() for row in rows[:2])
    return (
        f"Of a thousand sources, {nothing} are false or lost without a correction, {first} after "
        f"{_label(rows[1])}."
    )


def _value(row: Mapping[str, Any], key: str, digits: int, unit: str) -> str:
    found = row[key]
    return Measured.of(found, "median", found["stars"], "stars").text(unit, digits)


def _label(row: Mapping[str, Any]) -> str:
    return f"{METHODS[row['method']].label} {VARIANT_WORDS[row['remedy']]}"
