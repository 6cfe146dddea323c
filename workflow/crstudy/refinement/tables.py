"""What the remedies for stars change: masks, and aperture photometry on repaired images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from numpy.typing import NDArray

from crstudy.data.background import measure_sky
from crstudy.data.products import ChipProducts
from crstudy.instrument.wcs import on_chip
from crstudy.metrics.bootstrap import fraction_differences, fraction_table
from crstudy.photometry.aperture import aperture_sum, clean_flux, usable
from crstudy.photometry.flux_tests import differs
from crstudy.refinement.settings import NONE, REMEDIES, RESIDUALS

#: Images beside those with the masks of `REMEDIES` inpainted: the exposure as it is; the mask of
#: residuals, with fitted stars instead of inpainted light; the true cosmic rays inpainted.
UNREPAIRED, MODEL_FILLED, TRUE_MASK = "not repaired", "psf residuals, stars filled in", "true mask"
IMAGES = (UNREPAIRED, *REMEDIES, MODEL_FILLED, TRUE_MASK)
#: Numerator and denominator of each fraction.
SCORES = {
    "recall": ("tp", "positives"),
    "precision": ("tp", "flagged"),
    "f1": ("twice_tp", "flagged_and_positives"),
}
ANOMALIES = {
    "anomalous_fraction": ("anomalous", "stars"),
    "anomalous_hit_fraction": ("anomalous_hit", "hit"),
    "anomalous_free_fraction": ("anomalous_free", "free"),
}
COUNTED = ("method", "comparison", "region", "tp", "flagged", "positives")


def score_table(groups: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate recall, precision and F1 of the masks.

    Parameters
    ----------
    groups : sequence of Table
        One per group: columns `COUNTED`, a row per chip, remedy, comparison and region.
    resampling : mapping
        samples, confidence and seed of the bootstrap over groups.

    Returns
    -------
    Table
        A row per remedy, comparison (truth or reference) and region: scores, each with its
        paired difference to the untouched mask (``_change``), all with intervals; px; groups.
    """
    parts = []
    for group in groups:
        part = group[COUNTED]
        part["twice_tp"] = 2 * part["tp"]
        part["flagged_and_positives"] = part["flagged"] + part["positives"]
        parts.append(part)
    table = _with_changes(parts, ("comparison", "region"), SCORES, resampling)
    table.remove_columns(["twice_tp", "flagged_and_positives"])
    return table


def _with_changes(
    groups: Sequence[Table],
    keys: Sequence[str],
    fractions: Mapping[str, tuple[str, str]],
    resampling: Mapping[str, Any],
) -> Table:
    """Tabulate fractions by method, and their differences to `NONE`; a method is a remedy."""
    table = fraction_table(groups, ("method", *keys), fractions, resampling)
    changes = {}
    for method in dict.fromkeys(table["method"]):
        found = fraction_differences(groups, (method, NONE), keys, fractions, resampling)
        for row in found if method != NONE else ():
            place = tuple(row[name] for name in ("method", *keys, "quantity"))
            changes[place] = [row[f"difference{end}"] for end in ("", "_lo", "_hi")]
    for name in fractions:
        of_rows = [
            changes.get((*(row[key] for key in ("method", *keys)), name), [np.nan] * 3)
            for row in table
        ]
        for i, end in enumerate(("", "_lo", "_hi")):
            table[f"{name}_change{end}"] = [values[i] for values in of_rows]
    table.rename_column("method", "remedy")
    table.meta["change"] = f"less that of remedy {NONE!r}, paired: the same groups drawn for both"
    return table


