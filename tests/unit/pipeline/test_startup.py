"""What importing the library costs: the heavy packages are left to the modules meant for them."""

import json
import subprocess
import sys

import pytest

from crstudy.pipeline.dependencies import sources
from project import ROOT, script

LIBRARY = ROOT / "workflow/crstudy"
MODULES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts)
    for path in LIBRARY.rglob("*.py")
    if path.stem != "__init__"
}
HEAVY = ("torch", "openvino", "deepCR", "drizzlepac", "galsim", "matplotlib")
#: Modules for the nets import them; others may import one package.
NETS = {name for name in MODULES if name.endswith(("_backend", "_probe"))}
#: What draws PSFs: the simulators, true stars and the star model.
DRAWN = {
    *("instrument.epsf", "instrument.csst_psf", "instrument.drawn_psf"),
    *("simulation.skies.render", "simulation.skies.stars", "simulation.skies.extended"),
    *("simulation.acs", "simulation.csst"),
    *("training.psfs", "training.exposures"),
    *("metrics.objects.true_stars", "metrics.objects.counting"),
    "csst.star_profiles",
    *("refinement.psf_fitting", "refinement.star_model", "refinement.refine", "cleaning.stars"),
}
MEANT_FOR = {
    "galsim": DRAWN,
    "matplotlib": {name for name in MODULES if name.startswith("figures.")}
    # Draws figures from the tables in the repository.
    | {"report.committed"},
}
LIGHT = MODULES - NETS - set().union(*MEANT_FOR.values())

IMPORT_EACH = """
import importlib, json, sys
heavy, found = sys.argv[1].split(), {}
for module in sys.argv[2:]:
    before = {name for name in heavy if name in sys.modules}
    importlib.import_module(f"crstudy.{module}")
    found[module] = [name for name in heavy if name in sys.modules and name not in before]
print(json.dumps(found))
"""


def heavy_imports(modules, packages):
    """Import modules one after another; return by module the heavy packages that it brought."""
    words = [sys.executable, "-c", IMPORT_EACH, " ".join(packages), *sorted(modules)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    found = json.loads(run.stdout)
    assert found.keys() == modules
    return {module: names for module, names in found.items() if names}


def test_light_modules_import_nothing_heavy():
    assert {"deepcr.torch_backend", "deepcr.openvino_backend"} <= NETS
    assert {"config.study", "deepcr.detector", "metrics.table1", "core.job"} <= LIGHT
    assert heavy_imports(LIGHT, HEAVY) == {}


@pytest.mark.parametrize("package", MEANT_FOR)
def test_other_modules_import_the_package_they_are_meant_for(package):
    others = [name for name in HEAVY if name != package]
    assert heavy_imports(MEANT_FOR[package], others) == {}


def test_search_finds_what_is_heavy():
    assert heavy_imports({"figures.style"}, HEAVY) == {"figures.style": ["matplotlib"]}


def test_jobs_that_measure_have_no_way_to_the_nets():
    scripts = ("mask_pixels", "count_pixels", "find_stars", "measure_stars", "measure_accuracy")
    for name in (*scripts, "make_table1", "write_report", "make_cost", "write_provenance"):
        modules = sources(script(name), LIBRARY)
        assert not {f"{path.parent.name}.{path.stem}" for path in modules} & NETS, name
