"""docs/outputs.md leads from every output to the code behind it, and has not drifted."""

import re
import shutil

import networkx as nx
import pytest

from crstudy.pipeline.outputs import PAGE, make_page, read_graph, read_rules
from project import ROOT, rules

TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
ROWS = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| `")]


def test_page_has_not_drifted():
    assert make_page(ROOT, read_graph()) == TEXT, "run `make outputs`"


def test_every_rule_is_there():
    assert {rule.name for rule in read_rules(ROOT / "workflow")} == rules().keys()
    assert {re.search(r"`(\w+)`", row[2])[1] for row in ROWS} == rules().keys()


@pytest.mark.parametrize(
    ("word", "rule", "module"),
    [
        ("tables/table1_corrected.ecsv", "make_audit", "reference.corrected_table1"),
        ("tables/star_alarms.ecsv", "make_objects", "metrics.objects.tables"),
        ("CPU s per Mpx", "make_speed", "performance.cost"),
        ("tables/csst_differences.ecsv", "measure_csst", "csst.differences"),
        ("tables/selection.ecsv", "select_groups", "archive.selection"),
        ("Figure 6", "draw_fig6", "figures.paper.fig6"),
        ("counts/<group>.ecsv", "count_pixels", "data.star_regions"),
        ("mask/<group>", "mask_pixels", "data.good_pixels"),
        ("stars/<group>.ecsv", "find_stars", "data.background"),
    ],
)
def test_words_lead_to_rule_and_module(word, rule, module):
    row = next(row for row in ROWS if word in " ".join(row))
    assert f"[`{rule}`]" in row[2]
    assert f"[`{module}`]" in row[3]


@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("counts/<group>.ecsv", "detect_cosmic_rays"),
        ("tables/alignment.ecsv", "align_group"),
        ("tuning/<method>.ecsv", "label_cosmic_rays"),
        ("csst/<group>.parquet", "label_truth"),
    ],
)
def test_rows_name_the_rules_they_are_made_from(file, rule):
    """Of a simulated, a real and a CSST study; see also test_finished_study."""
    (row,) = (row for row in ROWS if f"`{file}`" in row[0])
    assert f"`{rule}`" in row[4]


def test_links_lead_to_files():
    links = set(re.findall(r"\]\(\.\./([^)]+)\)", TEXT))
    assert len(links) > 100
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_an_output_without_a_meaning_is_an_error(tmp_path):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    file = tmp_path / "workflow/rules/photometry/stability.smk"
    file.write_text(
        file.read_text(encoding="utf-8").replace(
            "- tables/stability.ecsv:", "- tables/steady.ecsv:"
        ),
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match=r"tables/stability.ecsv, tables/steady.ecsv"):
        make_page(tmp_path, nx.DiGraph())
