"""Write docs/outputs.md: the rule, script and modules behind every file that a study makes.

What each file holds is said in the opening comment of the rule file that makes it.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import networkx as nx
from astropy.table import vstack

from crstudy.pipeline.dependencies import sources
from crstudy.pipeline.rule_graph import list_workflow, rule_graph

PAGE = Path("docs/outputs.md")
#: Configurations of a simulated, a real and a CSST study and of the training of nets, which
#: together run every rule but select_groups, which needs no other.
STUDIES = ("sim", "uvis-15460", "csst", "train")
#: Makes the merged configuration, which tells nothing of a single result.
SETTINGS_RULE = "write_config"
#: Rules that read the records of all jobs, or all tables.
BOOKKEEPING = {"make_cost", "write_provenance"}
#: Packages and modules that serve many others: they tell nothing of a single result.
SERVICE = {"core", "config", "instrument"}
SHARED = {"figures.style", "metrics.bootstrap", "metrics.names", "metrics.pooling"}
SHARED |= {"data.chips", "data.exposure", "data.score_maps", "data.view"}
HEADER = """# From number to code

Every file that a study makes, below `results/<dataset>/`, and the code behind it. Written by
`make outputs` from the opening comments of the files in `workflow/rules`: edit there.

To find the code behind a number, search this page for its table or for a word of its meaning. A
rule and its script share a name (all figures share one script); inputs, parameters and log are in
the rule. **Computed in**: library modules that the script calls, directly or within the same
package, and those of `data` that define valid pixels, star regions and background; others that many
results share (`core`, `config`, `instrument`, `metrics.bootstrap`, ...) are omitted. **Made from**:
rules whose results are read in a simulated, a real or a CSST study or in the training of nets, as
Snakemake tells them, but for `write_config`; see their rows.
"""
SECTIONS = {"Tables": "tables/|profiling/.*ecsv", "Figures": "figures/", "Other files": ""}


#: The head of a rule. That from which the rules of figures inherit makes nothing itself.
RULE = r"^(?:rule|checkpoint|use rule \w+ as) (?!draw_figure:)"


@dataclass(frozen=True)
class Rule:
    """A rule: its name, the file it is in, and what it makes.

    A rule that draws a figure has the name of its module in crstudy/figures.
    """

    name: str
    file: Path
    makes: tuple[str, ...]
    figure: str | None = None


def read_rules(workflow: Path) -> list[Rule]:
    """Read the rules of all rule files, in the order of the studies.

    Parameters
    ----------
    workflow : pathlib.Path
        Folder ``workflow``.

    Returns
    -------
    list of Rule
        What it makes is relative to the folder of results, with wildcards as ``<group>``.
    """
    texts = {file: file.read_text(encoding="utf-8") for file in _files(workflow)}
    shared = "".join(
        path.read_text(encoding="utf-8") for path in sorted((workflow / "rules").glob("*.smk"))
    )
    constants = _constants(shared)
    rules = []
    for file, text in texts.items():
        constants |= _constants(text)
        for body in re.split(RULE, text, flags=re.MULTILINE)[1:]:
            output = _block(body, "output")
            made = re.findall(r'f"{RESULTS}/([^"]+)"|\b([A-Z]+)\b', output)
            paths = [_plain(path) if path else constants.get(name) for path, name in made]
            for name in re.findall(r'figure_files\(\s*"(\w+)"', output):
                paths += [f"figures/{name}.{kind}" for kind in ("pdf", "png")]
            makes = tuple(filter(None, paths))
            figure = next(iter(re.findall(r'drawn_by\("([\w/]+)"', body)), None)
            rules.append(Rule(re.match(r"\w+", body)[0], file, makes, figure))
    return rules


def read_meanings(file: Path) -> dict[str, str]:
    """Return what the outputs of a rule file hold, as its opening comment says.

    Parameters
    ----------
    file : pathlib.Path
        Rule file; its comment has the lines ``# - <output>: <meaning>``.

    Returns
    -------
    dict
        Meanings by output; alternatives such as ``{pdf,png}`` are kept as they are.
    """
    comment = file.read_text(encoding="utf-8").split("\n\n", 1)[0]
    text = " ".join(line.removeprefix("#").strip() for line in comment.splitlines())
    _, _, entries = text.partition("Makes: - ")
    return dict(entry.split(": ", 1) for entry in entries.split(" - ") if entry)


def expand_braces(output: str) -> list[str]:
    """Return the outputs that ``a.{pdf,png}`` stands for."""
    parts = [part.split(",") for part in re.split(r"[{}]", output)]
    return ["".join(choice) for choice in product(*parts)]


def read_graph() -> nx.DiGraph:
    """Ask Snakemake which rules need which, in the three kinds of study."""
    tables = [list_workflow("Snakefile", f"config/{study}.yaml") for study in STUDIES]
    return rule_graph(vstack(tables))


def make_page(root: Path, graph: nx.DiGraph) -> str:
    """Write the page.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the project.
    graph : networkx.DiGraph
        Of `read_graph`.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    ValueError
        A rule file makes something that its comment does not explain, or explains what it does
        not make.
    """
    rules = read_rules(root / "workflow")
    order = [rule.name for rule in rules]
    rows: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for file in dict.fromkeys(rule.file for rule in rules):
        makers = {path: rule for rule in rules if rule.file == file for path in rule.makes}
        meanings = read_meanings(file)
        explained = [path for output in meanings for path in expand_braces(output)]
        if odd := makers.keys() ^ set(explained):
            raise ValueError(
                f"{file}: opening comment and outputs differ: {', '.join(sorted(odd))}"
            )
        for output, meaning in meanings.items():
            rule = makers[expand_braces(output)[0]]
            title = next(t for t, start in SECTIONS.items() if re.match(start, output))
            needed = {*graph.pred.get(rule.name, ())} - {SETTINGS_RULE}
            needs = sorted(needed, key=order.index)
            rows[title].append(_row(root, rule, output, meaning, needs))
    head = "| file | what it holds | rule | computed in | made from |\n|---|---|---|---|---|"
    parts = ["\n".join([f"## {title}\n", head, *lines]) for title, lines in rows.items()]
    return "\n\n".join([HEADER.rstrip(), *parts]) + "\n"


def _files(workflow: Path) -> list[Path]:
    """Return the rule files in the order in which the studies include them."""
    studies = [workflow / f"studies/{name}.smk" for name in ("paper", "csst", "training")]
    text = "\n".join(study.read_text(encoding="utf-8") for study in studies)
    included = re.findall(r'include: "\.\./(rules/[\w/]+\.smk)"', text)
    return [workflow / name for name in dict.fromkeys(included)]


def _constants(text: str) -> dict[str, str]:
    """Return the paths below the results that a rule file names by a constant."""
    found = re.findall(r'^([A-Z]+) = f"{RESULTS}/([^"]+)"', text, re.MULTILINE)
    return {name: _plain(path) for name, path in found}


def _block(body: str, word: str) -> str:
    """Return the text of a rule after a keyword, up to the next."""
    found = re.search(rf"^    {word}:\n(.*?)(?=^    \w+:|^\w)", body, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _plain(path: str) -> str:
    """Return a pattern of an f-string with its placeholders as ``<name>``."""
    return re.sub(r"{+(\w+)[^}]*}+", r"<\1>", path)


def _row(root: Path, rule: Rule, output: str, meaning: str, needs: list[str]) -> str:
    """Return the row of an output, made from the results of the rules that it needs."""
    name = "draw_figure" if rule.figure else rule.name
    (script,) = (root / "workflow/scripts").glob(f"*/{name}.py")
    made_by = f"{_link(root, rule.file, rule.name)} ({_link(root, script, 'script')})"
    modules = [
        _link(root, path, _name(root, path)) for path in _computing(root, script, rule.figure)
    ]
    computed = ", ".join(modules) or "nothing: only collected or copied"
    made_from = ", ".join(f"`{name}`" for name in needs)
    if rule.name in BOOKKEEPING:
        made_from = "all rules before it"
    return f"| `{output}` | {meaning} | {made_by} | {computed} | {made_from} |"


def _computing(root: Path, script: Path, figure: str | None) -> list[Path]:
    """Return the modules that a script calls, then others of their packages or of data."""
    library = root / "workflow/crstudy"
    module = library / f"figures/{figure}.py"
    used = sources(module if figure else script, library)
    called = [module] if figure else _imported_by([script], used, root)
    direct = [path for path in called if _tells(root, path)]
    packages = {path.parent for path in direct}
    near = [path for path in used if path.parent in packages]
    near += [path for path in _imported_by(called, used, root) if path.parent.name == "data"]
    return list(dict.fromkeys(direct + [path for path in near if _tells(root, path)]))


def _tells(root: Path, path: Path) -> bool:
    """Return whether a module tells something of a single result."""
    name = _name(root, path)
    return not (path.stem == "__init__" or name in SHARED or name.split(".")[0] in SERVICE)


def _imported_by(files: list[Path], modules: Sequence[Path], root: Path) -> list[Path]:
    """Return those of the modules that files import themselves."""
    nodes = [
        node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    ]
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return [path for path in modules if f"crstudy.{_name(root, path)}" in names]


def _name(root: Path, path: Path) -> str:
    """Return the name of a module within the library."""
    return ".".join(path.relative_to(root / "workflow/crstudy").with_suffix("").parts)


def _link(root: Path, path: Path, words: str) -> str:
    return f"[`{words}`](../{path.relative_to(root)})"


if __name__ == "__main__":
    PAGE.write_text(make_page(Path(), read_graph()), encoding="utf-8")
