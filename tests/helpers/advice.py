"""Advice of messages: what the code gives, and the trial of following it."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from crstudy.core.errors import StudyError
from project import ROOT

ERRORS = ("StudyError", "MethodFault")
#: In the place of what a message fills in.
HOLE = "{}"


def follow(
    what: str,
    call: Callable,
    act: Callable,
    again: Callable | None = None,
    match: str | None = None,
) -> object:
    """Follow the advice of a refusal, and return what the call gives then.

    Parameters
    ----------
    what : str
        Module that gives the advice and how it begins, such as ``core/checksums: delete ``;
        `tests/unit/core/test_advice.py` looks for these texts.
    call : callable
        Is refused with that advice.
    act : callable
        Does what it says.
    again : callable, optional
        The call thereafter, if the advice is to call in another way.
    match : str, optional
        Words of the problem.
    """
    with pytest.raises(StudyError, match=match) as caught:
        call()
    advised(what, caught.value)
    act()
    return (again or call)()


def advised(what: str, message: object) -> str:
    """Return the advice in a message, which must begin as `follow` is told."""
    problem, _, advice = str(message).partition(". Fix: ")
    assert advice.startswith(what.partition(": ")[2]), f"{problem}: {advice}"
    return advice


def nothing() -> None:
    """Do nothing: the advice is to call in another way."""


@cache
def templates() -> frozenset[tuple[str, str]]:
    """Return the module and the text of every advice that the code gives."""
    found = {(name, text) for path in _sources() for name, text in _advice(path)}
    return frozenset(one for one in found if re.search(r"\w", one[1]))


def _sources() -> list[Path]:
    rules = [ROOT / "Snakefile", *ROOT.glob("workflow/**/*.smk")]
    return [*rules, *ROOT.glob("workflow/**/*.py"), *ROOT.glob("benchmarks/*.py")]


def _advice(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a file advises."""
    name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    name = name.removeprefix("workflow/").removeprefix("crstudy/")
    name = name.removesuffix(".py").removesuffix("/__init__")
    if path.suffix != ".py":
        yield from ((name, one) for one in re.findall(r'StudyError\([^"]*"([^"]*)"', text))
        return
    tree = ast.parse(text)
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    owner = {id(node): scope for scope in scopes for node in ast.walk(scope)}
    inner = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    for node in ast.walk(tree):
        scope = owner.get(id(node), tree)
        told, mark = [], ". Fix: "
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in ERRORS:
                told, mark = _texts(node.args[-1], scope, tree), ""
                assert told, f"{path}, line {node.lineno}: the advice is not to be found"
            elif node.func.id == "ValueError" and name.startswith("config/"):
                told, mark = _texts(node.args[0], scope, tree), "; "
        elif isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in inner:
            told = [_filled(node)]
        yield from ((name, one.split(mark)[-1] if mark else one) for one in told if mark in one)


def _filled(node: ast.AST) -> str:
    """Return the text of a string, with holes."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_filled(part) for part in node.values)
    return node.value if isinstance(getattr(node, "value", None), str) else HOLE


def _texts(node: ast.AST, scope: ast.AST, tree: ast.Module) -> list[str]:
    """Return the texts that an expression may have."""
    match node:
        case ast.Constant():
            return [str(node.value)]
        case ast.Name():
            values = [*_assigned(node.id, scope)] or _constants().get(node.id, [])
            return [text for value in values for text in _texts(value, scope, tree)]
        case ast.IfExp():
            return _texts(node.body, scope, tree) + _texts(node.orelse, scope, tree)
        case ast.BoolOp():
            return [text for value in node.values for text in _texts(value, scope, tree)]
        case ast.Starred():
            return _texts(node.value, scope, tree)
        case ast.Tuple():
            return _texts(node.elts[-1], scope, tree)
        case ast.Call() if isinstance(node.func, ast.Name):
            return _returned(node.func.id, tree)
        case ast.BinOp():
            left, right = _texts(node.left, scope, tree), _texts(node.right, scope, tree)
            return [a + b for a in left for b in right]
        case ast.JoinedStr():
            texts = [""]
            for part in node.values:
                name = ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ""
                known = _constants().get(name, [])
                more = [one for value in known for one in _texts(value, tree, tree)]
                more = more or [_filled(part)]
                texts = [text + one for text in texts for one in more]
            return texts
    return []


def _assigned(name: str, scope: ast.AST) -> Iterator[ast.AST]:
    """Yield what a name is set to."""
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[target], value=value):
                pass
            case (
                ast.AugAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
                | ast.For(target=target, iter=value)
            ):
                pass
            case _:
                continue
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        for place, one in enumerate(names):
            if isinstance(one, ast.Name) and one.id == name:
                yield value.elts[place] if isinstance(value, ast.Tuple) else value


def _returned(name: str, tree: ast.Module) -> list[str]:
    """Return what a function returns or yields; of several values, the last."""
    kinds = (ast.Return, ast.Yield)
    return [
        text
        for scope in ast.walk(tree)
        if isinstance(scope, ast.FunctionDef) and scope.name == name
        for node in ast.walk(scope)
        if isinstance(node, kinds) and node.value
        for text in _texts(node.value, scope, tree)
    ]


@cache
def _constants() -> dict[str, list[ast.AST]]:
    """Return the values of the constants of all modules."""
    found: dict[str, list[ast.AST]] = {}
    for path in _sources():
        if path.suffix == ".py":
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    name = node.targets[0].id
                    found.setdefault(name, []).append(node.value)
    return {name: values for name, values in found.items() if name.isupper()}
