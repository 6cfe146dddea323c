"""The reference: labels, clean images, and the AstroDrizzle run behind them."""

import errno
import hashlib
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import binary_dilation, map_coordinates, maximum_filter

from advice import advised, follow, nothing
from crstudy.core.errors import StudyError
from crstudy.data.exposure import read_exposure, read_images, write_images
from crstudy.reference.astrodrizzle import drizzle_group
from crstudy.reference.blot_coverage import MAX_LACKING, places_of_blot, without_reference
from crstudy.reference.labels import make_reference, write_reference
from project import SHARED
from synthetic_exposures import READ_NOISE_E, write_group

MIRROR = SHARED / "mast-mirror" / "mastDownload" / "HST"
#: Pixels away from the edges, where the derivative of AstroDrizzle is the pixel itself.
INSIDE = np.s_[3:-5, 3:-5]


def drizzle(paths, folder, *, grow=1, combine_type="median"):
    return drizzle_group(
        "test",
        paths,
        folder / "out",
        folder / "astrodrizzle.log",
        driz_cr_snr=(5.0, 1.5),
        driz_cr_scale=(1.2, 0.7),
        driz_cr_grow=grow,
        combine_type=combine_type,
    )


def driz_cr(sci, blot, sky, *, grow):
    """Return the outliers of AstroDrizzle's drizCR.py (3.11.0), independently coded."""
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    highest = maximum_filter(blot, footprint=cross)
    lowest = -maximum_filter(-blot, footprint=cross)
    derivative = np.maximum(highest - blot, blot - lowest)
    # The blotted median has its sky back, and drizCR adds it once more.
    noise = np.sqrt(np.abs(blot + sky) + READ_NOISE_E**2)
    residual = np.abs(sci - blot)
    first = residual > 1.2 * derivative + 5.0 * noise
    second = residual > 0.7 * derivative + 1.5 * noise
    outliers = second & binary_dilation(first, np.ones((3, 3)))
    return binary_dilation(outliers, np.ones((grow, grow)))


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    exposures = write_group(folder, n_chips=2)
    return exposures, drizzle([e.path for e in exposures], folder)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    paths = sorted(MIRROR.glob("*/*_flc.fits"))
    if not paths:
        pytest.skip(f"no real exposures: {MIRROR.parents[1].name} is not beside the checkout")
    scratch, home = tmp_path_factory.mktemp("scratch"), Path.cwd()
    before = {path: digest(path) for path in paths}, set(home.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        products = drizzle(list(reversed(paths)), tmp_path_factory.mktemp("real"))
    assert Path.cwd() == home
    assert list(scratch.iterdir()) == []
    assert ({path: digest(path) for path in paths}, set(home.iterdir())) == before
    return paths, products


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_positive_outliers_are_cosmic_rays():
    sci = np.array([[100, 10, 50, np.nan, np.inf, 100]], np.float32)
    blot = np.full((1, 6), 40, np.float32)
    flagged = np.array([[True, True, False, True, True, True]])
    no_reference = np.array([[False, False, False, False, False, True]])
    reference = make_reference(sci, blot, flagged, no_reference)
    assert_array_equal(reference.label, [[True, False, False, False, False, False]])
    assert_array_equal(reference.clean, [[40, 10, 50, np.nan, np.inf, 100]])
    assert reference.clean.dtype == reference.blot.dtype == np.float32


def test_reference_file_has_every_chip(synthetic, tmp_path):
    exposures, products = synthetic
    path = tmp_path / "reference.fits"
    for exposure, product in zip(exposures, products, strict=True):
        write_reference(path, exposure.path, product)
        for chip, rays in zip(
            read_exposure(exposure.path).chips, exposure.cosmic_rays, strict=True
        ):
            images = {n: read_images(path, n)[chip.extver] for n in ("LABEL", "CLEAN", "NOREF")}
            label, scored = images["LABEL"] == 1, images["NOREF"] == 0
            assert label[scored & (rays > 0)].mean() > 0.95
            assert label[scored & (rays == 0)].mean() < 1e-3
            assert_array_equal(images["CLEAN"][~label], chip.sci[~label])
            # Replaced pixels differ from the truth by no more than the noise of the sky.
            error = images["CLEAN"] - (chip.sci - rays)
            assert np.median(np.abs(error[label & scored])) < 10


def test_reference_of_another_exposure_is_refused(synthetic, tmp_path):
    other = tmp_path / "other.fits"
    names = ("BLOT", "CRMASK", "NOREF")
    write_images(other, {(name, 1): np.zeros((5, 5), np.float32) for name in names})
    write = partial(write_reference, tmp_path / "reference.fits", synthetic[0][0].path, other)
    what = "reference/labels: delete "
    again = partial(shutil.copy, synthetic[1][0], other)
    follow(what, write, again, match=rf"does not match SCI,1 .* Fix: delete {tmp_path} and run")


def test_crmask_is_the_documented_formula(synthetic):
    for exposure, product in zip(*synthetic, strict=True):
        header, blots = fits.getheader(product), read_images(product, "BLOT")
        masks = read_images(product, "CRMASK")
        for chip in read_exposure(exposure.path).chips:
            blot, sky = blots[chip.extver], np.float32(header[f"SKY{chip.extver}"])
            expected = driz_cr(chip.sci, blot, sky, grow=1)
            assert_array_equal(masks[chip.extver][INSIDE], expected[INSIDE])


def test_grow_is_the_side_of_a_box_and_non_finite_pixels_stay_alone(tmp_path):
    exposures = write_group(tmp_path)
    paths = [e.path for e in exposures]
    with fits.open(paths[0], mode="update") as hdus:
        hdus["SCI"].data[60:63, 20:23] = np.nan
    with fits.open(paths[1], mode="update") as hdus:
        # Flags of the archive must make no difference.
        hdus["DQ"].data[exposures[1].cosmic_rays[0] > 0] = 4096 | 8192
    products = drizzle(paths, tmp_path, grow=3)
    for path, product in zip(paths, products, strict=True):
        sci, blot = read_exposure(path).chips[0].sci, read_images(product, "BLOT")[1]
        assert np.isfinite(blot).all()
        sky = np.float32(fits.getheader(product)["SKY1"])
        expected = driz_cr(np.nan_to_num(sci), blot, sky, grow=3)
        assert_array_equal(read_images(product, "CRMASK")[1][INSIDE], expected[INSIDE])
    # The median of the two others stands in for the non-finite pixels.
    assert not read_images(products[0], "NOREF")[1][60:63, 20:23].any()
    # Where the first exposure has a hole, the second has but one other exposure.
    assert 1 <= read_images(products[1], "NOREF")[1][50:73, 10:33].sum() <= 16


def test_blot_is_on_the_scale_of_sci(synthetic):
    for exposure, product in zip(*synthetic, strict=True):
        blots, holes = read_images(product, "BLOT"), read_images(product, "NOREF")
        for chip in read_exposure(exposure.path).chips:
            scored = holes[chip.extver] == 0
            residual = (chip.sci - blots[chip.extver])[scored]
            # A sky of 40 e- left out, or rates instead of electrons, would show at once.
            assert abs(np.median(residual)) < 0.5
            assert 0.8 < scored.mean() < 1


def on_median(x, y):
    """Shift, turn, stretch and bend a chip of 300 x 400 px."""
    bent = x + 1e-5 * (x - 200) * (y - 150)
    return 12.25 + 1.02 * (bent - 0.03 * y), -9 + 1.02 * (0.03 * bent + y)


@pytest.mark.parametrize("seed", range(20))
def test_chips_lack_a_reference_where_a_lacking_pixel_weighs_in(seed):
    shape, lacking = (300, 400), np.zeros((340, 410), bool)
    lacking.flat[np.random.default_rng(seed).choice(lacking.size, 12, replace=False)] = True
    lacking[:3] = lacking[-3:] = lacking[:, :3] = lacking[:, -3:] = True
    x, y = on_median(*np.indices(shape)[::-1])
    assert y.min() < 0
    assert x.max() > 410
    x, y = np.clip(x, 0, 409), np.clip(y, 0, 339)
    left, below = np.minimum(x.astype(int), 408), np.minimum(y.astype(int), 338)
    right, above, dx, dy = left + 1, below + 1, x - left, y - below
    weight = (1 - dy) * ((1 - dx) * lacking[below, left] + dx * lacking[below, right])
    weight += dy * ((1 - dx) * lacking[above, left] + dx * lacking[above, right])
    found = without_reference(lacking, on_median, shape)
    assert_array_equal(found, weight >= MAX_LACKING)
    assert 0 < found[50:250, 50:350].mean() < 0.01


@pytest.mark.filterwarnings("ignore")
def test_coverage_is_looked_up_where_blotting_reads(synthetic):
    from drizzlepac.ablot import do_blot
    from stwcs.wcsutil import HSTWCS

    chip, median = (HSTWCS(str(e.path), ext=("SCI", 1)) for e in synthetic[0][:2])
    image = np.random.default_rng(1).random(median.array_shape, np.float32)
    # Blotting also scales by the area of the pixels.
    blotted, scale = (
        do_blot(one, median, chip, 1.0, interp="linear") for one in (image, np.ones_like(image))
    )
    x, y = places_of_blot(chip, median)(*(p.ravel() for p in np.indices(blotted.shape)[::-1]))
    inside = (np.minimum(x, y) >= 0) & (np.maximum(x, y) <= 127)
    expected = map_coordinates(image, [y, x], order=1, mode="nearest")
    assert 0.9 < inside.mean() < 1
    assert_allclose((blotted / scale).ravel()[inside], expected[inside], rtol=0, atol=1e-6)


def test_real_exposures(real, tmp_path):
    paths, products = real
    assert [p.name for p in products] == [f"{p.name[:9]}_drizzle.fits" for p in paths]
    fractions = []
    for path, product in zip(paths, products, strict=True):
        write_reference(tmp_path / "reference.fits", path, product)
        label = read_images(tmp_path / "reference.fits", "LABEL")[1]
        chip = read_exposure(path).chips[0]
        fractions.append(label[chip.dq == 0].mean())
        blot = read_images(product, "BLOT")[1]
        assert abs(np.median(chip.sci - blot)) < 0.3
        assert read_images(product, "NOREF")[1].mean() < 0.015
    # 200 s, pooled; a minor planet crosses the field and is labelled too.
    assert 0.006 < np.mean(fractions) < 0.008


def test_real_exposures_are_laid_on_the_sky(real):
    # They are flagged as a moving target's, which AstroDrizzle would stack pixel by pixel: then
    # every exposure would lack a reference at the same pixels, whatever its dither.
    holes = [read_images(product, "NOREF")[1] == 1 for product in real[1]]
    assert not np.logical_and.reduce(holes)[:, 3:-3].any()


def test_too_few_exposures(tmp_path):
    paths = [e.path for e in write_group(tmp_path)]
    few, all_three = partial(drizzle, paths[:2], tmp_path), partial(drizzle, paths, tmp_path)
    what = "reference/astrodrizzle: add exposures of the field or drop the group"
    follow(what, few, nothing, all_three, match=r"group test: has 2 exposure\(s\)")


def test_exposure_given_twice(tmp_path):
    paths = [e.path for e in write_group(tmp_path)]
    twice, once = (partial(drizzle, some, tmp_path) for some in ([*paths, paths[0]], paths))
    what = "reference/astrodrizzle: name each exposure once"
    follow(what, twice, nothing, once, match="exposure syn00000q more than once")


@pytest.mark.parametrize("shift_deg", [0.002, 180])
def test_exposure_off_the_field(tmp_path, shift_deg):
    paths = [e.path for e in write_group(tmp_path, n_exposures=4)]
    with fits.open(paths[1], mode="update") as hdus:
        hdus["SCI"].header["CRVAL1"] += shift_deg
    what, others = "reference/astrodrizzle: group exposures of one field", [paths[0], *paths[2:]]
    every, one_field = (partial(drizzle, some, tmp_path) for some in (paths, others))
    problem = "exposure syn00001q: the other exposures cover"
    follow(what, every, nothing, one_field, match=problem)


def test_missing_sky_coordinates(tmp_path):
    paths = [e.path for e in write_group(tmp_path)]
    shutil.copy(paths[1], tmp_path / "calibrated")
    fits.delval(paths[1], "CD1_1", "SCI")
    what = "reference/astrodrizzle: use a calibrated _flc.fits file"
    use = partial(shutil.copy, tmp_path / "calibrated", paths[1])
    problem = r"syn00001q_flc.fits: has no sky coordinates .*CD1_1"
    follow(what, partial(drizzle, paths, tmp_path), use, match=problem)


def test_mixed_astrometry_is_a_warning_and_missing_products_are_named(tmp_path, caplog):
    paths = [e.path for e in write_group(tmp_path, n_exposures=4)]
    # AstroDrizzle drops exposures of no length without an error.
    with fits.open(paths[1], mode="update") as hdus:
        hdus[0].header["EXPTIME"] = 0.0
        hdus["SCI"].header["WCSNAME"] = "OTHER"
    with pytest.raises(StudyError, match=r"group test: .*syn00001q_sci1_blt.fits") as caught:
        drizzle(paths, tmp_path)
    advised("reference/astrodrizzle: read ", caught.value)
    assert "mixes astrometric solutions (OTHER, SIMULATED)" in caplog.text
    assert not list((tmp_path / "out").glob("*"))
    assert "drizzlepac" in (tmp_path / "astrodrizzle.log").read_text(encoding="utf-8")
    assert len(drizzle([paths[0], *paths[2:]], tmp_path)) == 3


def test_a_full_scratch_disk(tmp_path, monkeypatch):
    paths = [e.path for e in write_group(tmp_path)]
    full, large = tmp_path / "full", tmp_path / "large"
    for folder in (full, large):
        folder.mkdir()
    copy = shutil.copyfile

    def fail(source, target):
        if str(target).startswith(str(full)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return copy(source, target)

    monkeypatch.setattr("tempfile.tempdir", str(full))
    monkeypatch.setattr("crstudy.reference.astrodrizzle.shutil.copyfile", fail)
    what = "reference/astrodrizzle: make room or let TMPDIR name a folder on a larger disk"
    use = partial(monkeypatch.setattr, "tempfile.tempdir", str(large))
    follow(what, partial(drizzle, paths, tmp_path), use)
