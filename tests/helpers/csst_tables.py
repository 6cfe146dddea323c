"""Made-up counts and fluxes of fields of the CSST study."""

from functools import cache

import numpy as np
import yaml
from astropy.table import Table, vstack

from crstudy.csst.biases import bias_table
from crstudy.csst.detections import catalogue_table
from crstudy.csst.differences import difference_table
from crstudy.csst.limits import limit_table
from crstudy.csst.masks import COUNTED, mask_table
from crstudy.csst.photometry import count_stars, photometry_table
from crstudy.csst.scores import count_variants, score_table
from crstudy.csst.star_fluxes import ORIGINAL
from crstudy.csst.tuning import THRESHOLD, UNCHANGED, choose_variants
from crstudy.metrics.names import FULL
from project import ROOT

RESAMPLING = {"samples": 200, "confidence": 0.9, "seed": 1}
USUAL = {"zb20-f606w": 0.5, "lacosmic": 4.5}
PUBLISHED = yaml.safe_load((ROOT / "resources/published_csst.yaml").read_text(encoding="utf-8"))[
    "retrained"
]
TIMES = (50.0, 150.0)


def counts(method, bins, time=150.0, kind="extragalactic", region=FULL):
    """Return pixels by score: rows of (threshold, positives, negatives); as many rims as these."""
    table = Table(rows=bins, names=("threshold", "positives", "negatives"))
    table["rims"] = table["negatives"]
    table["threshold"] = np.asarray(table["threshold"], dtype=float)
    table["method"], table["exptime_s"] = method, time
    table["field_class"], table["region"] = kind, region
    return table


#: At 0.5 all hits and as many false alarms are flagged; at 0.8 nearly all hits and nothing else.
NET = [(-np.inf, 0, 900), (0.2, 0, 20), (0.5, 5, 100), (0.8, 95, 0)]
SCAN = [(-np.inf, 10, 1000), (3.0, 10, 50), (6.0, 80, 10)]


def scan(**more):
    return counts("lacosmic", SCAN, **more)


def whole_field():
    """Return the pixels of a field by the scores of all methods, at `TIMES`."""
    nets = [counts("zb20-f606w", NET, time=t) for t in TIMES]
    return vstack([*nets, *(scan(time=t) for t in TIMES)])


def stars(method, remedy, time, wrong, n=100, hit=0, kind="extragalactic", error=0.5):
    """Return the photometry of n stars; the first ones are wrong, and the first ones are hit."""
    number = np.arange(n)
    flux = np.where(number < wrong, 100 * (1 + error), 100.0)
    table = Table({"star": number, "flux": flux})
    table["flux_clean"], table["sigma"], table["mag"] = 100.0, 5.0, 21.0
    table["psf_flux"], table["psf_flux_clean"], table["psf_sigma"] = table["flux"], 100.0, 5.0
    for name in ("dx_mas", "dy_mas", "size_change", "e1_change", "e2_change"):
        table[name] = 0.0
    table["moments"] = True
    table["cr_true"] = np.where(number < hit, 50.0, 0.0)
    table["method"], table["remedy"] = method, remedy
    table["exptime_s"], table["field_class"] = time, kind
    return table


def photometry(fractions, n_fields=3, **more):
    """Return fields in which parts of the stars, in percent, are wrong at `TIMES`."""
    return [
        vstack(
            [
                stars(method, remedy, time, wrong, **more)
                for (method, remedy), parts in fractions.items()
                for time, wrong in zip(TIMES, parts, strict=True)
            ]
        )
        for _ in range(n_fields)
    ]


def sources(method, remedy, false, lost, time=150.0):
    """Return the wrong sources of an exposure of a field, which has 100."""
    names = ("method", "remedy", "false", "lost", "sources", "area_deg2", "exptime_s")
    table = Table(rows=[(method, remedy, false, lost, 100, 1e-4, time)], names=names)
    table["field_class"] = "globular_cluster"
    return table


FLUXES = {
    (ORIGINAL, UNCHANGED): (3, 9),
    ("zb20-f606w", UNCHANGED): (0, 4),
    ("zb20-f606w", THRESHOLD): (0, 0),
}


#: Counts of the masks of a field, see `crstudy.csst.masks.COUNTED`.
MASKS = {
    ("zb20-f606w", UNCHANGED): (1000, 500, 400_000, 960, 40, 10),
    ("zb20-f606w", THRESHOLD): (1000, 500, 400_000, 900, 8, 4),
    ("lacosmic", UNCHANGED): (1000, 500, 400_000, 800, 100, 50),
    ("lacosmic", THRESHOLD): (1000, 500, 400_000, 700, 50, 30),
}


def mask_counts(kind="extragalactic", time=150.0):
    """Return the counts of the masks of a field."""
    names = ("method", "remedy", "exptime_s", "field_class", *COUNTED)
    return Table(rows=[(*item, time, kind, *n) for item, n in MASKS.items()], names=names)


@cache
def source_tables():
    """Return the tables of the stars and sources of three fields at 150 s."""
    net = "zb20-f606w"
    images = (ORIGINAL, UNCHANGED), (net, UNCHANGED), (net, THRESHOLD)
    field = vstack([stars(*image, 150.0, 4, hit=6) for image in images])
    wrong = vstack(
        [sources(*image, *n) for image, n in zip(images, ((30, 2), (3, 1), (2, 1)), strict=True)]
    )
    return {
        "bias": bias_table([field] * 3, 3.0, RESAMPLING),
        "catalogue": catalogue_table([wrong] * 3, RESAMPLING),
    }


def tables(*fluxes, hit=6):
    """Return the tables of a small study by name; wrong fluxes field by field, or `FLUXES`."""
    each = fluxes or [FLUXES] * 3
    n_fields = len(each)
    field = whole_field()
    variants = choose_variants([field], USUAL)
    masks = [count_variants(field, variants)] * n_fields
    fields = [photometry(one, 1, hit=hit)[0] for one in each]
    counted = [count_stars(one, 3.0) for one in fields]
    made = {
        "scores": score_table(masks, variants, RESAMPLING),
        "photometry": photometry_table(fields, 3.0, RESAMPLING),
        "limits": limit_table(fields, 3.0, RESAMPLING),
        "differences": difference_table(masks, counted, variants, RESAMPLING),
        "masks": mask_table([mask_counts()] * n_fields, 0.00235, 0.074, RESAMPLING),
    } | {name: table.copy() for name, table in source_tables().items()}
    for table in made.values():
        table.meta |= {"dataset": "csst", "observed_with": "simulated MSC/CCD r", "missing": {}}
    return made
