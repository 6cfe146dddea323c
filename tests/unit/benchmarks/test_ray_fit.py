"""Fit of the cosmic rays: distances of distributions, the committed result, and what it reads."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from scipy import stats

from crstudy.config.simulation import CosmicRays
from fit_rays import (
    DOCUMENT,
    STATISTICS,
    TABLE,
    UVIS,
    Comparison,
    Fit,
    fit_table,
    halves,
    read_events,
    simulate_events,
    text,
)
from project import ROOT


@pytest.fixture(scope="module")
def result():
    return Table.read(TABLE)


def mean_of(result, column):
    return result[column][list(result["statistic"]).index("mean")]


def test_rays_are_like_real_ones_that_were_not_fitted(result):
    """The mean distance over twelve statistics, and over all ways to choose half of the events."""
    assert list(result["statistic"]) == [*STATISTICS, "mean"]
    assert mean_of(result, "other_half") <= 0.06
    assert mean_of(result, "all") <= 0.045
    # A perfect generator is not at 0: half of the events are few.
    assert 0.03 < mean_of(result, "perfect_half") < mean_of(result, "other_half")


def test_very_bright_rays_are_as_frequent_as_real_ones(result):
    for one in result.meta["tails"]:
        assert one["low"] <= one["simulated"] <= one["high"], one["name"]
        assert one["low"] <= one["real"] <= one["high"], one["name"]


def test_default_is_the_fit(result):
    """The silicon of ACS/WFC is another; the particles are the same."""
    fitted, given = result.meta["parameters"], result.meta["given"]
    for name in ("slow_fraction", "most_ionising", "cosine_power"):
        assert getattr(CosmicRays(), name) == fitted[name]["value"]
        assert fitted[name]["low"] <= fitted[name]["value"] <= fitted[name]["high"]
    assert CosmicRays().collisions_per_um == given["collisions_per_um"]
    assert CosmicRays().depleted_spread_px == given["depleted_spread_px"]


def test_committed_distances_come_from_the_committed_events(result):
    real, skies = read_events()
    assert len(real) == result.meta["events"]
    assert list(skies) == result.meta["exposures"]
    model = replace(UVIS, **{k: v["value"] for k, v in result.meta["parameters"].items()})
    events = simulate_events(model, [*skies.values()], seed=7, side_px=600)
    found = Comparison(events, real).distances(np.array(real["rate"]))
    # Other simulated events, and fewer: they differ by chance.
    assert found.mean() == pytest.approx(mean_of(result, "all"), abs=0.012)
    assert found.mean() <= 0.06


def test_distance_is_that_of_kolmogorov_and_smirnov():
    rng = np.random.default_rng(1)
    few, many = (
        Table({name: rng.normal(shift, 1, n).round(1) for name in STATISTICS})
        for n, shift in ((80, 0.3), (300, 0))
    )
    found = Comparison(many, few).distances(np.ones(80))
    expected = [stats.ks_2samp(few[name], many[name]).statistic for name in STATISTICS]
    np.testing.assert_allclose(found, expected)


def test_weights_count_events_more_often():
    rng = np.random.default_rng(2)
    few, many = (Table({name: rng.normal(0, 1, n) for name in STATISTICS}) for n in (50, 200))
    often = rng.integers(0, 4, 50)
    compared = Comparison(many, few[np.repeat(np.arange(50), often)])
    ones = np.ones(often.sum())
    np.testing.assert_allclose(Comparison(many, few).distances(often), compared.distances(ones))


def test_fit_finds_the_parameters_of_simulated_events():
    skies = dict(list(read_events()[1].items())[:4])
    true = replace(UVIS, field_free_um=9.8, slow_fraction=0.4, most_ionising=14.0)
    names = list(skies)
    parts = [simulate_events(true, [skies[name]], seed=20, side_px=900) for name in names]
    real = Table({name: np.concatenate([part[name] for part in parts]) for name in STATISTICS})
    real["exposure"] = np.repeat(names, [len(part) for part in parts])
    real["rate"] = 1.0
    fit = Fit(real, skies, sets=64, side_px=400)
    field_free_um, slow_fraction, most_ionising, cosine_power = fit.best(names)
    assert field_free_um == pytest.approx(9.8, abs=0.25)
    assert slow_fraction == pytest.approx(0.4, abs=0.12)
    assert 9 < most_ionising < 20
    assert cosine_power == 1
    table = fit_table(fit, resampled=5, perfect=2)
    assert mean_of(table, "all") < 0.05
    assert len(table.meta["resampled"]) == 5


def test_every_half_is_fitted_once():
    chosen = halves("abcd")
    assert len(chosen) == 6
    assert all(sorted(half + others) == list("abcd") for half, others in chosen)


def test_documented_tables_are_those_of_the_result(result):
    assert f"<!-- rays -->\n{text(result)}\n<!-- /rays -->" in DOCUMENT.read_text(encoding="utf-8")


#: Fits, and prints the tables that it opened and the modules of the project that it loaded.
FIT = """
import sys
from pathlib import Path
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
import fit_rays
real, skies = fit_rays.read_events()
fit_rays.fit_table(fit_rays.Fit(real, skies, 24, 60), resampled=1, perfect=1)
folder = Path(fit_rays.__file__).parent
print(*{Path(str(one)).name for one in opened if str(one).endswith((".ecsv", ".yaml", ".npy"))})
print(*(name for name in sys.modules if (folder / f"{name}.py").is_file()))
print(*{name.split(".")[1] for name in sys.modules if name.startswith("crstudy.")})
"""


def test_fit_reads_no_recall():
    """It opens no published score, and loads no module of detectors, labels or scores."""
    done = subprocess.run(
        [sys.executable, "-c", FIT],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "benchmarks"), "OMP_NUM_THREADS": "1"},
    )
    files, modules, packages = map(str.split, done.stdout.splitlines())
    assert files == ["uvis_go15460.ecsv"]
    assert set(modules) == {"fit_rays", "marked"}
    assert "simulation" in packages
    assert set(packages) <= {"simulation", "core"}