def measure_repairs(
    chip: ChipProducts,
    stars: Table,
    images: Mapping[str, NDArray[np.floating]],
    settings: Mapping[str, float],
) -> Table:
    """Measure the stars of an exposure on several versions of its image.

    Parameters
    ----------
    chip : ChipProducts
        With its truth, if it is simulated.
    stars : Table
        Of `crstudy.photometry.stars.match_detections`.
    images : mapping of str to ndarray, shape (ny, nx)
        Images, e-, by name.
    settings : mapping
        background_box_px, edge_fraction and max_excluded, as for
        `crstudy.photometry.aperture.measure_chip`.

    Returns
    -------
    Table
        A row per image and star that is used: method, the image; star; and e-: flux, flux_clean,
        sigma (of flux_clean), charge (of cosmic rays in the aperture).

    Notes
    -----
    The clean image of a simulated exposure is that exposure without the charge of cosmic rays,
    so that images differ by that and its repair alone; else it is the reference's.
    """
    charge = chip.truth.cr if chip.truth else chip.cr_charge
    clean = chip.original - chip.truth.cr if chip.truth else chip.clean
    positions = SkyCoord(stars["ra"], stars["dec"], unit="deg")
    inside, x, y = on_chip(chip.wcs, positions, clean.shape, settings["edge_fraction"])
    circles = x[inside], y[inside], np.asarray(stars["radius"])[inside]
    where = chip.counted, *circles
    sky = measure_sky(clean, chip.counted, int(settings["background_box_px"]))
    flux_clean, sigma = clean_flux(clean, chip.counted, sky, *circles)
    _, whole = usable(*where, settings["max_excluded"])
    known = Table({"star": np.asarray(stars["star"])[inside], "flux_clean": flux_clean})
    known["sigma"], known["charge"] = sigma, aperture_sum(charge, *where)
    parts = []
    for name, image in images.items():
        part = known.copy()
        part["flux"] = aperture_sum(image - sky.level, *where)
        part["method"] = np.full(len(part), name, dtype=f"U{max(map(len, IMAGES))}")
        parts.append(part[whole & (flux_clean > 0)])
    return vstack(parts)


def count_anomalies(photometry: Table, flux_sigma: float, images: Sequence[str]) -> Table:
    """Count the anomalous stars of a group.

    Parameters
    ----------
    photometry : Table
        Of `measure_repairs`, all chips of a group.
    flux_sigma : float
        A flux that differs by more from that of the clean image is anomalous, sigma; a star is
        hit if more charge of cosmic rays lies in its aperture, and free if none does.
    images : sequence of str
        Those that were measured: each has its row, also without a star.

    Returns
    -------
    Table
        A row per image, with the counts of `ANOMALIES`.
    """
    bad = differs(photometry["flux"], photometry["flux_clean"], photometry["sigma"], flux_sigma)
    charge, sigma = (np.asarray(photometry[name]) for name in ("charge", "sigma"))
    hit, free = charge > flux_sigma * sigma, charge == 0
    rows = []
    for name in images:
        here = np.asarray(photometry["method"] == name)
        row: dict[str, Any] = {"method": name, "stars": here.sum(), "anomalous": (here & bad).sum()}
        for kind, among in (("hit", hit), ("free", free)):
            row |= {kind: (here & among).sum(), f"anomalous_{kind}": (here & among & bad).sum()}
        rows.append(row)
    return Table(rows)


def photometry_table(
    groups: Sequence[Table], flux_sigma: float, resampling: Mapping[str, Any]
) -> Table:
    """Tabulate the anomalous stars of all groups.

    Parameters
    ----------
    groups : sequence of Table
        Of `measure_repairs`, one per group.
    flux_sigma : float
        See `count_anomalies`.
    resampling : mapping
        As for `score_table`.

    Returns
    -------
    Table
        A row per image: the fractions of `ANOMALIES` with intervals, and each with its paired
        difference to the image of the untouched mask (``_change``); counts; groups.
    """
    measured = {name for group in groups for name in group["method"]}
    images = [name for name in IMAGES if name in measured or name in REMEDIES]
    counts = [count_anomalies(group, flux_sigma, images) for group in groups]
    table = _with_changes(counts, (), ANOMALIES, resampling)
    table.meta["anomalous"] = (
        f"flux off that without cosmic rays by more than {flux_sigma:g} sigma; hit: more charge "
        "of cosmic rays than that in the aperture; free: none"
    )
    table.meta["filled"] = f"{MODEL_FILLED!r}: mask of {RESIDUALS!r}; all others are inpainted"
    return table
