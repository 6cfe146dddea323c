"""Calibration of the simulator: cosmic rays, counts by hand, table, figure and text."""

import numpy as np
import pytest
import yaml
from astropy.table import Table, vstack

from calibration import (
    FROZEN,
    LABELS,
    describe_rays,
    footprints,
    recall_rows,
    share_rows,
    threshold_rows,
    variations,
)
from calibration_text import deviations, write_document
from crstudy.config.sections import CosmicRays, Simulation
from crstudy.core.errors import StudyError
from crstudy.simulation.detector import Streams, expose
from crstudy.simulation.rays import ray_model
from plot_calibration import draw_calibration
from project import ROOT

TARGETS = yaml.safe_load((ROOT / "resources/calibration.yaml").read_text())
RAYS = CosmicRays().model_dump()
RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 0}
NET = "zb20-f606w"


def test_parameters_lie_in_their_plausible_ranges():
    sets = variations(RAYS, TARGETS["parameters"], TARGETS["others"])
    assert len(sets) == 1 + 2 * len(TARGETS["parameters"]) + len(TARGETS["others"])
    assert sets[FROZEN] == RAYS
    moved = {k: v for k, v in sets["thickness_um 12.6"].items() if v != RAYS[k]}
    assert moved == {"thickness_um": 12.6}
    for rays in sets.values():
        ray_model(rays)


def test_a_frozen_parameter_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"rate_per_s_cm2 1\.9 lies outside 2 to 3"):
        variations({"rate_per_s_cm2": 1.9}, {"rate_per_s_cm2": {"low": 2, "high": 3}}, {})


def test_rays_may_be_added_afterwards():
    settings = Simulation().model_dump()
    scene, nothing = np.full((60, 50), 40.0), np.zeros((60, 50), int)
    rays = np.random.default_rng(1).poisson(0.05, scene.shape) * 900

    def image(charge):
        streams = Streams(*(np.random.default_rng(seed) for seed in (2, 3, 4)))
        return expose(streams, scene, charge, 500.0, settings)[0]

    np.testing.assert_allclose(image(nothing) + rays, image(rays), atol=0.01)


def test_footprints_hang_together_at_corners():
    hit = np.zeros((8, 8), bool)
    hit[0, :3] = hit[1, 3] = hit[6, 6] = True
    areas, sides = footprints(hit)
    assert areas.tolist() == [4, 1]
    assert sides.tolist() == [4, 1]


def test_rays_follow_their_parameters():
    def describe(**changes):
        return describe_rays(ray_model(RAYS | changes), (512, 1024), 4)

    frozen, blurred = describe(), describe(field_free_um=14.0)
    fewer = describe(rate_per_s_cm2=RAYS["rate_per_s_cm2"] / 2)
    assert set(frozen) == set(TARGETS["rays"])
    assert fewer["pixels_per_1000s"] == pytest.approx(frozen["pixels_per_1000s"] / 2, rel=0.15)
    assert fewer["median_electrons"] == pytest.approx(frozen["median_electrons"], rel=0.1)
    assert blurred["median_footprint_px"] > frozen["median_footprint_px"]
    assert 0 <= frozen["below_500_electrons"] < describe(collisions_per_um=2)["below_500_electrons"]


def counts(method, comparison, positives, negatives, edges=(0.5,), region="full"):
    table = Table({"threshold": [-np.inf, *edges], "positives": positives, "negatives": negatives})
    table["method"], table["comparison"], table["region"] = method, comparison, region
    return table


def test_recall_at_a_rate_is_that_of_its_kind_of_field():
    good = counts(NET, "reference", [2, 8], [995, 5])
    poor = counts(NET, "reference", [6, 4], [995, 5])
    truth = counts(NET, "truth", [0, 10], [995, 5])
    labels = counts(LABELS, "reference", [0, 10], [1000, 0])
    groups = {"a": [vstack([good, truth, labels])] * 2, "b": [poor, good]}
    rows = list(recall_rows(groups, [0.005], RESAMPLING))
    assert [(r["field_class"], r["method"], r["groups"]) for r in rows] == [
        ("a", NET, 2),
        ("b", NET, 2),
    ]
    assert rows[0]["value"] == rows[0]["low"] == pytest.approx(80)
    assert rows[1]["value"] == pytest.approx(60)
    assert (rows[1]["low"], rows[1]["high"]) == pytest.approx((40, 80))


