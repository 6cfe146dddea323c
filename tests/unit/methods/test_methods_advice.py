"""What messages of the methods advise helps; where it is to drop an exposure, others pass."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from advice import follow, nothing
from crstudy.data.view import View
from crstudy.methods import cosmic_conn, lacosmic, median, oracle_median, pych, rhoads
from crstudy.methods.runner import score_chip
from project import ROOT
from starfield import sky_stars_rays

PSF = np.outer(*[np.exp(-(np.arange(-5, 6) ** 2) / 2)] * 2)
IMAGE = sky_stars_rays(64, 72)
GOOD = View(IMAGE, np.isfinite(IMAGE), 4.0, PSF / PSF.sum(), blot=np.full_like(IMAGE, 40))
BAD = replace(
    GOOD, sci=IMAGE * np.nan, good=np.zeros(IMAGE.shape, bool), blot=np.full_like(IMAGE, np.nan)
)

search = partial(lacosmic.score, objlim=5.0, sigfrac=0.3)


@pytest.mark.parametrize(
    ("what", "score"),
    [
        ("methods/cosmic_conn: drop this exposure", cosmic_conn.score),
        ("methods/lacosmic: drop this exposure", search),
        ("methods/median: drop the group", median.score),
        ("methods/pych: drop this exposure", pych.score),
        ("methods/rhoads: drop this exposure", rhoads.score),
    ],
)
def test_exposure_to_drop(what, score):
    found = follow(what, partial(score, BAD), nothing, partial(score, GOOD))
    assert np.isfinite(found).all()


def test_larger_group():
    truth = SimpleNamespace(scene=IMAGE, cr=0 * IMAGE, dark_e=0.0, read_noise_e=4.0, noise_e=9.0)
    alone = replace(GOOD, truth=truth)
    again = partial(oracle_median.score, replace(alone, n_exposures=4))
    what = "methods/oracle_median: use a larger group"
    follow(what, partial(oracle_median.score, alone), nothing, again)


def test_method_that_cannot_find_anything():
    """Without it, the others are scored."""
    what = "methods/rhoads: leave rhoads out of methods.names"
    sharp = replace(GOOD, psf=np.pad([[1.0]], 5))
    score = partial(rhoads.score, sharp)
    assert follow(what, score, nothing, partial(search, sharp)).shape == IMAGE.shape


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), IMAGE * np.nan])
def test_method_to_fix(wrong):
    method = SimpleNamespace(score=lambda view: wrong)
    what = "data/score_maps: fix the method: docs/methods.md says what its score map must be"
    call = partial(score_chip, "mine", method, GOOD, {})

    def fix():
        method.score = lambda view: np.zeros(IMAGE.shape)

    follow(what, call, fix)
    said = " ".join((ROOT / "docs/methods.md").read_text(encoding="utf-8").split())
    assert "The map must have the shape of the chip" in said
    assert "and be finite wherever the image is" in said
