"""The report of a study: tables, figures, verdicts and provenance in one HTML page."""

import base64
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from astropy.table import Table
from markupsafe import Markup
from numpy.typing import ArrayLike

from crstudy.config.groups import few_exposures
from crstudy.config.registry import METHODS
from crstudy.core.formatting import decimal, describe, integer, plural
from crstudy.data.exposure import read_shapes
from crstudy.metrics.bootstrap import MIN_GROUPS
from crstudy.photometry.summary import ALL
from crstudy.reference.alignment_verdict import summarise_alignment
from crstudy.report.answers import answer_questions
from crstudy.report.conclusions import draw_conclusions
from crstudy.report.headlines import headline_rows
from crstudy.report.labels import name_all
from crstudy.report.measured import Results, select_rows
from crstudy.report.nets import net_rows, other_net_rows, star_net_rows
from crstudy.report.published import PAPER_DATA
from crstudy.report.summary import answer_whom, find_gone, pick_numbers
from crstudy.report.tables import (
    COLUMNS,
    alarm_rows,
    count_verdicts,
    exposure_rows,
    mask_rows,
    pivot,
    pivot_psfs,
    published_rows,
    score_rows,
)
from crstudy.report.verdict_rules import VERDICTS

#: Pixels of the figures (workflow/report/crstudy.mplstyle) and of CSS in an inch.
FIGURE_DPI, CSS_DPI = 300, 96
#: On the screen figures are this much larger than in print.
ENLARGED = 1.25
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIMULATION = "simulation"


@dataclass(frozen=True)
class Picture:
    """An embedded figure: data URI, size on the screen in CSS pixels, and link to its PDF."""

    uri: str
    width: int
    height: int
    file: str = ""


def embed(path: str | Path, page: str | Path | None = None) -> Picture:
    """Read a PNG file as a data URI.

    Parameters
    ----------
    path : path-like
        PNG file.
    page : path-like, optional
        File of the page, which links to the PDF beside the PNG.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        The file is not a valid PNG image.
    """
    content = Path(path).read_bytes()
    if not content.startswith(PNG_SIGNATURE):
        raise ValueError(f"{path} is not a valid PNG image")
    scale = ENLARGED * CSS_DPI / FIGURE_DPI
    width, height = (round(scale * side) for side in struct.unpack(">II", content[16:24]))
    uri = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Picture(uri, width, height, link(Path(path).with_suffix(".pdf"), page) if page else "")


def link(path: str | Path, page: str | Path) -> str:
    """Return the relative link from a page to a file.

    Parameters
    ----------
    path, page : path-like

    Returns
    -------
    str

    Examples
    --------
    >>> link("results/sim/tables/recall.ecsv", "results/sim/report.html")
    'tables/recall.ecsv'
    """
    return os.path.relpath(path, Path(page).parent)


def shorter_sides(paths: Iterable[str | Path]) -> list[int]:
    """Return the different lengths, px, of the shorter side of the chips of exposures."""
    return sorted({min(shape) for path in paths for shape in read_shapes(path)})


def make_context(
    tables: Mapping[str, Table],
    gallery: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    config: Mapping[str, Any],
    published: Mapping[str, Any],
    sides_px: Sequence[int],
    provenance: Mapping[str, Any],
    files: Mapping[str, str],
) -> dict[str, Any]:
    """Collect the variables of the page.

    Parameters
    ----------
    tables : mapping of str to Table
        Tables of a dataset, and those kept in ``resources``, by the names of their files. Always
        table1, groups, photometry_summary and training_programmes; a section whose table is
        missing says so. ``n_exposures_simulated`` is the kept one.
    gallery : mapping
        Header of ``tables/gallery.fits``, empty if there is none.
    pictures : mapping of str to Picture
        Figures by the names of their files.
    config : mapping
        The merged configuration.
    published : mapping
        Content of ``resources/published.yaml``.
    sides_px : sequence of int
        Of `shorter_sides`.
    provenance : mapping
        versions, commit, weights, checksums: see `crstudy.pipeline.provenance`; record: link to
        ``run/provenance.json``, or empty.
    files : mapping of str to str
        Links to the files of tables, by name.

    Returns
    -------
    dict
        Variables of the template ``workflow/report/report.html.j2``.
    """
    metrics = config["metrics"]
    results = Results(tables, metrics["confidence"])
    observed_with = str(tables["table1"].meta["observed_with"])
    comparison = tables.get("published_vs_measured", Table(names=["verdict"], dtype=[str]))
    simulated = config["source"] == SIMULATION
    rate = config["methods"]["matched_rate"]
    facts = _facts(tables, config, sides_px)
    own = [net["name"] for net in config["methods"]["own"]]
    compared = [*config["methods"]["names"], *own]
    return {
        "dataset": config["dataset"],
        "tables": tables,
        "title": describe(tables["table1"]),
        "observed_with": observed_with,
        "simulated": simulated,
        "model": config["detector"]["models"][0],
        "config": config,
        "config_rows": _list_settings(config),
        "facts": facts,
        "gone": find_gone(tables, facts, simulated=simulated),
        "whom": answer_whom(tables, rate),
        "top": pick_numbers(tables, simulated=simulated),
        "labels": name_all(pictures, tables),
        "files": files,
        "alignment": summarise_alignment(tables["alignment"]) if "alignment" in tables else None,
        "gallery": dict(gallery),
        "conclusions": draw_conclusions(results, published),
        "headlines": headline_rows(tables, tables["systematics"]) if simulated else [],
        "score_rows": score_rows(tables["table1"], published),
        "published_rows": published_rows(comparison, published) if len(comparison) else {},
        "verdicts": count_verdicts(comparison, VERDICTS),
        "paper": {n["key"]: n["published"].replace("+-", "±") for n in published["numbers"]},
        "inconsistencies": [
            (one["place"][0].upper() + one["place"][1:], one["sentence"])
            for one in published["inconsistencies"]
        ],
        "fits": _fits_without(tables["density_fits"]) if "density_fits" in tables else {},
        "min_groups": MIN_GROUPS,
        "few_exposures": few_exposures(dict(tables["groups"]["group", "exposures"].iterrows())),
        "paper_data": PAPER_DATA,
        "methods": [METHODS[name].label for name in compared],
        "nets": net_rows(compared, tables["training_programmes"]),
        "other_nets": other_net_rows(tables["other_nets"]) if "other_nets" in tables else [],
        "star_net_rows": star_net_rows(tables["star_net"], compared)
        if "star_net" in tables
        else [],
        "mask_rows": mask_rows,
        "alarm_rows": alarm_rows(tables["star_alarms"]) if "star_alarms" in tables else [],
        "answers": answer_questions(tables, rate),
        "pictures": pictures,
        "provenance": provenance,
    }


