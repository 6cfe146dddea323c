"""What messages advise exists: keys, commands, options, files, packages and rules; and helps."""

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

from pydantic import BaseModel
from snakemake.cli import get_argument_parser

from advice import templates
from crstudy.cleaning.command import _parser
from crstudy.config.simulation import CosmicRays
from crstudy.config.study import Study
from project import ROOT

SECTIONS = {
    name: field.annotation
    for name, field in Study.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
FOLDERS = "benchmarks|config|docs|envs|profiles|resources|workflow"
#: Options of pip, squeue and benchmarks.
OF_OTHERS = {"--crnet", "--resume", "--force-reinstall", "--no-deps", "--hash", "--format"}

#: Advice that no test follows, and why: module and how it begins.
NOT_FOLLOWED = {
    "benchmarks/other_nets: run .venv/bin/snakemake": "takes two hours",
    "benchmarks/replace_rays: give a folder that holds": "needs real exposures",
    "core/errors: move the project to a disk that can be written": "needs another disk",
    "deepcr/weights: {} -m pip install": "changes the environment; by hand in another one",
    "instrument/epsf: make the table again with": "takes a minute and a grid of STScI; by hand",
    "methods/cosmic_conn: {} -m pip install": "changes the environment; by hand in another one",
    "pipeline/rule_graph: install the Snakemake of": "needs another Snakemake",
    "scripts/metrics/make_objects: see the logs of": "they say what each method lacks",
}


def followed():
    """Yield what the texts of tests name as `advice.follow` is told."""
    for path in ROOT.glob("tests/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from named(node.value) if path != Path(__file__) else ()


def named(text):
    """Return the advice that a text names by its module and how it begins."""
    module, _, begin = text.partition(": ")
    found = {(of, one) for of, one in templates() if begin and of == module}
    found = {one for one in found if one[1].startswith(begin)}
    return {(module, begin)} & found or found


def test_all_advice_is_followed_by_a_test_or_it_is_said_why_not():
    tried, listed = set(followed()), {one for text in NOT_FOLLOWED for one in named(text)}
    assert len(listed) == len(NOT_FOLLOWED)
    assert not listed & tried
    assert not {": ".join(one) for one in templates() - tried - listed}


@cache
def messages():
    """Return the texts of the library that are more than a word, {} for what is filled in."""
    found = set()
    for module in [*ROOT.glob("workflow/**/*.py"), *ROOT.glob("benchmarks/*.py")]:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        quiet = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                quiet |= {id(part) for part in node.values}
                parts = (getattr(part, "value", None) for part in node.values)
                found.add("".join(part if isinstance(part, str) else "{}" for part in parts))
            elif isinstance(node, ast.Constant) and id(node) not in quiet:
                found.add(str(node.value))
    return sorted(text for text in found if " " in text)


def advised(pattern):
    """Return what a pattern finds in the messages; at least one thing."""
    found = {match for text in messages() for match in re.findall(pattern, text)}
    assert found
    return found


def test_keys():
    for section, key in advised(rf"(?<![\w.`])({'|'.join(SECTIONS)})\.(?!md|py|ecsv)([a-z]\w+)"):
        assert key in SECTIONS[section].model_fields, f"{section}.{key}"
    for key in advised(r"configuration key (\w+)") | advised(r"set the key (\w+)"):
        assert key in Study.model_fields
    for key in advised(r"cosmic_rays\.(\w+)"):
        assert key in CosmicRays.model_fields


def test_commands():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in advised(r"`make ([a-z][\w-]*)"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for variable in advised(r"\b(DATASET|EXPOSURES)\b"):
        assert f"$({variable})" in makefile
    for module in advised(r"python -m ([\w.]+)"):
        assert importlib.util.find_spec(module)


def test_options():
    (commands,) = (one.choices for one in _parser()._actions if isinstance(one.choices, dict))
    parsers = [*commands.values(), get_argument_parser()]
    known = {option for one in parsers for option in one._option_string_actions}
    assert advised(r"(?<![\w-])--[a-z][\w-]+") - OF_OTHERS <= known
    assert advised(r"crstudy (models|clean)\b") <= commands.keys()


def test_files():
    places = advised(rf"(?<![\w/])((?:{FOLDERS})/\w[\w./-]*\w)(?!\w*\{{)")
    assert {place for place in places if not (ROOT / place).exists()} <= {"resources/weights"}


def test_packages_are_those_of_the_lock():
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    for requirement in advised(r"pip install .*?([\w-]+==[\d.]+\w)"):
        assert f"\n{requirement} " in lock


def test_rules():
    for rule in advised(r"logs of (\w+)"):
        assert [*ROOT.glob(f"workflow/scripts/*/{rule}.py")]
