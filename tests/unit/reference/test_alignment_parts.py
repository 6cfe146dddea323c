"""Parts of the alignment: choice of solutions, sources, chance pairs, lost exposures."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from advice import advised
from crstudy.reference.align import EVERY, align_group
from crstudy.reference.alignment_verdict import (
    alignment_table,
    why_excluded,
)
from crstudy.reference.astrometric_solutions import Solution, choose_solutions
from crstudy.reference.offsets import Limits, find_sources, make_frame, measure_offset
from moved_exposures import (
    LIMITS,
    verdict,
)
from synthetic_exposures import write_group


def test_kinds_of_solution_have_an_order():
    best_first = ["I-FIT_SVM_G", "I-FIT_REL_G", "I-FIT_IMG_G", "I-FIT_MVM", "I-HSC30", "I-GSC240"]
    best_first += ["I", "OPUS"]
    while len(best_first) > 1:
        offers = [
            [Solution(f"own {i}", {}), *(Solution(n, {1: {"CRVAL1": i}}) for n in best_first[::-1])]
            for i in (1, 2)
        ]
        chosen = choose_solutions(offers)
        assert [solution.name for solution in chosen] == [best_first[0]] * 2
        assert [solution.cards[1]["CRVAL1"] for solution in chosen] == [1, 2]
        del best_first[0]


def test_solutions_in_force_stay_if_equal_or_if_nothing_is_common():
    better = Solution("I-FIT_SVM", {1: {"CRVAL1": 1.0}})
    equal = [[Solution("I", {}), better]] * 3
    assert choose_solutions(equal) == [Solution("I", {})] * 3
    apart = [[Solution("I", {}), better], [Solution("J", {})]]
    assert choose_solutions(apart) == [Solution("I", {}), Solution("J", {})]


def test_few_sources_are_not_measured(tmp_path):
    paths = {e.path.name[:9]: e.path for e in write_group(tmp_path)}
    table = align_group("g", paths, **LIMITS)
    assert verdict(table) == "not measured"
    assert max(table["matches"]) <= 1
    assert np.isnan(table["residual"]).all()
    assert why_excluded(table) is None
    fits.setval(paths["syn00001q"], "WCSNAME", value="OTHER", extname="SCI")
    table = align_group("g", paths, **LIMITS)
    assert verdict(table) == "excluded"
    why = why_excluded(table)
    assert "different astrometric solutions (OTHER, SIMULATED) and too few" in why
    what = "reference/alignment_verdict: drop the group, or the exposures of other solutions"
    advised(what, why)
    del paths["syn00001q"]
    assert why_excluded(align_group("g", paths, **LIMITS)) is None


def test_cosmic_rays_are_no_sources(tmp_path):
    for exposure in write_group(tmp_path, star_e=0.0, shape=(300, 300)):
        n_rays = sum((rays > 0).sum() / 4 for rays in exposure.cosmic_rays)
        assert n_rays > 400
        assert len(find_sources(exposure.path)) < 0.02 * n_rays


def test_pairs_by_chance_are_no_measurement():
    """Even 400 sources have enough partners for some offset, but they scatter too widely."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cd = ("RA---TAN", "DEC--TAN"), np.eye(2) * 1e-5
    wcs.pixel_shape = 1000, 1000
    tables = [
        Table([np.ones(400, int), *rng.uniform(0, 1000, (2, 400))], names=("chip", "x", "y"))
        for rng in map(np.random.default_rng, (1, 2))
    ]
    frame = make_frame(tables[0], {1: wcs})
    offset = measure_offset(frame, tables[1], {1: wcs}, Limits(0.1, 3), EVERY)
    assert offset.matches == 0
    assert np.isnan([offset.dx, offset.residual]).all()
    tables[0]["x"] += 41.3
    tables[0]["y"] -= 17.6
    same = measure_offset(frame, tables[0], {1: wcs}, Limits(0.1, 3), EVERY)
    assert_allclose([same.dx, same.dy, same.residual], [41.3, -17.6, 44.9], atol=0.1)


@pytest.mark.parametrize(
    ("sources", "matches", "expected"),
    [
        # A moderately sparse field: what falls just short of 10 sources is not lost.
        (19, (11, 9, 15), "not measured"),
        (19, (11, 8, 15), "not measured"),
        (19, (11, 3, 15), "excluded"),
        (19, (9, 8, 2), "not measured"),
        (29, (9, 0, 0), "not measured"),
        (30, (9, 0, 0), "excluded"),
        (30, (15, 13, 12), "used"),
    ],
)
def test_few_sources_in_common_are_lost_where_more_were_expected(sources, matches, expected):
    fixed = {"wcsname_archive": "I", "wcsname": "I", "method": "as archived", "cards": {}}
    fixed |= {"compared_with": "b", "dx": 0.0, "dy": 0.0, "rotation": 0.0, "residual_before": 0.0}
    rows = [
        fixed
        | {"exposure": name, "sources": sources if name == "b" else 18, "matches": n}
        | {"residual": 0.02 if n >= 10 else np.nan, "residual_matches": n}
        for name, n in zip("abcd", (matches[0], 0, *matches[1:]), strict=True)
    ]
    table = alignment_table(rows, "g", 0.1, 10)
    assert verdict(table) == expected
    assert (why_excluded(table) is None) == (expected != "excluded")
