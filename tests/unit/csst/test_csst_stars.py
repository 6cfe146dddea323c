"""Stars and sources of a made-up CSST tile, on its original and on repaired images."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack
from astropy.wcs import WCS

from crstudy.csst.biases import bias_table, median_of_fields
from crstudy.csst.detections import catalogue_table, compare_catalogues
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL, find_true_stars, measure_tile
from crstudy.csst.star_profiles import measure_stars
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.data.chips import ChipProducts, Truth
from crstudy.figures import csst_bias
from crstudy.instrument.csst_psf import effective_psf
from crstudy.metrics.bootstrap import bootstrap, median
from csst_tables import RESAMPLING, sources
from figure_tables import drawn

SETTINGS = {
    "detect_rms": 3.0,
    "min_area_px": 5,
    "max_elongation": 1.5,
    "edge_fraction": 0.0625,
    "match_arcsec": 0.1,
    "min_radius_px": 3.0,
    "max_excluded": 0.1,
    "background_box_px": 64,
}
CSST = {"pixel_scale_arcsec": 0.072, "psf_ree80_arcsec": 0.15, "psf_moffat_beta": 3.5}
CSST |= {"psf_ellipticity": 0.0}
PLACES, FLUX = ((40.2, 40.0), (80.0, 90.3)), 6000
NONE, REPAIRED = (ORIGINAL, UNCHANGED), ("lacosmic", UNCHANGED)


def star(x, y, flux=FLUX):
    """Return a tile with nothing but a star."""
    stamp = effective_psf(CSST).drawImage(
        nx=128, ny=128, scale=1, method="no_pixel", offset=(x - 63.5, y - 63.5)
    )
    return flux * stamp.array


@pytest.fixture(scope="module")
def tile():
    """Return a chip of blank sky with two stars, one of which a cosmic ray hit."""
    rng = np.random.default_rng(1)
    scene = 30.0 + star(*PLACES[0]) + star(*PLACES[1])
    clean = (rng.poisson(scene) + rng.normal(0, 5, scene.shape)).astype(np.float32)
    cr = np.zeros(scene.shape, np.int32)
    cr[40, 41] = 2000
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-2e-5, 2e-5]
    wcs.wcs.crpix, wcs.wcs.crval = [64, 64], [10.0, 5.0]
    everywhere = np.ones(scene.shape, bool)
    truth = Truth(cr, scene.astype(np.float32), 0.0, 5.0)
    header = fits.Header()
    return ChipProducts(
        "csst001-0150", 1, header, 150.0, wcs, clean + cr, clean, 0 * cr, cr > 0, everywhere,
        truth=truth,
    )  # fmt: skip


def catalogue(tile, *kinds):
    ra, dec = tile.wcs.all_pix2world(*np.transpose(PLACES), 0)
    return Table({"kind": kinds, "ra": ra, "dec": dec, "flux": [20.0, 20.0], "mag": [21.0, 22.0]})


@pytest.fixture(scope="module")
def stars(tile):
    return find_true_stars(tile, catalogue(tile, "star", "star"), SETTINGS)


def test_galaxies_are_no_stars(tile, stars):
    assert stars["mag"].tolist() == [21.0, 22.0]
    assert len(find_true_stars(tile, catalogue(tile, "star", "galaxy"), SETTINGS)) == 1


def test_fluxes_differ_by_cosmic_rays_alone(tile, stars):
    images = {NONE: tile.original, REPAIRED: tile.clean}
    table = measure_tile(tile, stars, images, SETTINGS)
    assert len(table) == 4
    added = np.asarray(table["flux"] - table["flux_clean"])
    assert added == pytest.approx([2000, 0, 0, 0], abs=0.5)
    assert table["cr_true"].tolist() == [2000, 0, 2000, 0]
    assert (table["sigma"] < 150).all()


def test_images_and_stars_keep_their_order(tile, stars):
    images = {NONE: tile.original, REPAIRED: tile.clean, ("cosmic-conn", UNCHANGED): tile.clean}
    table = measure_stars(tile, stars, images, SETTINGS, CSST)
    assert table["method"].tolist() == [ORIGINAL] * 2 + ["lacosmic"] * 2 + ["cosmic-conn"] * 2
    assert table["star"].tolist() == [1, 2] * 3


def test_field_without_stars_has_no_rows(tile):
    none = find_true_stars(tile, catalogue(tile, "galaxy", "galaxy"), SETTINGS)
    table = measure_stars(tile, none, {NONE: tile.original}, SETTINGS, CSST)
    assert len(table) == 0
    assert {"flux", "psf_flux", "dx_mas", "moments", "method"} <= set(table.colnames)


def profiles(tile, stars, image, clean=None):
    """Return the first star on an image."""
    if clean is not None:
        tile = replace(tile, clean=clean)
    return measure_stars(tile, stars, {NONE: image}, SETTINGS, CSST)[0]


def test_psf_flux_is_that_of_least_squares(tile, stars):
    row = profiles(tile, stars, tile.original)
    # The sky that SEP measures differs from the true one, for both images alike.
    pixels = np.s_[35:46, 35:46]
    model = star(*PLACES[0], 1)[pixels].ravel()
    weight = 1 / np.sqrt(tile.truth.scene[pixels] + 25).ravel()
    fluxes = [
        np.linalg.lstsq((weight * model)[:, None], weight * (image[pixels] - 30).ravel())[0][0]
        for image in (tile.original, tile.clean)
    ]
    assert row["psf_flux"] - row["psf_flux_clean"] == pytest.approx(np.subtract(*fluxes), rel=1e-4)
    assert row["psf_flux_clean"] == pytest.approx(FLUX, abs=4 * float(row["psf_sigma"]))
    assert row["psf_sigma"] == pytest.approx(((weight * model) ** 2).sum() ** -0.5, rel=1e-4)


def test_lost_light_changes_the_fluxes_by_as_much_and_nothing_else(tile, stars):
    sky = np.full((128, 128), 30, np.float32)
    clean = sky + star(*PLACES[0]) + star(*PLACES[1])
    row = profiles(tile, stars, sky + star(*PLACES[0], 0.9 * FLUX), clean)
    assert row["flux"] / row["flux_clean"] == pytest.approx(0.9, abs=1e-3)
    assert row["psf_flux"] / row["psf_flux_clean"] == pytest.approx(0.9, abs=1e-3)
    for name in ("dx_mas", "dy_mas", "size_change", "e1_change", "e2_change"):
        assert row[name] == pytest.approx(0, abs=0.02), name


def test_moved_and_elongated_star(tile, stars):
    sky = np.full((128, 128), 30, np.float32)
    clean = sky + star(*PLACES[0])
    x, y = PLACES[0]
    moved = profiles(tile, stars, sky + star(x + 0.1, y - 0.2), clean)
    # Moments of so coarse pixels depend on where in a pixel the centre lies: 1 %.
    assert moved["dx_mas"] == pytest.approx(7.2, rel=0.02)
    assert moved["dy_mas"] == pytest.approx(-14.4, rel=0.02)
    assert moved["size_change"] == pytest.approx(0, abs=5e-3)
    double = (star(x - 0.5, y) + star(x + 0.5, y)) / 2
    wide = profiles(tile, stars, sky + double, clean)
    # 0.25 px2 more along x: of about 1 px2, so that e1 is 0.25 / 2.25.
    assert wide["e1_change"] == pytest.approx(0.11, abs=0.03)
    assert wide["e2_change"] == pytest.approx(0, abs=0.01)
    assert wide["size_change"] == pytest.approx(0.06, abs=0.02)


def test_moments_that_fail_are_missing(tile, stars):
    row = profiles(tile, stars, np.full_like(tile.clean, -1000))
    assert row["moments"]
    assert np.isnan(row["dx_mas"])


def test_false_and_lost_sources_are_counted(tile):
    one = tile.clean + np.float32(3000) * (star(20, 100) + star(100, 20)) / FLUX
    other = tile.clean - star(*PLACES[1]).astype(np.float32)
    images = {NONE: one, REPAIRED: tile.clean, ("lacosmic", THRESHOLD): other}
    table = compare_catalogues(tile, images, SETTINGS)
    assert table["false"].tolist() == [2, 0, 0]
    assert table["lost"].tolist() == [0, 0, 1]
    assert table["sources"].tolist() == [2, 2, 2]
    assert table["area_deg2"][0] == pytest.approx((128 * 2e-5) ** 2, rel=1e-6)


def test_wrong_sources_per_square_degree_and_their_paired_differences():
    fields = [
        vstack(
            [
                sources(ORIGINAL, UNCHANGED, 30 + n, 2),
                sources("zb20-f606w", UNCHANGED, n, 3),
                *([sources("lacosmic", THRESHOLD, 5, 5)] if n else []),
            ]
        )
        for n in range(4)
    ]
    table = catalogue_table(fields, RESAMPLING)
    rows = {(r["method"], r["field_class"]): r for r in table}
    net = rows["zb20-f606w", ALL]
    assert (net["false"], net["lost"], net["sources"], net["fields"]) == (6, 12, 400, 4)
    assert net["false_per_deg2"] == pytest.approx(6 / 4e-4)
    assert net["wrong_per_deg2"] == pytest.approx(18 / 4e-4)
    assert net["wrong_per_1000"] == pytest.approx(45)
    assert net["wrong_per_1000_lo"] < 45 < net["wrong_per_1000_hi"]
    # 29 fewer in every field: the interval has no width.
    for end in ("", "_lo", "_hi"):
        assert net[f"minus_none{end}"] == pytest.approx(-29e4)
    # On the three fields that both have: 6 + 9 less 30.
    assert net["minus_lacosmic"] == pytest.approx(-15 / 3e-4)
    assert np.isnan(rows[ORIGINAL, ALL]["minus_none"])


def measured(field, rng):
    """Return stars of a field on two images: half of them fainter, some moments missing."""
    n = 40
    table = Table({"star": np.arange(n), "mag": rng.uniform(18, 24, n)})
    table["flux_clean"], table["psf_flux_clean"], table["sigma"] = 1000.0, 900.0, 20.0
    table["psf_sigma"], table["moments"] = 15.0, table["star"] > 1
    table["cr_true"] = np.where(table["star"] < 10, 500.0, np.where(table["star"] < 12, 10, 0))
    table["exptime_s"], table["remedy"] = 150.0, UNCHANGED
    images = []
    for method in (ORIGINAL, "zb20-f606w"):
        image = table.copy()
        image["method"] = method
        image["flux"] = 1000 * rng.lognormal(0, 0.05, n)
        image["psf_flux"] = 900 * rng.lognormal(0, 0.05, n)
        image["flux"][field] = -5
        for name in ("dx_mas", "dy_mas", "size_change", "e1_change", "e2_change"):
            image[name] = np.where(table["star"] > 2, rng.normal(0, 1, n), np.nan)
        images.append(image)
    return vstack(images)


@pytest.fixture(scope="module")
def fields():
    rng = np.random.default_rng(3)
    return [measured(field, rng) for field in range(4)]


@pytest.fixture(scope="module")
def biases(fields):
    return bias_table(fields, 3.0, RESAMPLING)


def test_figure_shows_the_biases_of_the_table(biases):
    table = biases.copy()
    table.meta |= {"dataset": "csst", "observed_with": "made up", "missing": {}}
    figure = csst_bias.draw(table)
    lines = drawn(figure.axes[0], figure.legends[0])
    some = table[(table["population"] == "hit") & (table["quantity"] == "psf")]
    binned = np.isfinite(some["mag_lo"]) | np.isfinite(some["mag_hi"])
    some = some[binned & (some["method"] == "zb20-f606w")]
    assert lines["deepCR (zb20)"] == pytest.approx(list(some["median"]))
    assert "150 s" in figure.get_suptitle()


def test_biases_are_those_of_the_stars_of_each_bin(fields, biases):
    table = biases
    assert len(table) == 2 * 3 * 4 * 5
    stars = vstack(fields)
    stars["field"] = np.repeat(np.arange(4), 80)
    for row in table:
        some = stars[(stars["method"] == row["method"]) & (stars["mag"] >= row["mag_lo"])]
        some = some[some["mag"] < row["mag_hi"]]
        if row["population"] != "all":
            some = some[
                (some["cr_true"] == 500) if row["population"] == "hit" else some["cr_true"] == 0
            ]
        psf = row["quantity"] == "psf"
        if row["quantity"] in ("aperture", "psf"):
            flux, clean = (some["psf_flux"], 900) if psf else (some["flux"], 1000)
            far = (np.abs(flux - clean) > 3 * (15 if psf else 20)).mean()
            assert row["beyond_fraction"] == pytest.approx(far)
            positive = flux > 0
            values = -2500 * np.log10(flux[positive] / clean)
            assert row["failed"] == (~positive).sum()
        else:
            kept = some["star"] > 2
            moments = some[kept]
            values = {
                "centroid": np.hypot(moments["dx_mas"], moments["dy_mas"]),
                "size": 100 * moments["size_change"],
                "ellipticity": np.hypot(moments["e1_change"], moments["e2_change"]),
            }[row["quantity"]]
            assert np.isnan(row["beyond_fraction"])
            assert row["failed"] == (some["star"] == 2).sum()
        assert row["stars"] == len(values)
        assert row["median"] == pytest.approx(np.median(values))
        assert row["rms"] == pytest.approx(np.sqrt(np.mean(values**2)))
        assert [row["p16"], row["p84"]] == pytest.approx(
            list(np.percentile(values, (15.87, 84.13)))
        )


def test_without_stars_there_are_no_biases(fields):
    empty = [field[:0] for field in fields]
    table = bias_table(empty, 3.0, RESAMPLING)
    assert len(table) == 0
    assert csst_bias.draw(table).axes[0].texts
    assert len(bias_table([*empty, fields[0]], 3.0, RESAMPLING)) == 2 * 3 * 4 * 5


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_median_of_fields_is_that_of_the_bootstrap(count):
    rng = np.random.default_rng(count)
    values, field = rng.normal(size=count).round(1), rng.integers(0, 4, count)
    found = median_of_fields(values, field, 4, RESAMPLING)
    # All fields are drawn, those without a star, too.
    empty = np.setdiff1d(np.arange(4), field)
    if not len(empty):
        assert found == pytest.approx(bootstrap(median(values), field, **RESAMPLING), nan_ok=True)
    assert found[0] == np.median(values)
