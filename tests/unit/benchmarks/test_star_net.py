"""The nets of this project beside deepCR's: what is counted of masks, and the table."""

import numpy as np
import pytest
from astropy.table import Table

import star_net
from crstudy.config.registry import METHODS
from crstudy.data.chips import ComparisonData
from crstudy.data.strata import Stratum
from crstudy.deepcr.weights import WEIGHTS
from crstudy.metrics.curves.thresholds import DEFAULT
from star_counts import BASELINES, KEYS, NOTHING, count_pixels, tabulate

RESAMPLING = {"samples": 200, "confidence": 0.95, "seed": 3}
#: Pixels found, and wrong fluxes, of ten by method, in each of four groups.
FOUND = {NOTHING: (0, 0, 0, 0), BASELINES[0]: (5, 6, 4, 5), BASELINES[1]: (6, 6, 6, 6)}
FOUND |= {"stars-acs-wfc": (8, 9, 7, 8)}
#: Pixels with and without a cosmic ray in the bins below and above a threshold.
CURVE = [[[5.0, 5.0], [90.0, 0.0]]] * 4


def test_changes_are_paired_and_no_correction_has_fluxes_only():
    groups = []
    for number in range(4):
        rows = []
        for method, found in FOUND.items():
            for where in (("recall", "3", "star"), ("wrong_fluxes_hit", "stars", "all")):
                rows.append((DEFAULT, *where, float(found[number]), 10, method))
        groups.append(Table(rows=rows, names=(*KEYS, "upper", "lower", "method")))
    table = tabulate(groups, dict.fromkeys(FOUND, CURVE), RESAMPLING)
    by = {(row["method"], row["measure"]): row for row in table}
    assert (NOTHING, "recall") not in by
    assert by[NOTHING, "wrong_fluxes_hit"]["value"] == 0
    new = by["stars-acs-wfc", "recall"]
    assert new["value"] == pytest.approx(0.8)
    # Every group has three points more: the difference has no spread, though recall has.
    for end in ("", "_lo", "_hi"):
        assert new[f"change_zb20{end}"] == pytest.approx(0.3)
    assert new["value_lo"] < 0.8 < new["value_hi"]
    assert new["change_kwon21_lo"] < new["change_kwon21"] == pytest.approx(0.2)
    area = by["stars-acs-wfc", "average_precision"]
    assert (area["value"], area["change_zb20"], area["lower"]) == (0.5, 0, 40)


def test_rims_are_not_counted_and_strata_are_told_apart():
    strata = np.array([[Stratum.STAR, Stratum.STAR, Stratum.EXTENDED, Stratum.SKY]], np.uint8)
    hit, rim = np.array([[1, 1, 0, 0]], bool), np.array([[0, 0, 1, 0]], bool)
    valid, light = np.ones((1, 4), bool), np.zeros((1, 4), np.float32)
    data = ComparisonData(hit, hit, valid, light, light, strata, rim)
    mask = np.array([[1, 0, 1, 1]], bool)
    regions = {3.0: np.array([[1, 1, 1, 0]], bool), 20.0: np.zeros((1, 4), bool)}
    counts = {row[:3]: row[3:] for row in count_pixels(mask, data, regions)}
    assert counts["recall", "3", "star"] == (1, 2)
    assert counts["precision", "full", "all"] == (1, 2)
    assert counts["false_pixels", "full", "all"] == (1, 1)
    assert counts["false_pixels", "3", "extended"] == (0, 0)


def test_counts_are_kept_until_the_weights_change(tmp_path, monkeypatch):
    monkeypatch.setattr(star_net, "KEPT", tmp_path)
    (one, *_) = star_net.datasets()
    made = []

    def count():
        made.append(1)
        return Table({"upper": [1.5]})

    for key in ("net-1", "net-1", "net-2"):
        assert star_net.kept(one, 7, key, count)["upper"] == [1.5]
    assert len(made) == 2


def test_kept_table_holds_every_net_of_the_project():
    table = Table.read(star_net.TABLE)
    ours = {name for name in WEIGHTS if WEIGHTS[name].origin == "repository of crstudy"}
    assert ours <= set(table["method"]) & set(METHODS)
    assert {"sim, transplanted", "sim, other PSF", "csst", star_net.REAL} <= set(table["dataset"])
