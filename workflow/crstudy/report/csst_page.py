"""Variables of the report on single exposures of CSST."""

from collections.abc import Mapping
from typing import Any

from astropy.table import Table

from crstudy.config.groups import survey_time
from crstudy.config.registry import METHODS
from crstudy.csst.differences import NOTHING, RIVAL
from crstudy.csst.scores import ALL
from crstudy.csst.verdict import find_changes, survey_class
from crstudy.metrics.names import FULL
from crstudy.report.csst_stars import bias_rows, source_rows, source_words, star_words
from crstudy.report.headlines import NET, headline_rows
from crstudy.report.labels import name_all
from crstudy.report.measured import select_rows
from crstudy.report.nets import CSST, star_net_rows
from crstudy.report.page import Picture

#: What methods are compared with, by the name of its column.
OTHERS = {"nothing": NOTHING, "rival": RIVAL}
#: The three numbers that the page begins with, of `crstudy.report.headlines`.
NUMBERS = ("csst recall", "csst wrong none", f"csst wrong {NET}")
#: Tables on the page.
SHOWN = {
    *("csst", "csst_photometry", "csst_bias", "csst_catalogue", "csst_ranges", "csst_psf"),
    *("star_net", "other_nets", "systematics"),
}
#: Paragraphs of a verdict: fluxes, sciences, catalogue, masks, and a retrained net.
PARTS = 5


def make_csst_context(
    tables: Mapping[str, Table],
    verdict: str,
    pictures: Mapping[str, Picture],
    csst: Mapping[str, Any],
    held_out: int,
    files: Mapping[str, str],
) -> dict[str, Any]:
    """Collect the variables of the page.

    Parameters
    ----------
    tables : mapping of str to Table
        By the names of their files: csst, csst_photometry, csst_limits, csst_differences,
        csst_masks and csst_catalogue of a study, csst_bias if there is one, and of ``resources``
        systematics, csst_ranges, csst_psf, other_nets and star_net.
    verdict : str
        Of `crstudy.csst.verdict.write_verdict`.
    pictures : mapping of str to Picture
        The figures by name: csst and csst_bias.
    csst : mapping
        Section ``csst`` of the configuration.
    held_out : int
        Number of fields on which thresholds are tuned.
    files : mapping of str to str
        Links to the files of tables, by name.

    Returns
    -------
    dict
        Variables of the template ``workflow/report/csst.html.j2``.
    """
    scores, photometry = tables["csst"], tables["csst_photometry"]
    time = survey_time(csst["exptimes_s"])
    where = {"exptime_s": time, "field_class": ALL}
    masks = _by_item(select_rows(scores, region=FULL, **where))
    kind = survey_class(tables["csst_masks"])
    sky = _by_item(select_rows(tables["csst_masks"], exptime_s=time, field_class=kind))
    changes = find_changes(photometry, tables["csst_differences"], time)
    biases = bias_rows(tables["csst_bias"], time) if "csst_bias" in tables else []
    headlines = headline_rows(tables, tables["systematics"])
    sources = source_rows(tables["csst_catalogue"], time)
    rows = [
        {"stars": row, "mask": masks.get(item), "sky": sky.get(item)}
        | {name: changes.get(item, {}).get(other) for name, other in OTHERS.items()}
        for item, row in _by_item(select_rows(photometry, **where)).items()
    ]
    return {
        "dataset": scores.meta["dataset"],
        "parts": (verdict.split("\n\n") + PARTS * [""])[:PARTS],
        "gone": {}
        if "csst_bias" in tables
        else {"stars": "this page was made without csst_bias.ecsv"},
        "labels": name_all(pictures, [name for name in tables if name in SHOWN]),
        "files": files,
        "top": [row for row in headlines if row["key"] in NUMBERS],
        "pictures": pictures,
        "rows": rows,
        "net": [row for row in rows if row["stars"]["method"] == NET],
        "biases": biases,
        "bias": tables["csst_bias"].meta if "csst_bias" in tables else {},
        "star_words": star_words(biases),
        "sources": sources,
        "source_words": source_words(sources),
        "other_nets": select_rows(tables["other_nets"], study="csst", region=FULL, field_class=ALL)
        if "other_nets" in tables
        else [],
        "star_net_rows": star_net_rows(
            tables["star_net"], dict.fromkeys(map(str, photometry["method"])), CSST
        )
        if "star_net" in tables
        else [],
        "headlines": headlines,
        "systematics": tables["systematics"].meta,
        "ranges": tables["csst_ranges"],
        "psfs": tables["csst_psf"],
        "methods": METHODS,
        "survey_s": time,
        "survey_class": kind,
        "prevalence": tables["csst_masks"].meta["survey_prevalence"],
        "n_fields": csst["n_fields"] - held_out,
        "held_out": held_out,
        "csst": csst,
        "photometry": photometry.meta,
    }


def _by_item(rows: Table) -> dict[tuple[str, str], Any]:
    """Return rows by method and variant."""
    return {(str(row["method"]), str(row["remedy"])): row for row in rows}
