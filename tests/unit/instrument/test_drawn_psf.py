"""The PSF that simulated exposures show: a mean that is tabulated, and what changes about it."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from numpy.random import default_rng

from crstudy.config.simulation import Simulation
from crstudy.instrument.drawn_psf import DrawnPsf, Optics, nearest_pixel
from crstudy.instrument.epsf import central_psf, load_psf
from crstudy.simulation.skies.stars import draw_stars
from nets import detector
from project import ROOT

GAUSSIANS = ROOT / "resources/psf/acswfc_f606w_gaussians.ecsv"
SETTINGS = Simulation().model_dump()
#: A place in the middle of the detector.
X, Y = 2048, 1024


@pytest.fixture(scope="module")
def grid():
    return load_psf(GAUSSIANS)


@pytest.fixture(scope="module")
def drawn():
    """Return the state of the telescope in many exposures."""
    rng = default_rng(1)
    visits = SETTINGS["focus_rms_um"] * rng.standard_normal(500)
    return [Optics.draw(rng, SETTINGS, focus_um) for focus_um in visits]


def peak(grid, optics, x=X, y=Y):
    return DrawnPsf(grid, optics, wings=False).star(x, y).max()


def test_without_changes_it_is_the_table(grid):
    psf = DrawnPsf(replace(grid, diffusion=None), Optics(), wings=False)
    for x, y, profile in zip(grid.x[:6], grid.y[:6], grid.profiles[:6], strict=True):
        for dx, dy in ((0, 0), (0.3, -0.4)):
            image = profile.shift(dx, dy).drawImage(nx=33, ny=33, scale=1, method="no_pixel")
            star = psf.star(x + dx, y + dy)
            np.testing.assert_allclose(star, image.array, atol=5e-4 * star.max())


def test_stars_follow_the_grid_between_the_fits(grid, shared):
    path = shared / "psf" / "PSFSTD_ACSWFC_F606W.fits"
    if not path.is_file():
        pytest.skip(f"needs ../shared/psf/{path.name}")
    real = DrawnPsf(load_psf(path), Optics(), wings=False)
    places = default_rng(2).uniform(0, 4096, (30, 2))
    peaks = np.array(
        [
            [DrawnPsf(g, Optics(), wings=False).star(*place).max() for place in places]
            for g in (grid, replace(grid, diffusion=None))
        ]
    )
    errors = (peaks / [real.star(*place).max() for place in places] - 1).std(axis=1)
    assert errors[0] < 0.01
    assert errors[0] < errors[1] / 3


def test_a_mean_over_exposures_is_tabulated(drawn):
    changes = np.array([astuple(optics) for optics in drawn])
    error = changes.std(axis=0) / np.sqrt(len(changes))
    assert (abs(changes.mean(axis=0) - (0, 0, 0, 0, 0)) < 4 * error).all()
    rms_um = np.hypot(SETTINGS["focus_rms_um"], SETTINGS["breathing_rms_um"])
    assert changes[:, 0].std() == pytest.approx(rms_um, rel=0.1)
    jitter = sum(o.jitter_xx + o.jitter_yy for o in drawn) / len(drawn) + (3e-3 / 0.05) ** 2
    assert np.sqrt(jitter) * 50 == pytest.approx(3, rel=0.1)


def test_exposures_of_a_visit_share_its_focus():
    rng = default_rng(5)
    focus_um = [Optics.draw(rng, SETTINGS, 3.0).focus_um for _ in range(200)]
    assert np.mean(focus_um) == pytest.approx(3, abs=4 * 1.4 / np.sqrt(200))
    assert np.std(focus_um) == pytest.approx(SETTINGS["breathing_rms_um"], rel=0.2)


def test_no_changes_if_none_are_asked_for():
    still = SETTINGS | {"breathing_rms_um": 0.0, "focus_rms_um": 0.0, "jitter_mas": 0.0}
    assert astuple(Optics.draw(default_rng(1), still, 0.0)) == (0, 0, 0, 0, 0)


def test_defocus_is_no_dilation(grid):
    """Defocus takes light from the peak as wider PSFs do, but puts it elsewhere."""
    rows, columns = np.mgrid[:33, :33] - 16.0
    radius = np.hypot(rows, columns)
    sharp, blurred = (DrawnPsf(grid, Optics(blur=b), wings=False).star(X, Y) for b in (0, 0.1))
    assert blurred.max() / sharp.max() == pytest.approx(1 - 0.1 * (1 - 1.5**-2), abs=0.005)
    width = 1.0275
    wide = replace(grid, profiles=tuple(profile.dilate(width) for profile in grid.profiles))
    dilated = DrawnPsf(wide, Optics(), wings=False).star(X, Y)
    assert dilated.max() == pytest.approx(blurred.max(), rel=0.01)
    ring = (radius > 3) & (radius < 7)
    assert (
        blurred[ring].sum() / sharp[ring].sum()
        > 1.5 * dilated[ring].sum() / sharp[ring].sum() - 0.5
    )
    assert blurred.sum() == pytest.approx(sharp.sum(), abs=2e-3)


def test_jitter_stretches_stars(grid):
    rows, columns = np.mgrid[:33, :33] - 16.0
    moments = []
    for optics in (Optics(), Optics(jitter_xx=0.04, jitter_xy=0.01)):
        psf = DrawnPsf(grid, optics, wings=False)
        # Mean over the phases of the pixel grid, which undersamples the star.
        phases = np.arange(-2, 2) / 4
        star = np.array([[psf.star(X + dx, Y + dy) for dx in phases] for dy in phases])
        x, y = columns - phases[None, :, None, None], rows - phases[:, None, None, None]
        moments.append([(star * m).sum() / 16 for m in (x**2, x * y, y**2)])
    assert np.subtract(*moments[::-1]) == pytest.approx([0.04, 0.01, 0], abs=1e-3)


def test_no_method_knows_the_psf(grid, drawn):
    """The peak of a star differs from that of the PSF that methods get."""
    known = central_psf(GAUSSIANS).max()
    seen = np.array([peak(grid, optics) for optics in drawn[:40]])
    assert 0.02 < (seen / seen.mean()).std() < 0.06
    places = default_rng(3).integers(0, 4096, (40, 2))
    field = np.array([peak(grid, Optics(), *place) for place in places])
    assert 0.03 < (field / known).std() < 0.12


def test_header_records_the_state(drawn):
    assert Optics.from_cards(drawn[0].cards()) == drawn[0]
    assert drawn[0].cards()["FOCUS_UM"] == drawn[0].focus_um


def test_positions_halfway_round_alike():
    assert [nearest_pixel(v) for v in (0.5, 1.5, 2.5, 2.4)] == [1, 2, 3, 2]


def test_detectors_take_no_star_core_for_a_cosmic_ray(grid, drawn, zb20_path):
    """Stars without cosmic ray, drawn with the PSFs of four exposures."""
    from crstudy.deepcr.torch_backend import TorchNet

    net = detector("zb20-f606w", TorchNet("zb20-f606w", zb20_path))
    rng, flagged = default_rng(4), []
    side, spacing = 24, 28
    for optics in drawn[:4]:
        x, y = spacing * (np.mgrid[:side, :side] + 0.5) + rng.uniform(-0.5, 0.5, (2, side, side))
        flux = rng.permutation(np.geomspace(5e2, 2e5, side**2))
        shape = (side * spacing,) * 2
        psf = DrawnPsf(grid, optics, wings=True)
        corner = tuple(rng.integers((0, 0), (3400, 1300)))
        image, _ = draw_stars(x.ravel(), y.ravel(), flux, shape, psf, corner, np.inf, 0.2)
        noisy = rng.poisson(image + 42.0) + rng.normal(0, 4.2, shape)
        peaks = np.zeros(shape, bool)
        for star_x, star_y in zip(x.ravel(), y.ravel(), strict=True):
            row, column = nearest_pixel(star_y) - 1, nearest_pixel(star_x) - 1
            box = np.s_[row - 1 : row + 2, column - 1 : column + 2]
            peaks[box] |= image[box] == image[box].max()
        flagged.append((net.probability(noisy.astype(np.float32))[peaks] > 0.5).mean())
    assert np.mean(flagged) <= 0.01, flagged
