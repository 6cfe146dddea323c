"""Names of regions, strata and comparisons, and their meanings in reports and tables."""

from astropy.table import Table

from crstudy.data.strata import Stratum

FULL = "full"
#: Region of the pixels outside all star regions.
SKY = "sky"
#: Value of `tuned_for` besides `FULL`: the lowest star region.
STARS = "stars"
#: Columns that identify a curve: a method, what it is compared with and where.
KEYS = ("method", "comparison", "region", "stratum")
#: The same of counts of pixels at the threshold of a model.
PIXEL_KEYS = ("model", *KEYS[1:])
#: Stratum of all pixels of a region.
ALL_STRATA = "all"
#: Strata by name, the value of the column `stratum`, with their words in print.
STRATUM_WORDS = {
    ALL_STRATA: "all pixels",
    Stratum.SKY.name.lower(): "no visible source",
    Stratum.STAR.name.lower(): "star cores",
    Stratum.SATURATED_STAR.name.lower(): "saturated stars and their wings",
    Stratum.EXTENDED.name.lower(): "extended light",
}
#: Printed for a ratio without pixels.
UNDEFINED = "undefined (0 px)"
#: End of the names of comparisons in which rims count as pixels without a cosmic ray.
WITH_RIMS = "_with_rims"
#: What is compared with what, in the order of the table.
COMPARISONS = (
    "reference",
    "truth",
    f"truth{WITH_RIMS}",
    "reference_vs_truth",
    f"reference_vs_truth{WITH_RIMS}",
)
#: Value of the column `model` in rows that score the AstroDrizzle reference itself.
REFERENCE_MODEL = "astrodrizzle"
COMPARISON_WORDS = {
    "reference": "detector against the AstroDrizzle reference (the paper's way)",
    "truth": "detector against the true cosmic rays, on stars of the image without them",
    f"truth{WITH_RIMS}": "the same, flagged rims false positives",
    "reference_vs_truth": "AstroDrizzle reference against the true cosmic rays",
    f"reference_vs_truth{WITH_RIMS}": "the same, flagged rims false positives",
}
RIMS_MEANING = (
    "rims: pixels with some charge of a cosmic ray, but too little for a cosmic-ray pixel; against "
    f"the truth they are ignored, except in comparisons named {WITH_RIMS}"
)
COMPARISON_MEANING = "; ".join(
    [*(f"{name}: {words}" for name, words in COMPARISON_WORDS.items()), RIMS_MEANING]
)
REGION_MEANING = "full frame, or star pixels above this multiple of the RMS"
STRATUM_MEANING = (
    "what most light of a pixel comes from, in the simulator; real exposures have only 'all'. "
    + "; ".join(f"{name}: {words}" for name, words in STRATUM_WORDS.items())
)


def all_strata(table: Table) -> Table:
    """Return the rows of all strata together; a table without strata as it is."""
    return table[table["stratum"] == ALL_STRATA] if "stratum" in table.colnames else table


def region_name(multiple_rms: float) -> str:
    """Name a star region by its threshold, e.g. ``'3'`` or ``'2.5'``."""
    return f"{multiple_rms:g}"
