"""Pins agree wherever a package is named, and every rule's environment has what it imports."""

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions

import pytest
import yaml
from packaging.utils import canonicalize_name
from rattler import MatchSpec

from crstudy.pipeline.conda_envs import CONDA_NAMES, PYTHON, documents, pulled_in, read_lock
from crstudy.pipeline.dependencies import sources
from project import ROOT, rules, script

#: PyPI names by those of conda-forge, where they differ.
PYPI_NAMES = {conda: pypi for pypi, conda in CONDA_NAMES.items()}
LOCK = read_lock(ROOT / "requirements.txt")
DEVELOPMENT = read_lock(ROOT / "requirements-dev.txt")
WANTED = read_lock(ROOT / "requirements.in")
WANTED_DEVELOPMENT = read_lock(ROOT / "requirements-dev.in")
ENVIRONMENTS = {
    p.stem: yaml.safe_load(p.read_text(encoding="utf-8")) for p in (ROOT / "envs").glob("*.yaml")
}
#: Packages by the names that they are imported by.
OWNERS = packages_distributions()
RULES = rules()


def by_conda(environment):
    """Return the MatchSpecs of an environment file."""
    return [item for item in environment["dependencies"] if isinstance(item, str)]


def by_pip(environment):
    """Return the requirements of an environment file's pip section."""
    return [
        x for item in environment["dependencies"] if isinstance(item, dict) for x in item["pip"]
    ]


def pins(environment):
    """Return the pins of an environment file by normalised PyPI name."""
    items = [x for x in [*by_conda(environment), *by_pip(environment)] if "==" in x]
    pairs = [item.split("==") for item in items]
    return {canonicalize_name(PYPI_NAMES.get(name, name)): version for name, version in pairs}


def stage_of(rule):
    """Return the name of a rule's environment."""
    return re.search(r'\n +conda:\n +"\.\./\.\./\.\./envs/(\w+)\.yaml"\n', RULES[rule])[1]


def test_wanted_packages_are_locked():
    for wanted, lock in ((WANTED, LOCK), (WANTED_DEVELOPMENT, LOCK | DEVELOPMENT)):
        for name, pin in wanted.items():
            assert pin.split("==")[1] == lock[name].split("==")[1]
    assert not LOCK.keys() & DEVELOPMENT.keys()


def test_locks_have_what_wanted_packages_pull_in_and_no_more():
    assert pulled_in(WANTED, LOCK) == LOCK.keys()
    both = LOCK | DEVELOPMENT
    assert pulled_in([*WANTED, *WANTED_DEVELOPMENT], both) == both.keys()


@pytest.mark.parametrize("lock", sorted(p.name for p in ROOT.glob("requirements*.txt")))
def test_every_locked_package_has_hashes_and_no_place(lock):
    text = re.sub(r"^#.*\n", "", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert re.fullmatch(r"([\w.-]+==[\w.+]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n)+", text)


def test_builds_of_torch_have_one_version():
    """The study pins PyPI's build, for CUDA; its libraries and the CPU build have own locks."""
    cpu = read_lock(ROOT / "requirements-cpu.txt")
    assert cpu == {"torch": f"{LOCK['torch']}+cpu"}
    assert not [name for name in LOCK | DEVELOPMENT if name.startswith(("nvidia", "cuda"))]
    assert "nvidia-cudnn-cu13" in read_lock(ROOT / "requirements-cuda.txt")


def test_environment_files_have_not_drifted():
    files = {
        f"envs/{path.name}": path.read_text(encoding="utf-8") for path in (ROOT / "envs").iterdir()
    }
    assert files == documents(LOCK), "run `make envs`"


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_environment_pins_every_package_as_the_lock_does(stage):
    environment = ENVIRONMENTS[stage]
    named = pins(environment)
    assert len(named) >= 4
    assert named == {name: LOCK[name].split("==")[1] for name in named}
    unpinned = {x for x in [*by_conda(environment), *by_pip(environment)] if "==" not in x}
    assert unpinned <= {f"python={PYTHON}", "pip"}
    assert ("pip" in unpinned) == bool(by_pip(environment))


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_conda_packages_are_strict_matchspecs(stage):
    for text in by_conda(ENVIRONMENTS[stage]):
        spec = MatchSpec(text, strict=True)
        assert spec.name.normalized == re.match(r"[a-z0-9-]+", text).group()
        assert "==" not in text or str(spec.version) == "==" + text.split("==")[1]


@cache
def modules(path):
    """Return the modules of other packages that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    own = sys.stdlib_module_names | {"crstudy"}
    return {name for name in names if name.split(".")[0] not in own}


def imported(rule):
    """Return the modules that a rule's script, its figure and what lies behind them import."""
    figures = re.findall(r'drawn_by\("([\w/]+)"', RULES[rule])
    return imported_by(
        script(rule), *(ROOT / f"workflow/crstudy/figures/{name}.py" for name in figures)
    )


def imported_by(*files):
    """Return the modules that files and the library modules behind them import."""
    files = {used for file in files for used in (file, *sources(file, ROOT / "workflow/crstudy"))}
    return set().union(*map(modules, files))


def packages(names):
    """Return the normalised PyPI names of the packages that modules belong to."""
    return {canonicalize_name(OWNERS[name.split(".")[0]][0]) for name in names}


@pytest.mark.parametrize("rule", RULES)
def test_environment_of_a_rule_names_what_its_script_imports(rule):
    needed = packages(imported(rule))
    missing = needed - pins(ENVIRONMENTS[stage_of(rule)]).keys()
    assert not missing, f"add to {stage_of(rule)} in workflow/crstudy/pipeline/conda_envs.py"


def test_environment_of_the_flow_chart_can_read_the_snakefile(tmp_path):
    """Rule list_workflow runs Snakemake: it needs what the Snakefile and its rules import."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    script = tmp_path / "imports.py"
    script.write_text(
        "\n".join(re.findall(r"^(?:import|from) [^(\n]*(?:\([^)]*\))?", text, re.MULTILINE)),
        encoding="utf-8",
    )
    needed = packages(imported_by(script))
    assert {"pydantic", "snakemake"} <= needed
    assert needed <= pins(ENVIRONMENTS["workflow"]).keys()


#: Imports the modules of argument 1 while the packages of argument 2 cannot be found.
ALONE = """
import importlib, sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

names, hidden = (set(text.split()) for text in sys.argv[1:])

class Rest(PathFinder):
    @classmethod
    def find_spec(cls, name, *where):
        return None if name.split(".")[0] in hidden else super().find_spec(name, *where)

sys.meta_path[:] = [BuiltinImporter, FrozenImporter, Rest]
for name in sorted(names):
    importlib.import_module(name)
"""


@pytest.mark.parametrize("stage", ENVIRONMENTS)
def test_imports_work_with_the_packages_of_the_environment_alone(stage):
    """Packages need more than they declare: deepCR needs matplotlib."""
    there = pulled_in(pins(ENVIRONMENTS[stage]), LOCK)
    hidden = {
        name for name, owners in OWNERS.items() if there.isdisjoint(map(canonicalize_name, owners))
    }
    names = (imported(rule) for rule in RULES if stage_of(rule) == stage)
    words = (" ".join(set().union(*names)), " ".join(hidden))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
