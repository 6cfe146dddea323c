"""The flow chart of photometry: what Snakemake tells, and the picture of it."""

import re
import subprocess
import sys
from functools import partial
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
import pytest
from astropy.table import Table
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as MplPath

from advice import advised, follow, nothing
from crstudy.core.errors import StudyError
from crstudy.figures.paper.fig2 import PHRASE_FONT, draw, draw_flowchart
from crstudy.pipeline.rule_graph import list_workflow, parse_mermaid, rule_graph, upstream
from project import ROOT, copy_project

REPORT = ROOT / "workflow/report"
STYLE = [REPORT / "crstudy.mplstyle", REPORT / "styles/fig2.mplstyle"]

MERMAID = """---
title: DAG
---
flowchart TB
\tid0[all]
\tid1[make_table1]
\tid2[count_pixels]
\tid3[write_config]
\tstyle id0 fill:#D95757,stroke-width:2px,color:#333333
\tid1 --> id0
\tid3 --> id0
\tid2 --> id1
"""

#: Each rule and what it needs: arrows pass levels, one rule has no phrase, two lie downstream.
NEEDS = {
    "simulate_exposure": "simulate_catalogue",
    "drizzle_group": "simulate_exposure",
    "label_cosmic_rays": "simulate_exposure drizzle_group",
    "mask_pixels": "simulate_exposure",
    "detect_cosmic_rays": "simulate_exposure fetch_weights",
    "inpaint_exposures": "simulate_exposure detect_cosmic_rays fetch_weights",
    "count_pixels": "label_cosmic_rays mask_pixels detect_cosmic_rays simulate_exposure",
    "find_stars": "simulate_exposure label_cosmic_rays mask_pixels",
    "measure_stars": "find_stars inpaint_exposures label_cosmic_rays mask_pixels",
    "make_photometry": "measure_stars a_rule_without_a_phrase",
    "summarise_photometry": "make_photometry count_pixels",
    "make_table1": "count_pixels",
    "draw_table1": "make_table1",
}
OTHERS = {"make_table1", "draw_table1"}


@pytest.fixture
def table(tmp_path):
    """Return a made-up table of the workflow as it comes back from its file."""
    rows = [(rule, needed) for rule, needs in NEEDS.items() for needed in needs.split()]
    rows += [("fetch_weights", ""), ("simulate_catalogue", "")]
    Table(rows=rows, names=("rule", "needs")).write(tmp_path / "workflow.ecsv")
    return Table.read(tmp_path / "workflow.ecsv")


@pytest.fixture
def axis(table):
    with plt.style.context(STYLE):
        figure = draw(table)
        figure.draw_without_rendering()
    yield figure.axes[0]
    plt.close(figure)


def test_mermaid_is_read():
    table = parse_mermaid(MERMAID)
    assert [tuple(row) for row in table] == [
        ("count_pixels", ""),
        ("make_table1", "count_pixels"),
        ("write_config", ""),
    ]


def test_output_without_rules_is_refused():
    with pytest.raises(StudyError, match="no rule in its output"):
        parse_mermaid("digraph snakemake_dag {}")


def test_rule_without_needs_comes_back_from_the_file(table):
    graph = rule_graph(table)
    assert set(graph) == set(NEEDS) | {word for needs in NEEDS.values() for word in needs.split()}
    assert "" not in graph


def test_arrows_that_a_longer_way_replaces_are_left_out(table):
    graph = upstream(rule_graph(table), "find_stars")
    assert set(graph.predecessors("find_stars")) == {"label_cosmic_rays", "mask_pixels"}
    assert set(graph.predecessors("label_cosmic_rays")) == {"drizzle_group"}


def test_real_workflow_while_a_run_holds_the_lock(tmp_path, monkeypatch):
    project = copy_project(tmp_path / "project")
    locks = project / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/sim-mini/tables/table1.ecsv\n", encoding="utf-8")
    monkeypatch.chdir(project)
    graph = rule_graph(list_workflow("Snakefile", "config/config.yaml"))
    assert "all" not in graph
    assert {"simulate_exposure", "label_cosmic_rays"} <= nx.ancestors(graph, "make_table1")
    assert ("count_pixels", "make_table1") in graph.edges
    assert [path.name for path in locks.iterdir()] == ["0.output.lock"]
    assert not Path("results").exists()


