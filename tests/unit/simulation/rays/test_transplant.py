"""Transplanted cosmic rays: the library of real events, and where and how they are placed."""

import shutil
from functools import partial

import numpy as np
import pytest
from astropy.table import Table
from scipy import ndimage

from advice import follow, nothing
from crstudy.simulation.rays.event_library import cut_events, make_library
from crstudy.simulation.rays.events import find_events, label_events
from crstudy.simulation.rays.faint_pixels import KEPT_SIGMA, draw_stamps
from crstudy.simulation.rays.tracks import CosmicRayModel, draw_cosmic_rays
from crstudy.simulation.rays.transplant import EventLibrary, draw_transplanted, read_library, turned
from project import ROOT, SHARED

LIBRARY = ROOT / "resources" / "events" / "uvis_go15460.ecsv"
EXPOSURES = sorted((SHARED / "mast-mirror").rglob("idsj02*_flc.fits"))
#: Of one pixel of 1 cm2, so that rates are per pixel.
SHAPE, CM_UM = (40, 50), 1e4


def library_of(*stamps, probability=None):
    n = len(stamps)
    return EventLibrary(
        tuple(np.array(stamp) for stamp in stamps), np.array(probability or [1 / n] * n), CM_UM
    )


@pytest.mark.skipif(len(EXPOSURES) != 8, reason="needs the exposures in ../shared/mast-mirror")
def test_library_is_made_anew_byte_for_byte(tmp_path):
    make_library(EXPOSURES).write(tmp_path / "library.ecsv", format="ascii.ecsv")
    assert (tmp_path / "library.ecsv").read_bytes() == LIBRARY.read_bytes()
    assert LIBRARY.stat().st_size < 1e6


def test_stamps_hold_the_charge_of_their_events():
    table = Table.read(LIBRARY)
    clean = table[table["clean"]]
    noise_e = np.median([one["noise_e"] for one in table.meta["exposures"]])
    stamps = read_library(LIBRARY, 15.0).stamps
    assert len(stamps) == len(clean) > 900
    for stamp, event in zip(stamps, clean, strict=True):
        assert stamp.min() >= 0
        if event["peak"] > KEPT_SIGMA * noise_e:
            assert stamp.max() == pytest.approx(event["peak"], abs=0.6)
    # The pixels around the footprints have some charge, too, and noise lifted the faint ones.
    total = sum(stamp.sum() for stamp in stamps)
    assert 1.0 < total / clean["charge"].sum() < 1.03


@pytest.mark.parametrize("field_free_um", [8.6, 9.15, 9.7])
def test_stamps_agree_with_the_true_charge_of_simulated_events(field_free_um):
    # Sky and noise of the exposures of GO-15460.
    shape, sky_e, noise_e = (1000, 1000), 20.0, 5.8
    model = CosmicRayModel(1.5, 15.0, 15.5, field_free_um, 0.05, 4.1, 0.35, 7.0, 1.0)
    rng = np.random.default_rng(21)
    rays = draw_cosmic_rays(rng, shape, 400.0, model)
    excess = rays + rng.poisson(sky_e, shape) - sky_e
    excess += rng.normal(0, np.sqrt(noise_e**2 - sky_e), shape)
    labels = label_events(excess, noise_e, np.ones(shape, bool))
    clean = find_events(excess, 0, noise_e, np.ones(shape, bool))["clean"].nonzero()[0] + 1
    stamps = draw_stamps(rng, list(cut_events(excess, labels, clean)), noise_e)
    true = [
        np.where(ndimage.binary_dilation(core, np.ones((3, 3))), charge, 0)
        for charge, (_, core) in zip(
            (cut for cut, _ in cut_events(rays, labels, clean)),
            cut_events(excess, labels, clean),
            strict=True,
        )
    ]
    drawn, truth = (np.concatenate([one.ravel() for one in some]) for some in (stamps, true))
    edges = noise_e * np.array([0.5, 1, 1.5, 2, 3, 5, 10, 1e6])
    expected = np.histogram(truth, edges)[0]
    assert expected.min() > 800
    np.testing.assert_allclose(np.histogram(drawn, edges)[0] / expected, 1, atol=0.12)
    assert drawn.sum() == pytest.approx(truth.sum(), rel=0.005)
    # Pixel by pixel, too: what is drawn errs by little more than the noise.
    faint = (truth > 1.5 * noise_e) & (truth < 3 * noise_e)
    assert np.std((drawn - truth)[faint]) < 1.2 * noise_e


def test_rates_add_up_and_count_large_events_for_those_cut_off():
    table = Table.read(LIBRARY)
    clean = table[table["clean"]]
    assert clean["rate"].sum() == pytest.approx(table.meta["rate_per_s_cm2"], rel=1e-3)
    area_s = sum(one["area_cm2"] * one["exptime_s"] for one in table.meta["exposures"])
    # Every event counted where it was searched for, clean or not: fragments at masks add some.
    assert table.meta["rate_per_s_cm2"] == pytest.approx(len(table) / area_s, rel=0.05)
    large = clean["n_3sigma"] > 25
    assert clean["rate"][large].min() > np.median(clean["rate"][clean["n_3sigma"] < 9])


