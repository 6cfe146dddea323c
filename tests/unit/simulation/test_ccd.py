"""The simulated CCD: defects, charge that bleeds and charge that trails, beside fixed noise."""

from datetime import date

import numpy as np
import pytest
from numpy.random import default_rng

from crstudy.config.sections import Mask
from crstudy.config.simulation import Simulation
from crstudy.config.study import ConfigError, load_config
from crstudy.data.good_pixels import good_pixels
from crstudy.instrument.acs import rows_from_amplifier
from crstudy.instrument.dq import Dq
from crstudy.simulation import detector
from crstudy.simulation.charge_transfer import (
    FILL_POWER,
    FULL_DEPTH_E,
    RELEASE_TRANSFERS,
    SPECIES_SHARE,
    deferred_charge,
    traps_to_amplifier,
)
from crstudy.simulation.detector import Streams, bleed, expose

SETTINGS = Simulation().model_dump()
NO_DEFECTS = SETTINGS | dict.fromkeys(
    ("hot_fraction", "warm_fraction", "unflagged_fraction", "unstable_fraction"), 0.0
)
SKY = np.full((300, 200), 50.0)
NO_RAYS = np.zeros(SKY.shape, np.int32)
MIDDLE = date(2015, 1, 1)
TRAPS = traps_to_amplifier(MIDDLE, rows_from_amplifier(1, SKY.shape))


def streams(noise=1, defects=2, unstable=3):
    return Streams(*map(default_rng, (noise, defects, unstable)))


def rays():
    """Return charge of a thousand single pixels."""
    charge, rng = NO_RAYS.copy(), default_rng(5)
    charge[rng.integers(0, 300, 1000), rng.integers(0, 200, 1000)] = 1500
    return charge


def relaxed(line, full_well):
    """Let excess charge flow to both neighbours, again and again, until little is left."""
    line = line.copy()
    while (excess := np.clip(line - full_well, 0, None)).max() > 0.01:
        line -= excess
        line[1:] += excess[:-1] / 2
        line[:-1] += excess[1:] / 2
    return line


@pytest.mark.parametrize(
    "stars", [{100: 1.02e6}, {100: 3e5, 106: 5e5}, {2: 5e5}, {60: 1.2e5, 61: 1.2e5, 64: 9e5}]
)
def test_bleeding_ends_where_charge_that_flows_both_ways_comes_to_rest(stars):
    line = default_rng(1).uniform(0, 5e4, 200)
    line[list(stars)] = list(stars.values())
    settled = bleed(np.stack([line, np.full(200, 5e4)], axis=1), 1e5)
    assert settled[:, 0] == pytest.approx(relaxed(line, 1e5), abs=0.1)
    assert (settled[:, 1] == 5e4).all()


def test_bleeding_conserves_charge_and_caps_it():
    charge = np.full((2048, 3), 100.0)
    charge[1000:1010, 1] = 8e6
    settled = bleed(charge, 77_400)
    assert settled.sum(axis=0) == pytest.approx(charge.sum(axis=0), rel=1e-12)
    assert settled.max() <= 77_400 + 1e-3
    full = (settled[:, 1] > 77_399).nonzero()[0]
    assert len(full) == pytest.approx(8e7 / 77_300, abs=2)
    assert full.mean() == pytest.approx(1004.5, abs=1)


def test_bleeding_takes_one_pass_over_each_saturated_column(monkeypatch):
    """However bright the star."""
    passes = []
    regress = detector.isotonic_regression
    monkeypatch.setattr(
        detector, "isotonic_regression", lambda y, **how: passes.append(y.size) or regress(y, **how)
    )
    charge = np.full((2048, 50), 100.0)
    charge[1000, :7] = 1e8
    bleed(charge, 77_400)
    assert passes == [2049] * 7


def test_pixels_with_bled_charge_are_flagged_and_not_counted():
    scene = SKY.copy()
    scene[140:160, 90:110] = 4e5
    settings = NO_DEFECTS | {"cte_residual": 0.0}
    sci, dq = expose(streams(), scene, NO_RAYS, 500.0, settings)
    wrong = np.abs(sci - scene) > 6 * np.sqrt(scene + 30)
    assert wrong.sum() > 4 * 400
    assert ((dq[wrong] & Dq.SATURATED) > 0).all()
    assert not good_pixels(sci, dq, **Mask().model_dump())[wrong].any()
    assert not (dq[:, :90] & Dq.SATURATED).any()


