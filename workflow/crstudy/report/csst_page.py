"""Variables of the report on single exposures of CSST."""

from collections.abc import Mapping
from typing import Any

from astropy.table import Table

from crstudy.config.groups import survey_time
from crstudy.config.registry import METHODS
from crstudy.csst.scores import ALL
from crstudy.metrics.names import FULL
from crstudy.report.headlines import headline_rows
from crstudy.report.measured import select_rows
from crstudy.report.page import Picture


def make_csst_context(
    tables: Mapping[str, Table],
    verdict: str,
    picture: Picture,
    csst: Mapping[str, Any],
    held_out: int,
) -> dict[str, Any]:
    """Collect the variables of the page.

    Parameters
    ----------
    tables : mapping of str to Table
        By the names of their files: csst, csst_photometry and csst_limits of a study, and
        systematics, ``resources/systematics.ecsv``.
    verdict : str
        Of `crstudy.csst.verdict.write_verdict`.
    picture : Picture
        The figure.
    csst : mapping
        Section ``csst`` of the configuration.
    held_out : int
        Number of fields on which thresholds are tuned.

    Returns
    -------
    dict
        Variables of the template ``workflow/report/csst.html.j2``.
    """
    scores, photometry = tables["csst"], tables["csst_photometry"]
    time = survey_time(csst["exptimes_s"])
    where = {"exptime_s": time, "field_class": ALL}
    masks = {
        (row["method"], row["remedy"]): row for row in select_rows(scores, region=FULL, **where)
    }
    return {
        "dataset": scores.meta["dataset"],
        "verdict": verdict,
        "pictures": {"csst": picture},
        "rows": [
            {"mask": masks.get((row["method"], row["remedy"])), "stars": row}
            for row in select_rows(photometry, **where)
        ],
        "headlines": headline_rows(tables, tables["systematics"]),
        "systematics": tables["systematics"].meta,
        "methods": METHODS,
        "survey_s": time,
        "n_fields": csst["n_fields"] - held_out,
        "held_out": held_out,
        "csst": csst,
        "photometry": photometry.meta,
    }
