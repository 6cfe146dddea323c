"""The report of a study from the tables in the repository alone: ``make report DATASET=sim``.

Figures whose tables are missing are left out; sections without data are one line.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import yaml
from astropy.table import Table

from crstudy.config.study import Study, load_config
from crstudy.csst.verdict import write_verdict
from crstudy.deepcr.weights import WEIGHTS
from crstudy.figures.style import read_input, save
from crstudy.pipeline.provenance import checksums, commit, versions
from crstudy.report.csst_page import make_csst_context
from crstudy.report.nets import trained_here
from crstudy.report.page import embed, link, make_context, render

RESOURCES = Path("resources")
#: Tables that hold for every study.
KEPT = (
    "training_programmes",
    "systematics",
    "csst_ranges",
    "csst_psf",
    "psf_error",
    "other_nets",
)
KEPT_N_EXPOSURES = RESOURCES / "expected/exposures/n_exposures.ecsv"
#: By figure: module of `crstudy.figures` and the tables and documents that it draws.
FIGURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "fig1": ("paper.fig1", ("groups", "published")),
    "fig6": ("paper.fig6", ("density", "density_fits", "published")),
    "fig7": ("paper.fig7", ("stability", "stability_trends", "published")),
    "fig8": ("paper.fig8", ("photometry_summary", "stability_trends", "published")),
    "table1": ("paper.table1", ("table1", "published")),
    "accuracy": ("accuracy", ("photometry_magnitude", "repair", "groups")),
    "strata": ("strata", ("table1", "mixtures", "published")),
    "audit": ("audit", ("audit", "table1_corrected")),
    "objects": ("objects", ("objects", "purity", "star_alarms")),
    "reliability": ("reliability", ("reliability", "calibration")),
    "remedy": ("refinement", ("remedy", "remedy_photometry")),
    "psf_error": ("psf_error", ("psf_error",)),
    "n_exposures": ("n_exposures", ("n_exposures_simulated",)),
    "csst": ("csst", ("csst", "csst_photometry", "published_csst")),
    "csst_bias": ("csst_bias", ("csst_bias",)),
}
#: Tables of the CSST study by the names that its verdict uses.
CSST = {"scores": "csst"} | {
    name: f"csst_{name}" for name in ("photometry", "differences", "masks", "bias", "catalogue")
}


def write_page(dataset: str, folder: str | Path) -> Path:
    """Write a page, its figures and copies of its tables, from the root of the repository.

    Parameters
    ----------
    dataset : str
        ``sim`` or another with a folder in ``resources/expected``.
    folder : path-like
        Receives report.html, and the folders figures and tables.

    Returns
    -------
    pathlib.Path
        The page.
    """
    folder = Path(folder)
    page = folder / "report.html"
    config = load_config(yaml.safe_load(Path(f"config/{dataset}.yaml").read_text(encoding="utf-8")))
    files = _copy_tables(config, folder / "tables")
    documents = [RESOURCES / f"{name}.yaml" for name in ("published", "published_csst")]
    inputs = {path.stem: read_input(path) for path in documents}
    tables = {name: Table.read(path) for name, path in files.items()}
    pictures = {
        name: embed(path, page)
        for name, path in _draw_figures(tables | inputs, folder / "figures").items()
    }
    links = {name: link(path, page) for name, path in files.items()}
    make: Callable[..., tuple[dict[str, Any], str]] = _csst if config.source == "csst" else _study
    context, template = make(config, tables, pictures, inputs, links)
    report = Path("workflow/report")
    page.write_text(render(context, report / template, report / "report.css"), encoding="utf-8")
    return page


def _copy_tables(config: Study, folder: Path) -> dict[str, Path]:
    """Copy the tables beside the page."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*KEPT, *(["star_net"] if trained_here(config.methods.names) else [])]
    kept = [RESOURCES / f"{name}.ecsv" for name in names]
    sources = [path for path in kept if path.is_file()]
    sources += sorted((RESOURCES / "expected" / config.dataset).glob("*.ecsv"))
    copies = {path.stem: folder / path.name for path in sources}
    copies["n_exposures_simulated"] = folder / "n_exposures_simulated.ecsv"
    for source, copy in zip([*sources, KEPT_N_EXPOSURES], copies.values(), strict=True):
        shutil.copyfile(source, copy)
    return copies


def _draw_figures(inputs: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Draw the figures whose inputs are there, and return the PNG files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    styles = Path("workflow/report")
    drawn = {}
    for name, (module, needed) in FIGURES.items():
        if all(one in inputs for one in needed):
            style = styles / f"styles/{name}.mplstyle"
            with plt.style.context([str(styles / "crstudy.mplstyle"), str(style)]):
                draw = import_module(f"crstudy.figures.{module}").draw
                figure = draw(*(inputs[one] for one in needed))
                save(figure, str(folder / f"{name}.pdf"), str(folder / f"{name}.png"))
                plt.close(figure)
            drawn[name] = folder / f"{name}.png"
    return drawn


def _study(
    config: Study,
    tables: Mapping[str, Table],
    pictures: Mapping[str, Any],
    documents: Mapping[str, Any],
    links: Mapping[str, str],
) -> tuple[dict[str, Any], str]:
    """Return the variables and the template of the page of a study of ACS/WFC."""
    settings = config.model_dump(mode="json")
    camera = config.simulation
    provenance = {
        "versions": versions(),
        "commit": commit("."),
        "weights": [
            (name, WEIGHTS[name].origin, WEIGHTS[name].sha256)
            for name in [*config.detector.models, "inpaint-2-32"]
        ],
        "checksums": checksums(sorted(Path("resources/expected", config.dataset).glob("*.ecsv"))),
        "record": "",
    }
    sides = [min(camera.chip_height_px, camera.chip_width_px)]
    published = documents["published"]
    context = make_context(tables, {}, pictures, settings, published, sides, provenance, links)
    return context, "report.html.j2"


def _csst(
    config: Study,
    tables: Mapping[str, Table],
    pictures: Mapping[str, Any],
    documents: Mapping[str, Any],
    links: Mapping[str, str],
) -> tuple[dict[str, Any], str]:
    """Return the variables and the template of the page of CSST."""
    verdict = "The verdict needs csst_bias.ecsv, which is not in the repository."
    if "csst_bias" in tables:
        named = {name: tables[file] for name, file in CSST.items()}
        verdict = write_verdict(named, documents["published_csst"]["retrained"])
    section = config.csst.model_dump(mode="json")
    held_out = config.methods.tuning_groups
    return make_csst_context(tables, verdict, pictures, section, held_out, links), "csst.html.j2"


if __name__ == "__main__":
    print(write_page(sys.argv[1], sys.argv[2]))
