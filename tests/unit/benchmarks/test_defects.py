"""Measured pixels without flag, and CTE trails: those of the exposures, and of the defaults."""

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import binomtest

from crstudy.config.simulation import Simulation
from crstudy.simulation.detector import _steep
from measure_defects import RESULTS, measure, uncorrected

TABLE = Table.read(RESULTS / "defects.ecsv")
VALUES = dict(zip(TABLE["quantity"], TABLE["value"], strict=True))


def test_table_is_that_of_the_exposures(shared):
    paths = sorted((shared / "mast-mirror/mastDownload/HST").glob("*/*_flc.fits"))
    again = measure(paths)
    assert list(again["quantity"]) == list(TABLE["quantity"])
    assert list(again["value"]) == pytest.approx(list(TABLE["value"]), rel=0.01)
    assert again.meta["exposures"] == TABLE.meta["exposures"]


def test_defaults_lie_between_this_camera_and_the_estimate_for_acs():
    settings = Simulation()
    assert VALUES["persistent above 0.06 e-/s"] < settings.unflagged_fraction < 1.2e-4
    assert settings.unstable_fraction == pytest.approx(VALUES["lone in one exposure"], rel=0.5)
    assert settings.unflagged_max_e_per_s > VALUES["brightest persistent, e-/s"]


def test_dark_current_without_flag_is_as_often_high_as_measured():
    limits = Simulation().unflagged_min_e_per_s, Simulation().unflagged_max_e_per_s
    drawn = _steep(limits, np.linspace(0, 1, 10_001)) > 0.09
    pixels = int(TABLE["of"][0].split()[0])
    found, high = (round(VALUES[f"persistent above {x} e-/s"] * pixels) for x in (0.06, 0.09))
    assert binomtest(high, found, drawn.mean()).pvalue > 0.1


def test_trails_of_the_model_grow_with_rows():
    assert uncorrected(1000, 20, 400) > 1.5 * uncorrected(1000, 20, 200) > 0