def test_recall_and_precision_at_a_threshold():
    table = vstack(
        [
            counts(NET, "truth", [3, 1, 6], [80, 15, 4], (0.5, 0.9), "3"),
            counts(LABELS, "truth", [5, 5], [99, 0], (0.5,), "3"),
        ]
    )
    rows = list(threshold_rows([table] * 2, {NET: 0.9, LABELS: 0.5}, RESAMPLING))
    found = {(row["quantity"], row["method"]): row["value"] for row in rows}
    assert found == pytest.approx(
        {
            ("recall against truth, 3", NET): 60,
            ("precision against truth, 3", NET): 60,
            ("recall against truth, 3", LABELS): 50,
            ("precision against truth, 3", LABELS): 100,
        }
    )


def test_shares_are_pooled_and_nothing_of_nothing_is_undefined():
    shares = {"a": np.array([[1.0, 10], [3, 10]]), "b": np.array([[0.0, 0]])}
    one, none = share_rows("cores", shares, NET, RESAMPLING)
    assert (one["value"], one["low"], one["high"]) == pytest.approx((20, 10, 30))
    assert np.isnan(none["value"])


@pytest.fixture
def measured():
    """Return a table in which all is as published, but that one recall is 5 points off."""
    rows = []
    for name in variations(RAYS, TARGETS["parameters"], TARGETS["others"]):
        for kind, published in TARGETS["recall"]["published"].items():
            for method, values in published.items():
                for rate, value in zip(TARGETS["recall"]["rates"], values, strict=True):
                    off = 5 * (method == "lacosmic" and kind == "extragalactic" and rate < 0.001)
                    rows.append((name, "recall", kind, method, rate, value + off))
        for quantity in (
            "against reference, full",
            *(f"against truth, {k}" for k in ("full", 3, 10)),
        ):
            for score in ("recall", "precision"):
                rows += [
                    (name, f"{score} {quantity}", "all", m, np.nan, 90.0) for m in (NET, LABELS)
                ]
        rows += [(name, "star cores flagged", "all", m, np.nan, 0.4) for m in (NET, "lacosmic")]
        for quantity in ("labelled pixels per 1000 s", "true pixels per 1000 s"):
            rows.append((name, quantity, "all", "", np.nan, 3.0))
        rows += [(name, k, "", "", np.nan, float(v["high"])) for k, v in TARGETS["rays"].items()]
    table = Table(rows=rows, names=("rays", "quantity", "field_class", "method", "fpr", "value"))
    table["low"], table["high"] = table["value"] - 1, table["value"] + 1
    table.meta = {"frozen": RAYS, "groups": 6, "chip_px": [512, 768], "date": "2026-01-02"}
    table.meta["interval"] = "95 % interval"
    return table


def test_document_gets_its_tables_between_the_markers(measured, tmp_path):
    off = deviations(measured[measured["rays"] == FROZEN], TARGETS["recall"])
    assert sorted(np.round(off, 6)) == [0] * 11 + [5]
    path = tmp_path / "simulator.md"
    path.write_text("before\n<!-- calibration -->\nformer\n<!-- /calibration -->\nafter\n")
    write_document(path, measured, TARGETS)
    text = path.read_text()
    assert text.startswith(
        "before\n<!-- calibration -->\nMeasured on 2026-01-02: 6 groups of 768x512 px"
    )
    assert text.endswith("\n<!-- /calibration -->\nafter\n")
    assert "former" not in text
    assert "| extragalactic | L.A.Cosmic | 0.05 % | 57.3 | 62.3 [61.3, 63.3] | +5.0 * |" in text
    assert f"| {FROZEN} | 1.4 | 11 |" in text
    path.write_text("no markers")
    with pytest.raises(StudyError, match="has no <!-- calibration -->"):
        write_document(path, measured, TARGETS)


def test_figure_shows_every_set_and_what_is_published(measured):
    figure = draw_calibration(measured, TARGETS)
    first, second, third = figure.get_axes()
    for axis, method in ((first, NET), (second, "lacosmic")):
        drawn = [line.get_ydata()[0] for line in axis.lines if line.get_marker() == "D"]
        published = TARGETS["recall"]["published"].values()
        assert drawn == [value for one in published for value in one[method]]
    sets = [name for name in dict.fromkeys(measured["rays"]) if name != FROZEN]
    assert [label.get_text() for label in third.get_yticklabels()] == sets
