"""What the page on single exposures of CSST says."""

from collections.abc import Mapping
from typing import Any

from astropy.table import Table

from crstudy.config.registry import METHODS
from crstudy.core.formatting import with_interval
from crstudy.csst.photometry import ORIGINAL
from crstudy.csst.scores import ALL
from crstudy.csst.verdict import survey_time
from crstudy.metrics.names import FULL
from crstudy.report.page import Picture


def make_csst_context(
    scores: Table,
    photometry: Table,
    verdict: str,
    picture: Picture,
    csst: Mapping[str, Any],
    held_out: int,
) -> dict[str, Any]:
    """Collect everything that the page says.

    Parameters
    ----------
    scores : Table
        Of `crstudy.csst.scores.score_table`.
    photometry : Table
        Of `crstudy.csst.photometry.photometry_table`.
    verdict : str
        Of `crstudy.csst.verdict.write_verdict`.
    picture : Picture
        The figure.
    csst : mapping
        Section ``csst`` of the configuration.
    held_out : int
        Fields on which thresholds and input scales are chosen.

    Returns
    -------
    dict
        Variables of the template ``workflow/report/csst.html.j2``.
    """
    time = survey_time(csst["exptimes_s"])
    masks = {
        (str(row["method"]), str(row["remedy"])): row
        for row in scores
        if (row["exptime_s"], row["field_class"], row["region"]) == (time, ALL, FULL)
    }
    stars = [row for row in photometry if (row["exptime_s"], row["field_class"]) == (time, ALL)]
    return {
        "dataset": scores.meta["dataset"],
        "verdict": verdict,
        "picture": picture,
        "rows": [(masks.get((str(r["method"]), str(r["remedy"]))), r) for r in stars],
        "label": lambda name: "none" if name == ORIGINAL else METHODS[str(name)].label,
        "with_interval": with_interval,
        "survey_s": time,
        "n_fields": csst["n_fields"] - held_out,
        "held_out": held_out,
        "classes": ", ".join(csst["field_classes"]).replace("_", " "),
        "times": ", ".join(map(str, csst["exptimes_s"])),
        "shape": f"{csst['tile_height_px']} × {csst['tile_width_px']}",
        "interval_words": photometry.meta["interval"],
        "anomalous": photometry.meta["anomalous"],
    }
