"""The fit of fields: a known response is found again, held-out points are not used, edges named."""

import numpy as np
import pytest
from astropy.table import Table
from scipy.special import expit, logit

from bench_chip import multiply_stars
from calibrate import PUBLISHED, Job
from fit_fields import FITTED, HIGHEST, at_edge, draw, fit, halves, vary

KEY = ("zb20", "globular_cluster")
TRUE = {"light": 2.0, "stars": 0.5, "sky": 1.5, "unflagged": 4.0}


def response(points, factors):
    """Return points whose recall and rate follow each factor, every point in its own way."""
    rng = np.random.default_rng(3)
    table = points.copy()
    odds, log = logit(table["recall"]), np.log(table["fpr"])
    for value in factors.values():
        weights = rng.normal(0, 1, (2, len(table)))
        odds, log = odds + weights[0] * np.log(value), log + weights[1] * np.log(value)
    table["recall"], table["fpr"] = expit(odds), np.exp(log)
    return table


@pytest.fixture
def points():
    """Return the points of a test set and class, as the usual fields have them."""
    table = Table.read(PUBLISHED)
    here = (table["test_set"] == KEY[0]) & (table["field_class"] == KEY[1])
    table = table[here & ~table["dilated"]]
    table["recall"] = np.linspace(0.3, 0.9, len(table))
    table["fpr"] = np.geomspace(1e-2, 1e-3, len(table))
    return table


def fitted(points, published):
    predicted = points.copy()
    predicted["published_recall"], predicted["published_fpr"] = (
        published["recall"],
        published["fpr"],
    )
    usual = dict.fromkeys(HIGHEST, 1.0)
    raised = {name: response(points, usual | {name: value}) for name, value in HIGHEST.items()}
    return fit(*KEY, predicted, points, raised)


def test_fit_finds_a_known_response_again(points):
    found = fitted(points, response(points, TRUE))
    assert found == pytest.approx(TRUE, rel=0.05)
    assert at_edge(found) == []


def test_held_out_points_change_nothing(points):
    published = response(points, TRUE)
    held_out = ~np.isin(published["method"], FITTED)
    assert held_out.any()
    spoilt = published.copy()
    for name in ("recall", "fpr"):
        spoilt[name][held_out] = np.nan
    assert fitted(points, spoilt) == fitted(points, published)


def test_a_factor_at_the_end_of_its_range_is_not_tuned(points):
    found = fitted(points, response(points, TRUE | {"stars": 30.0}))
    assert "stars" in at_edge(found)


def test_fields_change_and_cosmic_rays_do_not():
    section = {"zero_point_mag": 26.5, "sky_min_e_per_s": 0.1, "sky_max_e_per_s": 0.2}
    section |= {"unflagged_fraction": 1e-4, "cosmic_rays": {"rate_per_s_cm2": 1.25}}
    job = vary(Job("zb20", "any", 1, section), {"light": 10, "stars": 2, "sky": 3, "unflagged": 4})
    assert job.stars == 2
    assert job.section["zero_point_mag"] == pytest.approx(29)
    assert job.section["sky_max_e_per_s"] == pytest.approx(0.6)
    assert job.section["unflagged_fraction"] == pytest.approx(4e-4)
    assert job.section["cosmic_rays"] == section["cosmic_rays"]
    assert section["zero_point_mag"] == 26.5


def test_stars_are_multiplied_with_their_profile():
    rng = np.random.default_rng(1)
    ra = (0.001 * rng.standard_normal(4000)) % 360
    table = Table({"kind": np.repeat(["star", "galaxy"], (3990, 10)), "ra": ra})
    table["dec"] = 0.001 * rng.standard_normal(4000)
    table.meta["populations"] = [{"per_arcmin2": 10.0}]
    found = multiply_stars(table, 2.5, 1)
    stars = found[found["kind"] == "star"]
    assert len(stars) == pytest.approx(2.5 * 3990, rel=0.03)
    assert (found["kind"] == "galaxy").sum() == 10
    offsets = (np.array(stars["ra"]) + 180) % 360 - 180
    assert np.std(offsets) == pytest.approx(0.001, rel=0.05)
    assert found.meta["populations"] == [{"per_arcmin2": 25.0}]
    assert table.meta["populations"] == [{"per_arcmin2": 10.0}]
    fewer = multiply_stars(table, 0.3, 1)
    assert (fewer["kind"] == "star").sum() == pytest.approx(0.3 * 3990, rel=0.1)


def test_text_shows_either_half_before_and_after(points):
    table = points.copy()
    table["published_recall"], table["published_fpr"] = table["recall"] - 0.1, table["fpr"]
    before = compare_again(table)
    table["recall"] = table["published_recall"]
    after = compare_again(table)
    after["half"] = halves(after)
    after.meta = {
        "date": "2026-01-02",
        "factors": {KEY[0]: {KEY[1]: TRUE | {"not_tuned": ["sky"]}}},
    }
    text = draw(after, before)
    assert "| zb20 | globular cluster | 2.00 | 0.50 | (1.50) | 4.00 |" in text
    assert "| held out | globular cluster | 10.0 → 0.0 | 1.00 → 1.00 |" in text


def compare_again(table):
    """Add differences from published values, and the generator."""
    table = table.copy()
    table["source"] = "physical"
    table["recall_difference"] = table["recall"] - table["published_recall"]
    table["fpr_factor"] = table["fpr"] / table["published_fpr"]
    return table