def test_workflow_that_snakemake_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("Snakefile").write_text("rule a:\n    nonsense: 1\n", encoding="utf-8")
    Path("config.yaml").write_text("seed: 1\n", encoding="utf-8")
    listed = partial(list_workflow, "Snakefile", "config.yaml")
    with pytest.raises(StudyError) as refused:
        listed()
    assert "Snakefile: snakemake --rulegraph failed: " in str(refused.value)
    assert "nonsense" in str(refused.value)
    assert "\n" not in str(refused.value)
    advice = advised("pipeline/rule_graph: delete ", refused.value)
    command = re.search("else fix what `snakemake (.*)` reports", advice)[1].split()
    dry_run = [sys.executable, "-m", "snakemake", *command]
    told = subprocess.run(dry_run, capture_output=True, text=True, check=False)
    assert "nonsense" in told.stderr
    fixed = "if 'old' in config:\n    raise ValueError\nrule a:\n    output: 'a'\n"
    what = "pipeline/rule_graph: delete "
    fix = partial(Path("Snakefile").write_text, fixed, encoding="utf-8")
    assert len(follow(what, listed, fix)) == 1
    # It deletes what older code wrote, and the run writes it again.
    Path("config.yaml").write_text("old: 1\n", encoding="utf-8")
    again = partial(Path("config.yaml").write_text, "seed: 1\n", encoding="utf-8")
    assert len(follow(what, listed, again)) == 1


def test_study_without_photometry():
    what = "pipeline/rule_graph: pass the rule to collect() in its rule file"
    collected = MERMAID.replace("make_table1", "summarise_photometry")
    with_it, without = (partial(draw, parse_mermaid(text)) for text in (collected, MERMAID))
    follow(what, without, nothing, with_it, match="summarise_photometry: not in the table")
    plt.close("all")


def boxes(axis):
    """Return the corners (x0, y0, x1, y1) of the boxes by rule, in inches."""
    drawn = [patch for patch in axis.patches if isinstance(patch, FancyBboxPatch)]
    return {box.get_gid(): box.get_path().get_extents().extents for box in drawn}


def test_each_rule_upstream_has_its_box_and_no_other(axis, table):
    texts = {text.get_text() for text in axis.texts}
    for rule in set(rule_graph(table)) - OTHERS:
        assert rule.replace("_", " ").capitalize() in texts
        assert rule in boxes(axis)
    assert "blotted median of the group" in texts
    assert not {"Make table1", "Draw table1", "All"} & texts
    assert all(text.get_size() >= PHRASE_FONT["size"] for text in axis.texts)


def test_boxes_lie_apart_and_on_the_page(axis):
    width, height = axis.figure.get_size_inches()
    assert width == pytest.approx(7.1)
    for x0, y0, x1, y1 in boxes(axis).values():
        assert 0 < x0 < x1 < width
        assert 0 < y0 < y1 < height
    for a, b in combinations(boxes(axis).values(), 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def test_words_lie_in_their_boxes(axis):
    inches = axis.transData.inverted()
    for text in axis.texts:
        x0, y0, x1, y1 = text.get_window_extent().transformed(inches).extents
        assert any(
            a < x0 and b < y0 and x1 < c and y1 < d for a, b, c, d in boxes(axis).values()
        ), text.get_text()


def test_arrows_cross_no_box(axis, table):
    arrows = [patch for patch in axis.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == upstream(rule_graph(table), "summarise_photometry").number_of_edges()
    touch = 0.01
    for arrow in arrows:
        for polygon in arrow.get_path().to_polygons(closed_only=False):
            x, y = MplPath(polygon).interpolated(50).vertices.T
            for x0, y0, x1, y1 in boxes(axis).values():
                inside = (x0 < x) & (x < x1) & (y0 + touch < y) & (y < y1 - touch)
                assert not inside.any()


def test_picture_does_not_depend_on_the_order_of_rows(table):
    one, other = draw(table), draw(table[::-1])
    for rule, corners in boxes(one.axes[0]).items():
        assert boxes(other.axes[0])[rule] == pytest.approx(corners)
    plt.close("all")


@pytest.mark.parametrize(
    "graph", [nx.DiGraph([("a", "b")]), nx.DiGraph([(str(i), "z") for i in range(9)])]
)
def test_small_and_wide_charts(graph):
    figure = draw_flowchart(graph)
    assert list(boxes(figure.axes[0])) == sorted(graph)
    plt.close(figure)
