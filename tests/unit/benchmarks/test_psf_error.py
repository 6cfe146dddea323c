"""Mask refinement against the error of the PSF: the error, and what is drawn and said of it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table
from matplotlib.collections import PathCollection

import psf_error
from crstudy.figures.psf_error import draw
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import load_psf
from crstudy.metrics.bootstrap import fraction_changes
from crstudy.refinement.psf_error import FRACTIONS, largest_error, pays
from crstudy.refinement.psf_fitting import sample_psf
from crstudy.refinement.settings import NONE, RESIDUALS, Setting
from project import ROOT

CORNER = 1792, 768


@pytest.fixture(scope="module")
def one_psf(tmp_path_factory):
    """Return a grid of a single PSF."""
    (case, *_) = psf_error.make_cases(tmp_path_factory.mktemp("psf"))
    return load_psf(case.drawn)


def residual(grid, optics):
    fitted = sample_psf(grid, (512, 512), 1)
    drawn = DrawnPsf(grid, optics, wings=True)
    places = [(100.2, 300.4), (250.0, 250.0), (400.45, 80.1)]
    return [psf_error.star_residual(drawn, fitted, CORNER, *place) for place in places]


def test_residual_is_none_of_the_same_psf_and_grows_with_jitter(one_psf):
    same = residual(one_psf, Optics())
    small, large = (residual(one_psf, Optics(jitter_xx=xx)) for xx in (0.03, 0.1))
    assert max(same) < 0.005
    assert max(same) < min(small)
    assert max(small) < min(large)
    # By hand: a Gaussian of variance s, blurred by xx along x, at the fitted flux.
    assert 0.01 < np.median(small) < 0.1


def counts(repaired):
    rows = [
        (name, kind, "", tp, 20, 40, wrong, 100)
        for kind, shift in (("same table", 0), ("jitter", 4))
        for name, tp, wrong in ((NONE, 10, 9), (RESIDUALS, 12, 9 - repaired + shift))
    ]
    names = ("method", "kind", "amount", "tp", "flagged", "positives", "anomalous", "stars")
    return Table(rows=rows, names=names)


def test_refinement_pays_where_fewer_fluxes_are_wrong():
    groups = [counts(n) for n in (2, 3, 4)]
    table = fraction_changes(groups, NONE, ("kind", "amount"), FRACTIONS, psf_error.RESAMPLING)
    table["psf_error"] = [0.01 if kind == "same table" else 0.04 for kind in table["kind"]]
    refined = table[table["method"] == RESIDUALS]
    assert refined["anomalous_fraction_change"].tolist() == pytest.approx([-0.03, 0.01])
    assert pays(refined).tolist() == [True, False]
    assert largest_error(refined) == 0.01
    assert np.isnan(largest_error(refined[1:]))
    report = ROOT / "workflow" / "report"
    with plt.style.context([report / "crstudy.mplstyle", report / "styles/psf_error.mplstyle"]):
        figure = draw(table)
        figure.draw_without_rendering()
    (points,) = [one for one in figure.axes[2].collections if isinstance(one, PathCollection)]
    faces = dict(zip(points.get_offsets()[:, 0], points.get_facecolors()[:, 3] > 0, strict=True))
    assert faces == {1.0: True, 4.0: False}


def test_table_was_made_with_the_parameters_in_use():
    made = Table.read(psf_error.TABLE).meta["settings"]
    used = psf_error.settings()
    assert made.keys() == used.keys()
    for name, one in used.items():
        assert list(Setting(**made[name])) == pytest.approx(list(one), nan_ok=True)
