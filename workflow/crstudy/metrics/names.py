"""Names of regions and comparisons, and their meanings in reports and metadata of tables."""

FULL = "full"
#: Region of the pixels outside all star regions.
SKY = "sky"
#: Columns that identify a curve: a method, what it is compared with (reference or truth) and where.
KEYS = ("method", "comparison", "region")
#: Printed for a ratio without pixels.
UNDEFINED = "undefined (0 px)"
#: What is compared with what, in the order of the table.
COMPARISONS = ("reference", "truth", "reference_vs_truth")
#: Value of the column `model` in rows that score the AstroDrizzle reference itself.
REFERENCE_MODEL = "astrodrizzle"
COMPARISON_WORDS = {
    "reference": "detector against the AstroDrizzle reference (the paper's way)",
    "truth": "detector against the true cosmic rays, on stars of the image without them",
    "reference_vs_truth": "AstroDrizzle reference against the true cosmic rays",
}
COMPARISON_MEANING = "; ".join(f"{name}: {words}" for name, words in COMPARISON_WORDS.items())
REGION_MEANING = "full frame, or star pixels above this multiple of the RMS"


def region_name(multiple_rms: float) -> str:
    """Name a star region by its threshold, e.g. ``'3'`` or ``'2.5'``."""
    return f"{multiple_rms:g}"
