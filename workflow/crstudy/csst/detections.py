"""False and lost sources in the catalogue of a CSST exposure, after removal of cosmic rays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs.utils import proj_plane_pixel_scales
from numpy.typing import NDArray
from scipy.spatial import KDTree

from crstudy.csst.differences import NOTHING, RIVAL
from crstudy.csst.scores import in_all_fields, in_order
from crstudy.data.background import Sky, extract_sources, measure_sky
from crstudy.data.chips import ChipProducts
from crstudy.metrics.bootstrap import (
    describe_resampling,
    estimate,
    estimate_columns,
)
from crstudy.metrics.pooling import ratio, sum_rows

KEYS = ("method", "remedy", "exptime_s", "field_class")
COUNTS = ("false", "lost", "sources", "area_deg2")
#: Rates of wrong sources: false or lost.
RATES = ("false_per_deg2", "lost_per_deg2", "wrong_per_deg2", "wrong_per_1000")


def compare_catalogues(
    chip: ChipProducts,
    images: Mapping[tuple[str, str], NDArray[np.float32]],
    settings: Mapping[str, float],
) -> Table:
    """Count the sources of images that the clean image lacks, and those that they lack.

    Parameters
    ----------
    chip : ChipProducts
        With its clean image, the exposure without the charge of cosmic rays.
    images : mapping of (str, str) to ndarray, shape (ny, nx)
        Images, e-, by method and variant.
    settings : mapping
        detect_rms, match_arcsec and background_box_px: threshold of the detection and largest
        distance of the same source on two images.

    Returns
    -------
    Table
        A row per image: method, remedy; sources, those of the clean image; false, sources of the
        image without one of the clean image within match_arcsec; lost, sources of the clean image
        without one of the image; area_deg2 of the valid pixels.

    Notes
    -----
    Sources are those that SEP extracts, with no selection by size or shape: five connected pixels
    above the threshold, deblended as SEP does by default. Background and noise are those of the
    clean image for all images alike.
    """
    sky = measure_sky(chip.clean, chip.valid, int(settings["background_box_px"]))
    scale_deg = float(np.mean(proj_plane_pixel_scales(chip.wcs)))
    reach_px = settings["match_arcsec"] / 3600 / scale_deg
    area = int(chip.valid.sum()) * scale_deg**2
    known = find_sources(chip.clean, chip.valid, sky, settings["detect_rms"])
    rows = []
    for key, image in images.items():
        found = find_sources(image, chip.valid, sky, settings["detect_rms"])
        pairs = (found, known), (known, found)
        false, lost = (count_unmatched(*pair, reach_px) for pair in pairs)
        rows.append((*key, false, lost, len(known), area))
    return Table(rows=rows, names=("method", "remedy", *COUNTS))


def find_sources(
    image: NDArray[np.floating], valid: NDArray[np.bool_], sky: Sky, detect_rms: float
) -> NDArray[np.float64]:
    """Return columns and rows of the sources that SEP extracts, shape (n, 2), px."""
    light = np.where(valid, image - sky.level, 0).astype(np.float32)
    options = {"err": sky.global_rms, "mask": ~valid, "filter_kernel": None}
    found = extract_sources(light, detect_rms, **options)
    return np.column_stack([found["x"], found["y"]])


def count_unmatched(
    some: NDArray[np.floating], others: NDArray[np.floating], reach_px: float
) -> int:
    """Count the positions, shape (n, 2), that have none of the others within reach.

    Examples
    --------
    >>> stars = np.array([[10.0, 10.0], [30.0, 5.0]])
    >>> count_unmatched(np.array([[10.5, 10.0], [20.0, 20.0], [21.0, 20.0]]), stars, 1.0)
    2
    >>> count_unmatched(stars, np.empty((0, 2)), 1.0)
    2
    """
    if not len(some) or not len(others):
        return len(some)
    return int((KDTree(others).query(some)[0] > reach_px).sum())


def catalogue_table(fields: Sequence[Table], resampling: Mapping[str, Any]) -> Table:
    """Tabulate false and lost sources, and their difference to simpler remedies.

    Parameters
    ----------
    fields : sequence of Table
        Of `compare_catalogues`, one per field, with the columns exptime_s and field_class.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per `KEYS`: counts; `RATES` with intervals; and, paired on the
        same exposures, wrong_per_deg2 minus that of no correction (minus_none) and of tuned
        L.A.Cosmic (minus_lacosmic), NaN where there is none; fields.
    """
    names, sums = sum_rows([in_all_fields(field) for field in fields], KEYS, COUNTS)
    row_of = {tuple(row): i for i, row in enumerate(names)}
    rows = []
    for (_, _, *where), i in row_of.items():
        row: dict[str, Any] = dict(zip(COUNTS, sums[:, i].sum(axis=0), strict=True))
        row |= estimate_columns(RATES, estimate(_rates, sums[:, i], resampling))
        for name, other in (("minus_none", NOTHING), ("minus_lacosmic", RIVAL)):
            other = row_of.get((*other, *where))
            row |= _difference(name, sums, i, other, resampling)
        rows.append(row | {"fields": int((sums[:, i, -1] > 0).sum())})
    table = Table(rows)
    for name in ("false", "lost", "sources"):
        table[name] = table[name].astype(int)
    table.add_columns([names[key] for key in KEYS], indexes=[0] * len(KEYS), names=KEYS)
    table["exptime_s"].unit = "s"
    table["false"].description = "sources that the image without cosmic rays does not have"
    table["lost"].description = "sources of the image without cosmic rays that are missing"
    table["wrong_per_1000"].description = "false or lost, per thousand sources"
    table["minus_none"].description = "wrong_per_deg2 minus that without any correction"
    table["minus_lacosmic"].description = "wrong_per_deg2 minus that of L.A.Cosmic, tuned"
    table.meta = describe_resampling(resampling)
    methods = [str(name) for field in fields for name in field["method"]]
    return in_order(table, list(dict.fromkeys(methods)))


def _rates(sums: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return `RATES` of sums of `COUNTS`."""
    false, lost, sources, area = np.moveaxis(sums, -1, 0)
    wrong = false + lost
    rates = (false, area), (lost, area), (wrong, area), (1000 * wrong, sources)
    return np.stack([ratio(*pair) for pair in rates], axis=-1)


def _difference(
    name: str,
    sums: NDArray[np.floating],
    one: int,
    other: int | None,
    resampling: Mapping[str, Any],
) -> dict[str, float]:
    """Return the columns of the difference of wrong sources per square degree of two rows."""
    if other is None or other == one:
        return dict.fromkeys((name, f"{name}_lo", f"{name}_hi"), np.nan)
    pair = sums[:, [one, other]]
    # Fields in which one of them was not measured tell nothing of the difference.
    pair = pair * (pair[..., -1] > 0).all(axis=1)[:, np.newaxis, np.newaxis]

    def difference(both: NDArray) -> NDArray:
        wrong = ratio(both[..., 0] + both[..., 1], both[..., -1])
        return (wrong[..., 0] - wrong[..., 1])[..., np.newaxis]

    return estimate_columns([name], estimate(difference, pair, resampling))
