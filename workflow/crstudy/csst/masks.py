"""Masks of CSST exposures on the sky: precision at a given prevalence, false masks by area."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from crstudy.csst.scores import in_all_fields, in_order
from crstudy.metrics.bootstrap import describe_resampling, estimate, estimate_columns
from crstudy.metrics.objects.cosmic_rays import count_flagged
from crstudy.metrics.pooling import ratio, sum_rows

KEYS = ("method", "remedy", "exptime_s", "field_class")
#: Counts of `count_mask`, and what is made of them.
COUNTED = ("true_px", "rim_px", "free_px", "tp", "fp", "false_groups")
RATES = (
    "prevalence",
    "recall",
    "false_positive_rate",
    "precision",
    "precision_at_prevalence",
    "false_px_per_deg2",
    "false_groups_per_deg2",
)
MEANINGS = {
    "true_px": "pixels with more charge of cosmic rays than the threshold of the truth",
    "rim_px": "pixels with less charge of cosmic rays, ignored elsewhere",
    "free_px": "pixels without any",
    "fp": "flagged pixels without any charge of cosmic rays",
    "false_groups": "connected flagged pixels of which none holds any charge of cosmic rays",
    "prevalence": "fraction of pixels hit in these fields",
    "precision_at_prevalence": "precision if the fraction of pixels hit were that of the survey",
    "false_px_per_deg2": "fp per square degree at that prevalence",
    "false_groups_per_deg2": "false_groups per square degree at that prevalence",
}


def count_mask(
    mask: NDArray[np.bool_],
    hit: NDArray[np.bool_],
    charge_e: NDArray[np.number],
    valid: NDArray[np.bool_],
) -> dict[str, int]:
    """Count the pixels of a mask, and its groups of pixels without a cosmic ray.

    Parameters
    ----------
    mask, hit, valid : ndarray of bool, shape (ny, nx)
        Flagged pixels, those of cosmic rays, which all hold charge, and valid pixels.
    charge_e : ndarray, shape (ny, nx)
        Charge of cosmic rays, e-.

    Returns
    -------
    dict of str to int
        `COUNTED`, of valid pixels; groups as in
        `crstudy.metrics.objects.cosmic_rays.count_flagged`.
    """
    rims = (charge_e > 0) & ~hit
    found = count_flagged(mask, hit, rims, valid)
    return {
        "true_px": found["positives"],
        "rim_px": int((rims & valid).sum()),
        "free_px": found["negatives"],
        "tp": found["tp"],
        "fp": found["fp"],
        "false_groups": found["flagged"] - found["real"],
    }


def mask_table(
    fields: Sequence[Table],
    prevalence: float,
    pixel_scale_arcsec: float,
    resampling: Mapping[str, Any],
) -> Table:
    """Tabulate precision and false masks at the prevalence of the survey.

    Parameters
    ----------
    fields : sequence of Table
        One per field: method, remedy, exptime_s, field_class and `COUNTED`.
    prevalence : float
        Fraction of pixels that cosmic rays hit.
    pixel_scale_arcsec : float
        Pixel scale.
    resampling : mapping
        samples, confidence and seed of the bootstrap over fields.

    Returns
    -------
    Table
        A row per `KEYS`: counts; `RATES` with intervals; fields.
    """
    names, sums = sum_rows([in_all_fields(field) for field in fields], KEYS, COUNTED)
    px_per_deg2 = (3600 / pixel_scale_arcsec) ** 2
    rows = []
    for i in range(len(names)):
        row = dict(zip(COUNTED, sums[:, i].sum(axis=0).astype(int), strict=True))
        found = estimate(lambda s: mask_rates(s, prevalence, px_per_deg2), sums[:, i], resampling)
        row |= estimate_columns(RATES, found)
        rows.append(row | {"fields": int((sums[:, i, COUNTED.index("free_px")] > 0).sum())})
    table = Table(rows)
    table.add_columns([names[key] for key in KEYS], indexes=[0] * len(KEYS), names=KEYS)
    table["exptime_s"].unit = "s"
    for name, words in MEANINGS.items():
        table[name].description = words
    table.meta = describe_resampling(resampling) | {"survey_prevalence": prevalence}
    methods = [str(name) for field in fields for name in field["method"]]
    return in_order(table, list(dict.fromkeys(methods)))


def mask_rates(
    sums: NDArray[np.floating], prevalence: float, px_per_deg2: float
) -> NDArray[np.float64]:
    """Return `RATES` of sums of `COUNTED`, shapes (..., 6) and (..., 7).

    At a prevalence p, recall r and false-positive rate f, the precision is
    r p / (r p + f (1 - p)). Rims of cosmic rays, pixels with too little charge, are left out.

    Examples
    --------
    >>> rates = mask_rates(np.array([100.0, 50, 9900, 80, 99, 33]), 0.002, 1e9)
    >>> dict(zip(RATES, rates.round(4).tolist(), strict=True))["precision_at_prevalence"]
    0.1382
    """
    true, rim, free, tp, fp, groups = np.moveaxis(np.asarray(sums, dtype=float), -1, 0)
    recall, false = ratio(tp, true), ratio(fp, free)
    right, wrong = recall * prevalence, false * (1 - prevalence)
    return np.stack(
        [
            ratio(true, true + rim + free),
            recall,
            false,
            ratio(tp, tp + fp),
            ratio(right, right + wrong),
            wrong * px_per_deg2,
            ratio(groups, free) * (1 - prevalence) * px_per_deg2,
        ],
        axis=-1,
    )