def _list_settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the sections of the configuration, each in one line of YAML."""

    def write(part: Any) -> str:
        line = yaml.safe_dump(part, default_flow_style=True, sort_keys=False, width=np.inf)
        return line.removesuffix("...\n").strip()

    return [(name, write(part)) for name, part in config.items()]


def _facts(
    tables: Mapping[str, Table], config: Mapping[str, Any], sides_px: Sequence[int]
) -> dict[str, Any]:
    """Return the counts and ranges that text and captions quote."""
    groups, summary = tables["groups"], tables["photometry_summary"]
    everything = summary[np.asarray(summary["group"]) == ALL][0]
    times = np.asarray(groups["exptime"], float)
    margins = [side * config["photometry"]["edge_fraction"] for side in sides_px]
    density = tables.get("density", Table(names=["exposure", "cr_fraction"], dtype=[str, float]))
    fractions = np.asarray(density["cr_fraction"], float)
    with_added = {str(name) for name in density["exposure"][np.isfinite(fractions)]}
    return {
        "groups": plural(len(groups), "groups"),
        "n_groups": len(groups),
        "exposures": plural(sum(groups["exposures"]), "exposures"),
        "dates": " to ".join(dict.fromkeys((min(groups["observed"]), max(groups["observed"])))),
        "times": _range(times, "s"),
        "fractions": _range(100 * np.asarray(groups["cr_fraction"], float), "%", 2),
        "valid": integer(sum(groups["valid_px"])),
        "sides": " and ".join(f"{side:,}" for side in sides_px),
        "margin": " and ".join(f"{margin:.4g}" for margin in margins),
        "stars": plural(everything["stars"], "stars"),
        "n_stars": int(everything["stars"]),
        "measurements": plural(everything["measurements"], "measurements"),
        "contaminated": integer(everything["contaminated"]),
        "with_added": plural(len(with_added), "exposures"),
        "densest": _range([100 * np.fmax.reduce(fractions, initial=np.nan)], "%", 1),
    }


def _range(values: ArrayLike, unit: str, digits: int = 0) -> str:
    """Write the range of values, or the one value."""
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    if np.isnan(low):
        return "undefined"
    return f"{' to '.join(dict.fromkeys(decimal(end, digits) for end in (low, high)))} {unit}"


def _fits_without(fits_table: Table) -> dict[str, list[str]]:
    """Name the lines of Figure 6 that cannot be fitted, and those without an interval."""
    slope, low = (np.asarray(fits_table[name], float) for name in ("slope", "slope_lo"))
    without = {"line": np.isnan(slope), "interval": ~np.isnan(slope) & np.isnan(low)}
    return {name: [str(q) for q in fits_table["quantity"][here]] for name, here in without.items()}


def render(context: Mapping[str, Any], template: str | Path, style: str | Path) -> str:
    """Write the page.

    Parameters
    ----------
    context : mapping
        Of `make_context`.
    template : path-like
        Jinja2 template; a name that the context lacks is an error.
    style : path-like
        Style sheet, embedded in the page.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    page = make_environment(Path(template).parent).get_template(Path(template).name)
    return page.render(context, style=Markup(Path(style).read_text(encoding="utf-8")))


def make_environment(folder: str | Path) -> jinja2.Environment:
    """Return the environment of the templates in a folder, with formats of numbers."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        extensions=["jinja2.ext.do"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"integer": integer, "decimal": decimal, "plural": plural}
    environment.filters["exposure_rows"] = exposure_rows
    environment.filters |= {"select_rows": select_rows} | {
        f.__name__: f for f in (pivot, pivot_psfs)
    }
    environment.tests["finite"] = np.isfinite
    environment.globals["column"] = COLUMNS
    return environment
