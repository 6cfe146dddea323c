"""Tables of anomalous stars on CSST exposures, with cosmic rays and after their removal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from scipy.stats import binomtest

from crstudy.csst.scores import in_all_fields, in_order
from crstudy.metrics.bootstrap import fraction_table
from crstudy.metrics.pooling import sum_table
from crstudy.photometry.flux_tests import ANOMALOUS_FRACTIONS, anomaly_flags

KEYS = ("method", "remedy", "exptime_s", "field_class")


def count_stars(photometry: Table, flux_sigma: float) -> Table:
    """Count the anomalous stars of a field.

    Parameters
    ----------
    photometry : Table
        Of `crstudy.csst.star_fluxes.measure_tile`, all exposures of a field, with the columns
        exptime_s and field_class.
    flux_sigma : float
        A flux that differs by more from that of the clean image is anomalous, sigma; a star is
        hit if more charge of cosmic rays lies in its aperture, and free if none does.

    Returns
    -------
    Table
        Columns `KEYS` and counts: stars, hit, free; anomalous among all (anomalous), those hit
        (anomalous_hit) and those free (anomalous_free). Each row is there twice, for its field
        class and for all.
    """
    flags = anomaly_flags(photometry, "cr_true", flux_sigma)
    table = photometry[KEYS]
    for name, found in flags.items():
        table[name] = found.astype(int)
    return in_all_fields(sum_table([table], KEYS, list(flags)))


def photometry_table(
    fields: Sequence[Table], flux_sigma: float, resampling: Mapping[str, Any]
) -> Table:
    """Tabulate anomalous stars.

    Parameters
    ----------
    fields : sequence of Table
        One per field, as for `count_stars`.
    flux_sigma : float
        See `count_stars`.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per `KEYS`: `ANOMALOUS_FRACTIONS` with intervals and counts. Where none or all of the
        stars are anomalous, so that every bootstrap sample is the same, the ends are the exact
        binomial (Clopper-Pearson) limits.
    """
    counts = [count_stars(one, flux_sigma) for one in fields]
    table = fraction_table(counts, KEYS, ANOMALOUS_FRACTIONS, resampling)
    table.rename_column("groups", "fields")
    _exact_limits(table, resampling["confidence"])
    table["exptime_s"].unit = "s"
    table.meta["anomalous"] = (
        f"flux differs by more than {flux_sigma:g} sigma from that without cosmic rays"
    )
    table.meta["interval"] += (
        "; where none or all of the stars are anomalous, exact binomial limits of the pooled counts"
    )
    return in_order(table, methods_of(fields))


def _exact_limits(table: Table, confidence: float) -> None:
    """Use exact binomial limits where the bootstrap interval collapses; NaN stays for one field."""
    for name, (upper, lower) in ANOMALOUS_FRACTIONS.items():
        for row in table:
            count, among = int(row[upper]), int(row[lower])
            if count in (0, among) and not np.isnan(row[f"{name}_lo"]):
                limits = binomtest(count, among).proportion_ci(confidence, method="exact")
                row[f"{name}_lo"], row[f"{name}_hi"] = limits


def methods_of(fields: Sequence[Table]) -> list[str]:
    """Return the methods of all fields, in the order in which they were measured."""
    return list(dict.fromkeys(name for field in fields for name in field["method"]))
