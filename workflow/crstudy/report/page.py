"""One page that tells a whole study: tables, figures, verdicts and provenance into HTML."""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Table
from markupsafe import Markup

from crstudy.config.registry import METHODS
from crstudy.core.formatting import decimal, describe, integer, plural, scientific
from crstudy.metrics.bootstrap import MIN_GROUPS
from crstudy.photometry.summary import ALL
from crstudy.reference.alignment_verdict import describe_alignment
from crstudy.report.answers import answer_questions
from crstudy.report.conclusions import draw_conclusions
from crstudy.report.measured import Results
from crstudy.report.published import PAPER_DATA, compared_on
from crstudy.report.tables import count_verdicts, print_tables
from crstudy.report.verdict_rules import VERDICTS

#: Pixels of the figures (workflow/report/crstudy.mplstyle) and of CSS in an inch.
FIGURE_DPI, CSS_DPI = 300, 96
#: On the screen figures are this much larger than in print.
ENLARGED = 1.25
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIMULATION = "simulation"


@dataclass(frozen=True)
class Picture:
    """A figure inside the page: its data URI and its size on the screen in CSS pixels."""

    uri: str
    width: int
    height: int


def embed(path: str | Path) -> Picture:
    """Read a PNG file as a data URI.

    Parameters
    ----------
    path : path-like
        PNG file.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        The file is no PNG image.
    """
    content = Path(path).read_bytes()
    if not content.startswith(PNG_SIGNATURE):
        raise ValueError(f"{path} is no PNG image")
    scale = ENLARGED * CSS_DPI / FIGURE_DPI
    width, height = (round(scale * side) for side in struct.unpack(">II", content[16:24]))
    return Picture(f"data:image/png;base64,{base64.b64encode(content).decode()}", width, height)


def shorter_sides(paths: Iterable[str | Path]) -> list[int]:
    """Return the different lengths, px, of the shorter side of the chips of exposures."""
    sides = set()
    for path in paths:
        with fits.open(path) as hdus:
            sides |= {min(hdu.shape) for hdu in hdus if hdu.name == "SCI"}
    return sorted(sides)