def test_defects_have_their_fractions_and_flags():
    chosen = {"hot_fraction": 0.02, "warm_fraction": 0.03, "unflagged_fraction": 0.01}
    settings = SETTINGS | chosen | {"unstable_fraction": 0.0, "unflagged_min_e_per_s": 0.12}
    shape = (1000, 1000)
    sky, none = np.full(shape, 50.0), np.zeros(shape, np.int32)
    sci, dq = expose(streams(), sky, none, 500.0, settings)
    for flag, fraction in ((Dq.HOT, 0.02), (Dq.WARM, 0.03)):
        assert ((dq & flag) > 0).mean() == pytest.approx(fraction, rel=0.03)
    # The faintest have 60 e-, of which noise of 9 e- hides none.
    found = (sci - 50 > 30) & (dq == 0)
    assert found.mean() == pytest.approx(0.01, rel=0.1)
    excess = (sci[found] - 50) / 500
    assert excess.max() < 2.2
    assert np.median(excess) == pytest.approx(2 / (1 / 0.12 + 1 / 2), rel=0.1)
    # About as many above x as 1 / x.
    above = [(excess > limit).mean() for limit in (0.2, 0.8)]
    assert above[0] / above[1] == pytest.approx((1 / 0.2 - 1 / 2) / (1 / 0.8 - 1 / 2), rel=0.1)


def test_exposures_share_what_persists_and_nothing_that_is_unstable():
    persistent = NO_DEFECTS | {"unflagged_fraction": 0.005, "unflagged_min_e_per_s": 0.3}
    unstable = NO_DEFECTS | {"unstable_fraction": 0.005, "unflagged_min_e_per_s": 0.3}
    for settings, shared in ((persistent, 1.0), (unstable, 0.0)):
        one, two = (
            expose(streams(noise=n, unstable=n), SKY, NO_RAYS, 500.0, settings)[0] > 120
            for n in (11, 12)
        )
        assert one.mean() == pytest.approx(0.005, abs=0.001)
        assert (one & two).sum() / one.sum() == pytest.approx(shared, abs=0.02)


def test_more_defects_leave_the_others_and_the_noise_as_they_are():
    few, many = (
        expose(
            streams(),
            SKY,
            NO_RAYS,
            500.0,
            SETTINGS | {"unflagged_fraction": fraction, "unflagged_min_e_per_s": 0.4},
        )
        for fraction in (0.001, 0.01)
    )
    assert (few[1] == many[1]).all()
    good = few[1] == 0
    found, among = (image[good] - 50 > 100 for image, _ in (few, many))
    assert found.sum() > 20
    assert among[found].all()
    assert (few[0] != many[0])[good].mean() == pytest.approx(0.01, abs=0.002)


def test_noise_and_defects_do_not_depend_on_cosmic_rays():
    with_rays, without = (
        expose(streams(), SKY, charge, 500.0, SETTINGS | {"cte_residual": 0.0})
        for charge in (rays(), NO_RAYS)
    )
    assert np.allclose(with_rays[0] - without[0], rays(), atol=1e-2)
    assert (with_rays[1] == without[1]).all()
    # Trails follow the columns of rays and change no other.
    charge = rays()
    charge[:, ::2] = 0
    trailed, bare = (expose(streams(), SKY, c, 500.0, SETTINGS, TRAPS)[0] for c in (charge, 0))
    assert (trailed[:, ::2] == bare[:, ::2]).all()
    assert np.abs(trailed - bare - charge).max() > 10


def spike(charge_e, sky_e, traps, row=20):
    """Return what a spike changes in a column of sky, from its own row on."""
    column = np.full((len(traps), 1), float(sky_e))
    before = deferred_charge(column, traps)
    column[row] += charge_e
    return (deferred_charge(column, traps) - before)[row:, 0].astype(float)


def test_few_traps_take_one_electron_each_and_release_them_exponentially():
    traps = np.full(400, 100.0)
    change = spike(1e4, 50, traps)
    volume = (10_050 / FULL_DEPTH_E) ** FILL_POWER - (50 / FULL_DEPTH_E) ** FILL_POWER
    assert -change[0] == pytest.approx(100 * volume, rel=0.01)
    after = np.arange(1, 380)[:, None]
    released = SPECIES_SHARE * np.exp(-(after - 1) / RELEASE_TRANSFERS)
    released = (released * (1 - np.exp(-1 / RELEASE_TRANSFERS))).sum(axis=1)
    assert change[1:] == pytest.approx(-change[0] * released, abs=0.01)
    assert change.sum() == pytest.approx(0, abs=0.01)


def test_trails_grow_with_rows_and_date():
    """The trap density of Massey et al. (2014): 2.40 a pixel on 2015-01-01."""
    assert TRAPS[0] == pytest.approx(2.40 * 875, rel=0.002)
    before, after = (traps_to_amplifier(date(2009, m, 1), [1.0])[0] for m in (5, 6))
    assert 0.9 < before < after < 1.3
    assert traps_to_amplifier(date(2001, 1, 1), [1000]).item() == 0
    near, far = (spike(1e4, 50, np.full(300, 2.4 * rows)) for rows in (200, 400))
    assert far[0] / near[0] == pytest.approx(2, rel=0.03)


