"""Methods with other PSFs of CSST: which PSFs are drawn, and what tuning chooses."""

import numpy as np
import pytest
from astropy.table import Table

import csst_psf
from crstudy.config.study import load_config
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.metrics.names import FULL
from csst_psf import Trial, describe_psf, make_psf, tune


def test_profiles_of_the_same_width_are_as_sharp():
    csst = load_config({}).csst.model_dump()
    one, other = (describe_psf(make_psf(name, 0.114, csst)) for name in ("moffat", "airy"))
    # 0.114 arcsec are 1.54 px, to which the pixel adds.
    assert 1.54 < one["radius_px"] < 1.75
    assert other["radius_px"] == pytest.approx(one["radius_px"], abs=0.03)
    assert one["peak"] == pytest.approx(0.247, abs=0.002)
    wide, narrow = (describe_psf(make_psf("acs", width, csst)) for width in (1.0, 0.8))
    assert narrow["radius_px"] == pytest.approx(0.8 * wide["radius_px"], rel=0.02)


def test_tuning_takes_the_combination_with_the_highest_f1():
    trials = [Trial("a", f"a {i}", {"x": i}, np.copy, 0.5, (0.5, 0.9)) for i in range(2)]
    # Bins: below 0.5, to 0.9, above. The second finds all and nothing else above 0.9.
    counts = {"a 0": ([0, 5, 5], [90, 5, 5]), "a 1": ([0, 0, 10], [95, 5, 0])}
    field = Table(
        {
            "method": np.repeat(list(counts), 3),
            "threshold": [-np.inf, 0.5, 0.9] * 2,
            "positives": np.concatenate([one[0] for one in counts.values()]),
            "negatives": np.concatenate([one[1] for one in counts.values()]),
        }
    )
    field["exptime_s"], field["region"] = 150.0, FULL
    variants = tune([field, field], trials)
    assert variants["a", UNCHANGED] == (trials[0], 0.5)
    assert variants["a", THRESHOLD] == (trials[1], 0.9)


def test_nothing_is_tuned_on_measured_fields(monkeypatch):
    seen = []
    monkeypatch.setattr(csst_psf, "simulate_field", lambda seed, field, csst: field)
    monkeypatch.setattr(csst_psf, "simulate_chip", lambda folder, field, *more: field)
    monkeypatch.setattr(csst_psf, "count_pixels", lambda field, trials: seen.append(field))
    monkeypatch.setattr(csst_psf, "tune", lambda validation, trials: {})
    monkeypatch.setattr(csst_psf, "repair", lambda chip, field, *more: seen.append(field))
    csst_psf.measure(None, {"csst": {"n_fields": 2}}, 1, [], None)
    assert seen == [3, 4, 5, 1, 2]