def make_context(
    tables: Mapping[str, Table],
    gallery: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    config: Mapping[str, Any],
    published: Mapping[str, Any],
    sides_px: Sequence[int],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Collect everything that the page says.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables of a dataset by the names of their files; ``star_sample`` and ``control`` are
        there for simulated data only, ``alignment`` for real data only; ``sensitivity`` may be
        absent. Those of the comparison of methods: see `crstudy.report.answers.answer_questions`.
    gallery : mapping
        Header of ``tables/gallery.fits``.
    pictures : mapping of str to Picture
        Figures by the names of their files.
    config : mapping
        The merged configuration.
    published : mapping
        Content of ``resources/published.yaml``.
    sides_px : sequence of int
        Of `shorter_sides`.
    provenance : mapping
        versions, commit, weights, checksums: see `crstudy.pipeline.provenance`.

    Returns
    -------
    dict
        Variables of the template ``workflow/report/report.html.j2``.
    """
    metrics = config["metrics"]
    results = Results(tables, metrics["confidence"])
    observed_with = str(tables["table1"].meta["observed_with"])
    comparison = tables["published_vs_measured"]
    return {
        "dataset": config["dataset"],
        "title": describe(tables["table1"]),
        "observed_with": observed_with,
        "simulated": config["source"] == SIMULATION,
        "compared_on": compared_on(observed_with),
        "config": config,
        "config_text": yaml.safe_dump(dict(config), sort_keys=False),
        "facts": _facts(tables, config, sides_px),
        "gallery": dict(gallery),
        "conclusions": draw_conclusions(results, published),
        "printed": print_tables(tables, published),
        "meta": {name: table.meta for name, table in tables.items()},
        "verdicts": count_verdicts(comparison, VERDICTS),
        "paper": {n["key"]: n["published"].replace("+-", "±") for n in published["numbers"]},
        "inconsistencies": published["inconsistencies"],
        "absent": what_does_not_apply(tables, config),
        "methods": [METHODS[name].label for name in config["methods"]["names"]],
        "answers": answer_questions(tables, config["methods"]["matched_rate"]),
        "pictures": pictures,
        "provenance": provenance,
    }


def _facts(
    tables: Mapping[str, Table], config: Mapping[str, Any], sides_px: Sequence[int]
) -> dict[str, Any]:
    """Return the counts and ranges that the text and the captions state."""
    groups, summary = tables["groups"], tables["photometry_summary"]
    everything = summary[np.asarray(summary["group"]) == ALL][0]
    times = np.asarray(groups["exptime"], float)
    margins = [side * config["photometry"]["edge_fraction"] for side in sides_px]
    density = tables["density"]
    fractions = np.asarray(density["cr_fraction"], float)
    climbed = {str(name) for name in density["exposure"][np.isfinite(fractions)]}
    return {
        "groups": plural(len(groups), "groups"),
        "n_groups": len(groups),
        "exposures": plural(sum(groups["exposures"]), "exposures"),
        "dates": " to ".join(dict.fromkeys((min(groups["observed"]), max(groups["observed"])))),
        "times": _range(times, "s"),
        "fractions": _range(100 * np.asarray(groups["cr_fraction"], float), "%", 2),
        "counted": integer(sum(groups["counted_px"])),
        "sides": " and ".join(f"{side:,}" for side in sides_px),
        "margin": " and ".join(f"{margin:.4g}" for margin in margins),
        "stars": plural(everything["stars"], "stars"),
        "n_stars": int(everything["stars"]),
        "measurements": plural(everything["measurements"], "measurements"),
        "excluded": integer(everything["excluded"]),
        "contaminated": integer(everything["contaminated"]),
        "climbed": plural(len(climbed), "exposures"),
        "alignment": describe_alignment(tables["alignment"]) if "alignment" in tables else "",
        "densest": decimal(100 * np.fmax.reduce(fractions, initial=np.nan)),
    }


def _range(values: np.ndarray, unit: str, digits: int = 0) -> str:
    """Write the range of values, or the one value."""
    ends = [decimal(value, digits) for value in (np.fmin.reduce(values), np.fmax.reduce(values))]
    return f"{' to '.join(dict.fromkeys(ends))} {unit}"


def what_does_not_apply(
    tables: Mapping[str, Table], config: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """List what a dataset cannot show, and why.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables of a dataset.
    config : mapping
        The merged configuration.

    Returns
    -------
    list of (what, why)
    """
    meta, groups = tables["table1"].meta, tables["groups"]
    absent = []
    if config["source"] == SIMULATION:
        absent.append(
            (
                "Anything about the sky itself",
                "these exposures are simulated: agreement or disagreement with the paper is that "
                "of a model of the camera, and its detectors do not age",
            )
        )
    else:
        absent.append(
            (
                "Scores against the true cosmic rays, completeness and purity of the stars, the "
                "negative control",
                "these are real exposures, whose true cosmic rays and stars are not known",
            )
        )
    if PAPER_DATA not in str(meta["observed_with"]):
        absent.append(
            (
                "The paper's numbers as expectations",
                f"these are {meta['observed_with']}, while the paper and the training of deepCR "
                f"used {PAPER_DATA}",
            )
        )
    if len(groups) < 2:
        absent.append(("Intervals", "one group does not tell how groups differ"))
    if len(groups) < MIN_GROUPS:
        absent.append(("Trends with date", f"fewer than {MIN_GROUPS} groups"))
    summary = tables["photometry_summary"]
    if not summary["stars"].max():
        absent.append(
            (
                "Photometry: flux ratios, galleries, density, harmed and repaired stars",
                "no star passes the selection, so those tables and figures are empty",
            )
        )
    else:
        absent += _lines_without_fit(tables["density_fits"])
    return absent


def _lines_without_fit(fits_table: Table) -> list[tuple[str, str]]:
    """List the lines of figure 6 that cannot be fitted, or have no interval."""
    least = fits_table.meta["min_stars"]
    undefined = np.isnan(np.asarray(fits_table["slope"], float))
    alone = ~undefined & np.isnan(np.asarray(fits_table["slope_lo"], float))
    absent = []
    for rows, what, why in (
        (
            fits_table[undefined],
            "No line for",
            f"too few exposures hold at least {least} such stars",
        ),
        (
            fits_table[alone],
            "No interval for the line of",
            f"fewer than {MIN_GROUPS} groups hold at least {least} such stars",
        ),
    ):
        if len(rows):
            absent.append((f"{what} {', '.join(map(str, rows['quantity']))}", why))
    return absent


def render(context: Mapping[str, Any], template: str | Path, style: str | Path) -> str:
    """Write the page.

    Parameters
    ----------
    context : mapping
        Of `make_context`.
    template : path-like
        Jinja2 template; a name that the context lacks is an error.
    style : path-like
        Style sheet that goes into the page.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"integer": integer, "scientific": scientific, "decimal": decimal}
    page = environment.from_string(Path(template).read_text())
    return page.render(context, style=Markup(Path(style).read_text()))