def test_bright_stars_lose_what_their_photometry_lost():
    """Stars of 80,000 e- lose 4 % at most, far from the amplifier (Chiaberge, ISR ACS 2012-05)."""
    y, x = np.mgrid[-50:50, -20:21]
    star = 8e4 * np.exp(-(x**2 + y**2) / (2 * 0.85**2)) / (2 * np.pi * 0.85**2)
    traps = traps_to_amplifier(date(2011, 7, 1), np.full(100, 2000))
    change = deferred_charge(star + 30, traps)[np.hypot(x, y) < 3].sum() / star.sum()
    assert change == pytest.approx(-0.04, abs=0.005)


def test_no_packet_loses_more_than_it_has():
    traps = traps_to_amplifier(date(2019, 8, 1), np.full(400, 2048))
    change = spike(100, 1, traps)
    assert -100 < change[0] < -90
    assert change.sum() == pytest.approx(0, abs=0.1)
    assert (deferred_charge(np.full((20, 3), 0.0), traps[:20]) == 0).all()


def read_out_trap_by_trap(column, per_px, n_levels=1500):
    """Move each packet over each row to the amplifier, through traps at `n_levels` of volume."""
    depth = (np.arange(n_levels) + 0.5) / n_levels
    traps = per_px / n_levels * SPECIES_SHARE[:, None].astype(float)
    kept = np.exp(-1 / RELEASE_TRANSFERS.astype(float))[:, None]
    full = np.zeros((len(column), 3, n_levels))
    arrived = []
    for row, packet in enumerate(column):
        for here in full[row::-1]:
            packet += (here * (1 - kept) * traps).sum()
            here *= kept
            reached = depth < (packet / FULL_DEPTH_E) ** FILL_POWER
            packet -= ((1 - here[:, reached]) * traps).sum()
            here[:, reached] = 1
        arrived.append(packet)
    return np.array(arrived)


@pytest.mark.parametrize(("charge_e", "sky_e"), [(1000, 60), (10_000, 20)])
def test_one_pass_gives_what_a_readout_trap_by_trap_gives(charge_e, sky_e):
    """All transfers at once exaggerate the trail by about a tenth."""
    per_px, n_rows, row = 20.0, 110, 80
    column = np.full(n_rows, float(sky_e))
    sky = read_out_trap_by_trap(column, per_px)
    column[row] += charge_e
    slow = (read_out_trap_by_trap(column, per_px) - sky)[row:]
    slow[0] -= charge_e
    fast = spike(charge_e, sky_e, per_px * np.arange(1, n_rows + 1), row)
    assert fast[0] == pytest.approx(slow[0], rel=0.07)
    assert fast[1:] == pytest.approx(slow[1:], rel=0.12)


@pytest.mark.parametrize(("ver", "side"), [(1, 1), (2, -1)])
def test_trails_point_away_from_the_amplifier(ver, side):
    traps = traps_to_amplifier(MIDDLE, rows_from_amplifier(ver, SKY.shape))
    charge = NO_RAYS.copy()
    charge[150, 100] = 5000
    images = {
        residual: expose(
            streams(), SKY, charge, 500.0, NO_DEFECTS | {"cte_residual": residual}, traps
        )[0]
        for residual in (0.0, 0.25, 1.0)
    }
    quarter, whole = (images[r] - images[0.0] for r in (0.25, 1.0))
    assert quarter == pytest.approx(0.25 * whole, abs=0.02)
    assert whole[150, 100] < -300
    assert whole[150 + side, 100] > 60
    assert abs(whole[150 - side, 100]) < 1
    assert abs(whole[:, 100].sum() - whole[:, 99].sum()) < 10


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"unflagged_fraction": 1.5}, ["unflagged_fraction", "1.5", "less than or equal to 1"]),
        ({"unstable_fraction": -1}, ["unstable_fraction", "-1", "greater than or equal to 0"]),
        ({"unflagged_min_e_per_s": 0}, ["unflagged_min_e_per_s", "greater than 0", "[e-/s]"]),
        ({"unflagged_min_e_per_s": 3.0}, ["unflagged_min_e_per_s 3.0", "must not exceed"]),
        ({"cte_residual": 2}, ["cte_residual", "2", "less than or equal to 1"]),
        ({"cte_residual": "nan"}, ["cte_residual", "finite"]),
    ],
)
@pytest.mark.parametrize("section", ["simulation", "csst"])
def test_bad_values_are_refused_in_one_line(section, values, words):
    if section == "csst" and "cte_residual" in values:
        words = ["csst", "unknown key", "cte_residual"]
    with pytest.raises(ConfigError) as caught:
        load_config({section: values})
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
