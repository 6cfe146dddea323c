"""Fluxes of stars after every method's mask: repaired, degraded, and wrong in all (simulated)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.data.chips import ChipProducts
from crstudy.metrics.bootstrap import fraction_changes
from crstudy.metrics.curves.thresholds import MATCHED
from crstudy.photometry.aperture import measure_versions
from crstudy.photometry.flux_tests import anomaly_flags

#: In place of a method: the exposure as it is, and with its true cosmic rays inpainted.
UNREPAIRED, TRUE_MASK = "not repaired", "true mask"
#: The simplest method that a survey would use instead, at `MATCHED`, where it does best.
RIVAL = "lacosmic"
#: All field classes together.
ALL_CLASSES = "all"
#: Numerator and denominator of each fraction.
FRACTIONS = {
    "repaired_fraction": ("repaired", "hit"),
    "degraded_fraction": ("degraded", "free"),
    "anomalous_fraction": ("anomalous", "stars"),
}
KEYS = ("threshold_kind", "field_class")


def count_fluxes(
    chip: ChipProducts,
    stars: Table,
    images: Mapping[tuple[str, str], NDArray[np.floating]],
    settings: Mapping[str, float],
) -> Table:
    """Count the stars of a chip whose flux is right and wrong on each version of its image.

    Parameters
    ----------
    chip : ChipProducts
        With its truth.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    images : mapping of (str, str) to ndarray, shape (ny, nx)
        Images, e-, by method and kind of threshold.
    settings : mapping
        background_box_px, edge_fraction and max_excluded, as for
        `crstudy.photometry.forced.measure_chip`; and flux_sigma: a flux is wrong if it differs by
        more, in flux errors, from that of the exposure without the charge of its cosmic rays.

    Returns
    -------
    Table
        A row per image: method, threshold_kind, and the counts of `FRACTIONS`: stars (all);
        anomalous, with a wrong flux; hit, whose flux a cosmic ray made wrong, and repaired, those
        of them with a right one; free, whose aperture no cosmic ray touched, and degraded, those
        of them with a wrong one.
    """
    clean = chip.original - chip.truth.cr
    measured = measure_versions(chip, stars, clean, list(images.values()), settings)
    flags = anomaly_flags(measured, "charge", settings["flux_sigma"])
    flags["repaired"] = flags["hit"] & ~flags["anomalous"]
    flags["degraded"] = flags["anomalous_free"]
    counted = dict.fromkeys(name for pair in FRACTIONS.values() for name in pair)
    rows = []
    for number, (method, kind) in enumerate(images):
        here = np.asarray(measured["version"]) == number
        row: dict[str, Any] = {"method": method, "threshold_kind": kind}
        rows.append(row | {name: int((flags[name] & here).sum()) for name in counted})
    return Table(rows)


def method_flux_table(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate the fluxes that each method repairs, degrades and leaves wrong.

    Parameters
    ----------
    groups : sequence of Table
        Of `count_fluxes`, one per group, with a column field_class.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per method, `UNREPAIRED` first, threshold_kind and field_class, `ALL_CLASSES` among
        them: counts; `FRACTIONS` with intervals, and each with its paired difference to
        `UNREPAIRED` (``_change``); groups; anomalous_fraction_minus_rival, the paired difference
        to `RIVAL` at the threshold `MATCHED`, NaN in its own rows and without it.
    """
    parts = []
    for group in groups:
        whole = group.copy()
        whole["field_class"] = ALL_CLASSES
        parts.append(vstack([whole, group], metadata_conflicts="silent"))
    table = fraction_changes(parts, UNREPAIRED, KEYS, FRACTIONS, resampling)
    against = [_match_rival(part) for part in parts]
    wrong = {"anomalous_fraction": FRACTIONS["anomalous_fraction"]}
    changes = fraction_changes(against, RIVAL, KEYS, wrong, resampling)
    row_of = {tuple(row[key] for key in ("method", *KEYS)): row for row in changes}
    for end in ("", "_lo", "_hi"):
        found = (row_of.get(tuple(row[key] for key in ("method", *KEYS))) for row in table)
        column = [row[f"anomalous_fraction_change{end}"] if row else np.nan for row in found]
        table[f"anomalous_fraction_minus_rival{end}"] = column
    table.meta["minus_rival"] = f"less that of {RIVAL!r} at the threshold {MATCHED!r}, paired"
    return table


def _match_rival(part: Table) -> Table:
    """Compare each kind of threshold with the rival's matched one."""
    is_rival = part["method"] == RIVAL
    best = part[is_rival & (part["threshold_kind"] == MATCHED)]
    copies = [best.copy() for _ in set(part["threshold_kind"])]
    for copy, kind in zip(copies, dict.fromkeys(part["threshold_kind"]), strict=True):
        copy["threshold_kind"] = kind
    return vstack([part[~is_rival], *copies], metadata_conflicts="silent")
