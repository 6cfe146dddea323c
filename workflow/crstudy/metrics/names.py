"""Names of regions and comparisons, in tables and in print."""

FULL = "full"
#: Stands for a ratio without pixels.
UNDEFINED = "undefined (0 px)"
#: What is compared with what, in the order of the table.
COMPARISONS = ("reference", "truth", "reference_vs_truth")
#: Stands in the column `model` where the AstroDrizzle reference itself is scored.
REFERENCE_MODEL = "astrodrizzle"
COMPARISON_WORDS = {
    "reference": "detector against the AstroDrizzle reference (the paper's way)",
    "truth": "detector against the true cosmic rays, on stars of the image without them",
    "reference_vs_truth": "AstroDrizzle reference against the true cosmic rays",
}


def region_name(multiple_rms: float) -> str:
    """Name a star region by its threshold, e.g. ``'3'`` or ``'2.5'``."""
    return f"{multiple_rms:g}"
