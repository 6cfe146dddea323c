"""Bare sky of an empty field: background, noise, and what is masked."""

from functools import partial

import numpy as np
import pytest
from astropy.io import fits

from advice import follow, nothing
from crstudy.data.exposure import read_images
from crstudy.simulation.rays.empty_field import read_empty_field
from crstudy.simulation.rays.events import find_events
from project import SHARED

EXPOSURES = sorted((SHARED / "mast-mirror").rglob("*_flc.fits"))
needs_exposures = pytest.mark.skipif(
    len(EXPOSURES) != 8, reason="needs the exposures in ../shared/mast-mirror"
)


@needs_exposures
def test_real_exposures_of_an_empty_field():
    fields = list(read_empty_field(EXPOSURES))
    assert [field.name for field in fields] == [path.name[:9] for path in EXPOSURES]
    for field in fields:
        # Photons and 3.08 e- of read noise; the correction of charge transfer adds some per cent.
        expected = np.sqrt(np.median(field.background_e) + 3.08**2)
        assert 1.03 < np.median(field.sigma_e) / expected < 1.08
        excess = (field.image_e - field.background_e)[field.valid]
        assert abs(np.median(excess)) < 0.05 * expected
        assert 0.85 < field.valid.mean() < 0.95
    # The minor planet and the largest galaxy of the first exposure.
    assert not fields[0].valid[263, 247]
    assert not fields[0].valid[383, 388]


@needs_exposures
def test_events_do_not_come_back_where_they_were():
    """Sources, hot pixels and the minor planet would be found in every exposure."""
    peaks = np.zeros((512, 513), int)
    for field in read_empty_field(EXPOSURES):
        events = find_events(field.image_e, field.background_e, field.sigma_e, field.valid)
        peaks[events["y"].round().astype(int), events["x"].round().astype(int)] += 1
    # 1,350 events at random in 263,000 pixels: about three pairs.
    assert (peaks > 1).sum() < 12
    assert peaks.max() < 3


def fields(paths):
    return list(read_empty_field(paths))


def simulated_exposures(mirror):
    return sorted((mirror / "mastDownload").rglob("jsim0010?_flc.fits"))


def test_cosmic_rays_of_simulated_exposures_are_found_where_they_are(tiny_mirror):
    for field in read_empty_field(simulated_exposures(tiny_mirror)):
        events = find_events(field.image_e, field.background_e, field.sigma_e, field.valid)
        charge = read_images(tiny_mirror / f"{field.name}_truth.fits", "CR")[1]
        # The median of only three others leaves faint knots of galaxies.
        clean = events[events["clean"] & (events["charge"] > 300)]
        assert len(clean) > 10
        true = charge[clean["y"].round().astype(int), clean["x"].round().astype(int)]
        assert np.all(true > 0)


def test_a_crowded_field_is_refused(tiny_mirror, tmp_path):
    paths = []
    for path in simulated_exposures(tiny_mirror):
        paths.append(tmp_path / path.name)
        with fits.open(path) as hdus:
            columns = np.arange(hdus["SCI"].data.shape[1])
            hdus["SCI"].data += np.float32(1000) * (np.sin(columns / 20) > 0)
            hdus.writeto(paths[-1])
    what = "simulation/rays/empty_field: use exposures of a nearly empty field"
    crowded, empty = (partial(fields, some) for some in (paths, simulated_exposures(tiny_mirror)))
    problem = r"jsim00101: only [0-9]+ % of its pixels are bare sky"
    assert len(follow(what, crowded, nothing, empty, match=problem)) == 4


def test_exposures_that_do_not_go_together_are_refused(tiny_mirror, tmp_path):
    paths = simulated_exposures(tiny_mirror)
    what = "simulation/rays/empty_field: give more than 3 of one field"
    few, enough = partial(fields, paths[:3]), partial(fields, paths)
    follow(what, few, nothing, enough, match="3 exposures")
    small = tmp_path / "a_flc.fits"
    with fits.open(paths[0]) as hdus:
        for hdu in hdus[1:]:
            hdu.data = None if hdu.data is None else hdu.data[:64, :64]
        hdus.writeto(small)
    what = "simulation/rays/empty_field: give those of one mode"
    follow(what, partial(fields, [*paths, small]), nothing, enough, match="different shapes")