def test_a_stamp_is_placed_whole():
    stamp = [[0, 10, 0], [30, 500, 40], [0, 20, 5]]
    image = draw_transplanted(np.random.default_rng(1), SHAPE, 1.0, 0.002, library_of(stamp))
    assert image.dtype == np.int32
    assert image.shape == SHAPE
    peaks = np.argwhere(image == 500)
    assert len(peaks) > 0
    for y, x in peaks:
        if 0 < y < SHAPE[0] - 1 and 0 < x < SHAPE[1] - 1:
            assert image[y - 1 : y + 2, x - 1 : x + 2].sum() == 605


def test_all_orientations_occur_alike():
    stamp = np.array([[1, 2], [3, 4]])
    assert len({turned(stamp, k).tobytes() for k in range(8)}) == 8
    rng = np.random.default_rng(2)
    # The first row is unlike in all eight.
    counts = dict.fromkeys([(1, 2), (2, 4), (4, 3), (3, 1), (1, 3), (3, 4), (4, 2), (2, 1)], 0)
    for _ in range(6000):
        image = draw_transplanted(rng, (2, 2), 1.0, 0.1, library_of(stamp))
        first_row = tuple(image[0].tolist())
        if image.sum() == 10 and first_row in counts:
            counts[first_row] += 1
    total = sum(counts.values())
    assert total > 200
    assert all(abs(count - total / 8) < 4 * np.sqrt(total / 8) for count in counts.values())


def test_number_of_events_is_poisson():
    rng = np.random.default_rng(3)
    counts = [
        draw_transplanted(rng, (30, 30), 2.0, 0.01, library_of([[1]])).sum() for _ in range(400)
    ]
    assert np.mean(counts) == pytest.approx(18, abs=4 * np.sqrt(18 / 400))
    assert np.var(counts) == pytest.approx(18, rel=0.3)


def test_density_is_uniform_up_to_the_edges():
    rng = np.random.default_rng(4)
    long, round_ = [[5] * 9], [[1, 1], [1, 1]]
    library = library_of(long, round_, probability=[0.3, 0.7])
    image = draw_transplanted(rng, SHAPE, 1.0, 20.0, library)
    expected = 20 * (0.3 * 45 + 0.7 * 4)
    for part in (image[0], image[-1], image[:, 0], image[:, -1], image[10:30, 10:40]):
        # Charge of a pixel: a Poisson number of events with 5 or 1 e-; neighbours share events.
        error = np.sqrt(20 * (0.3 * 9 * 25 + 0.7 * 4) * 9 / part.size)
        assert part.mean() == pytest.approx(expected, abs=4 * error)


def test_probabilities_are_kept():
    library = library_of([[1]], [[1000]], probability=[0.9, 0.1])
    image = draw_transplanted(np.random.default_rng(5), SHAPE, 1.0, 5.0, library)
    assert (image // 1000).sum() == pytest.approx(1000, abs=4 * np.sqrt(1000))
    assert (image % 1000).sum() == pytest.approx(9000, abs=4 * np.sqrt(9000))


def test_same_seed_same_image():
    library = read_library(LIBRARY, 15.0)
    first, second, other = (
        draw_transplanted(np.random.default_rng(seed), (200, 200), 500.0, 1.2, library)
        for seed in (6, 6, 7)
    )
    assert first.any()
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_no_time_no_events():
    image = draw_transplanted(np.random.default_rng(8), SHAPE, 0.0, 1.2, library_of([[1]]))
    assert not image.any()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("absent", "no such file"),
        ("blank", "truncated or not an event library"),
        ("rows lost", "truncated: [0-9]+ events are missing"),
        ("row cut", "truncated"),
        ("header cut", "truncated or not an event library"),
        ("no stamps", "holds no stamp"),
        ("no column", "truncated or not an event library"),
    ],
)
def test_a_faulty_library_is_refused(tmp_path, fault, message):
    path = tmp_path / "library.ecsv"
    text = LIBRARY.read_text(encoding="utf-8")
    if fault == "blank":
        path.write_text("", encoding="utf-8")
    elif fault == "rows lost":
        path.write_text(text[: text.rindex("\n", 0, 50_000) + 1], encoding="utf-8")
    elif fault == "row cut":
        path.write_text(text[: text.rindex(",", 0, 50_000)], encoding="utf-8")
    elif fault == "header cut":
        path.write_text(text[:2000], encoding="utf-8")
    elif fault in ("no stamps", "no column"):
        table = Table.read(LIBRARY)
        if fault == "no stamps":
            table = table[~table["clean"]]
            table.meta["n_events"] = len(table)
        else:
            table.remove_column("stamp")
        table.write(path, format="ascii.ecsv")
    what = "simulation/rays/transplant: restore it from the repository or make it with"
    restore = partial(shutil.copy, LIBRARY, path)
    assert follow(what, partial(read_library, path, 15.0), restore, match=message).stamps


def test_another_pixel_size_is_refused(tmp_path):
    path = tmp_path / "other.ecsv"
    text = LIBRARY.read_text(encoding="utf-8")
    path.write_text(text.replace("pixel_um: 15.0", "pixel_um: 10.0"), encoding="utf-8")
    what = "simulation/rays/transplant: set cosmic_rays.library to one of that pixel size, or"
    problem = "its pixels are 15 um, those of the simulated camera 10"
    wrong, right = (partial(read_library, one, 10.0) for one in (LIBRARY, path))
    follow(what, wrong, nothing, right, match=problem)
