"""Print where a study's results are, and its headline numbers beside the published ones."""

import sys
from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.table1 import describe, published_table1, to_text


def headline(results: Path, published_file: Path) -> str:
    """Return the headline of a finished study.

    Parameters
    ----------
    results : pathlib.Path
        Results folder of the dataset.
    published_file : pathlib.Path
        ``resources/published.yaml``.

    Returns
    -------
    str
    """
    table = Table.read(results / "tables" / "table1.ecsv")
    published = published_table1(yaml.safe_load(published_file.read_text()))
    lines = [
        "",
        to_text(table, published),
        "",
        f"{describe(table)}; intervals are in the table.",
        f"Table 1:  {results}/tables/table1.md (also .ecsv, .tex)",
        f"Figure:   {results}/figures/table1.png (also .pdf)",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(headline(Path(sys.argv[1]), Path("resources/published.yaml")))
