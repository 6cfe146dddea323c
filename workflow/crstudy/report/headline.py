"""The headline of a finished study, and where its results are."""

from pathlib import Path

import yaml
from astropy.table import Table

from crstudy.core.formatting import describe
from crstudy.metrics.published_table1 import published_table1
from crstudy.metrics.table1 import to_text


def headline(results: Path, published_file: Path) -> str:
    """Return the headline of a finished study: Table 1 beside the paper's, or the verdict on CSST.

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
    places = [
        "",
        f"Report:   {results}/report.html",
        f"Tables:   {results}/tables",
        f"Figures:  {results}/figures",
    ]
    verdict = results / "tables" / "csst.md"
    if verdict.is_file():
        return "\n".join([*verdict.read_text(encoding="utf-8").split("\n\n")[:1], *places])
    table = Table.read(results / "tables" / "table1.ecsv")
    published = published_table1(yaml.safe_load(published_file.read_text(encoding="utf-8")))
    lines = [
        "",
        to_text(table, published),
        "",
        f"{describe(table)}; intervals are in the table.",
        "",
        _verdicts(Table.read(results / "tables" / "published_vs_measured.ecsv")),
        *places,
    ]
    return "\n".join(lines)


def _verdicts(comparison: Table) -> str:
    """Count the verdicts on the published numbers."""
    verdicts = list(comparison["verdict"])
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    return f"Published and measured numbers: {counts}."
