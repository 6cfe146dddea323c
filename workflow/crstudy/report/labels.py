"""Names of figures and tables in a report: the paper's by their numbers, others by letters."""

from collections.abc import Collection
from string import ascii_uppercase

#: Figures of the paper.
PAPER = {f"fig{n}": f"Figure {n}" for n in range(1, 9)}
#: Other figures and tables in the order of the page.
FIGURES = (
    "csst",
    "csst_bias",
    "frame",
    "table1",
    "accuracy",
    "roc",
    "methods",
    "objects",
    "remedy",
    "psf_error",
    "audit",
    "strata",
    "n_exposures",
    "reliability",
    "inference",
)
TABLES = (
    "csst_photometry",
    "csst_bias",
    "csst_catalogue",
    "csst",
    "photometry_summary",
    "photometry_magnitude",
    "repair",
    "method_fluxes",
    "recall",
    "method_scores",
    "objects",
    "star_alarms",
    "star_net",
    "training_programmes",
    "other_nets",
    "remedy",
    "audit",
    "mixtures",
    "n_exposures",
    "n_exposures_simulated",
    "calibration",
    "density_fits",
    "stability",
    "stability_trends",
    "csst_ranges",
    "csst_psf",
    "published_vs_measured",
    "star_sample",
    "control",
    "sensitivity",
    "systematics",
    "groups",
)


def name_all(pictures: Collection[str], tables: Collection[str]) -> dict[str, str]:
    """Name the figures and tables that a page has.

    Parameters
    ----------
    pictures, tables : collection of str
        Names of the files.

    Returns
    -------
    dict of str to str
        By ``figure-`` or ``table-`` and the name of the file, which are the targets of links.

    Examples
    --------
    >>> name_all(["roc", "fig3", "table1"], ["table1", "groups"])
    {'figure-fig3': 'Figure 3', 'figure-table1': 'Figure A', 'figure-roc': 'Figure B', \
'table-table1': 'Table 1', 'table-groups': 'Table A'}
    """
    labels = {f"figure-{name}": words for name, words in PAPER.items() if name in pictures}
    labels |= _letters("figure", [name for name in FIGURES if name in pictures])
    labels |= {"table-table1": "Table 1"} if "table1" in tables else {}
    return labels | _letters("table", [name for name in TABLES if name in tables])


def _letters(kind: str, names: list[str]) -> dict[str, str]:
    # A to Z, then AA, AB.
    letters = [*ascii_uppercase, *(f"A{letter}" for letter in ascii_uppercase)]
    labels = zip(names, letters, strict=False)
    return {f"{kind}-{name}": f"{kind.title()} {letter}" for name, letter in labels}
