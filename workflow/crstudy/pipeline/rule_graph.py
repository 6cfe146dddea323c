"""The study as a graph of its rules: what each rule needs."""

import re
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
from astropy.table import Table

from crstudy.core.errors import StudyError

#: Gathers the results of the study; makes nothing by itself.
TARGET_RULE = "all"
#: Snakemake's own words on standard error, which tell nothing of a failure.
CHATTER = ("Using ", "Config file ", "Building DAG")

NODE = re.compile(r"^\s*(\w+)\[(\w+)\]\s*$", re.MULTILINE)
EDGE = re.compile(r"^\s*(\w+) --> (\w+)\s*$", re.MULTILINE)


def list_workflow(snakefile: str | Path, config: str | Path) -> Table:
    """Ask Snakemake for the rules of the study and what each needs.

    Parameters
    ----------
    snakefile : path-like
        The workflow; relative paths are those of the working directory.
    config : path-like
        Merged configuration of the run.

    Returns
    -------
    Table
        Of `parse_mermaid`.

    Raises
    ------
    StudyError
        Snakemake cannot build the graph.

    Notes
    -----
    The graph is that of all results, whether they are there already or not. No lock is taken
    and no job runs: this may be asked from within a job of the same study.
    """
    words = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--configfile", config]
    words += ["--rulegraph", "mermaid-js", "--forceall", "--nolock"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        lines = [x.strip() for x in run.stderr.splitlines() if x and not x.startswith(CHATTER)]
        told = " ".join(lines).rstrip(".") or f"exit status {run.returncode}"
        raise StudyError(
            snakefile,
            f"snakemake --rulegraph failed: {told}",
            f"delete {config} if an older version of the code wrote it, then run again; else fix "
            f"what `snakemake -n --configfile {config}` reports",
        )
    return parse_mermaid(run.stdout)


def parse_mermaid(text: str) -> Table:
    """Read the rule graph that Snakemake writes for mermaid.

    Parameters
    ----------
    text : str
        Output of ``snakemake --rulegraph mermaid-js``.

    Returns
    -------
    Table
        Columns rule and needs, sorted: a row for each rule that a rule needs, and one with an
        empty `needs` for a rule that needs none. The rule `all` is left out.

    Raises
    ------
    StudyError
        The text names no rule.
    """
    names = dict(NODE.findall(text))
    if not names:
        raise StudyError(
            "snakemake --rulegraph mermaid-js",
            f"no rule in its output {text[:80]!r}",
            "install the Snakemake of requirements.txt",
        )
    edges = {(names[rule], names[needs]) for needs, rule in EDGE.findall(text)}
    edges |= {(rule, "") for rule in set(names.values()) - {rule for rule, _ in edges}}
    rows = sorted(edge for edge in edges if edge[0] != TARGET_RULE)
    return Table(rows=rows, names=("rule", "needs"), dtype=(str, str))


def rule_graph(table: Table) -> nx.DiGraph:
    """Return the graph of the rules, with an arrow from what is needed to what needs it.

    Parameters
    ----------
    table : Table
        Of `parse_mermaid`, or read from its file.

    Returns
    -------
    networkx.DiGraph
        Nodes are names of rules.
    """
    graph = nx.DiGraph()
    # An empty string comes back masked from a file.
    for rule, needs in zip(table["rule"], np.ma.filled(table["needs"], ""), strict=True):
        graph.add_node(str(rule))
        if needs:
            graph.add_edge(str(needs), str(rule))
    return graph


def upstream(graph: nx.DiGraph, rule: str) -> nx.DiGraph:
    """Return a rule and all that it needs, with as few arrows as show that.

    Parameters
    ----------
    graph : networkx.DiGraph
        Of `rule_graph`.
    rule : str
        Its name.

    Returns
    -------
    networkx.DiGraph
        The transitive reduction: no arrow where a longer way leads from one to the other.

    Raises
    ------
    StudyError
        The study has no such rule.
    """
    if rule not in graph:
        raise StudyError(
            f"rule {rule}",
            "not in the table of the workflow",
            "pass the rule to collect() in its rule file",
        )
    return nx.transitive_reduction(graph.subgraph(nx.ancestors(graph, rule) | {rule}))
