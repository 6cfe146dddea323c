"""Stars and sources of a made-up CSST tile, on its original and on repaired images."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack
from astropy.wcs import WCS

from crstudy.csst.detections import catalogue_table, compare_catalogues
from crstudy.csst.scores import ALL
from crstudy.csst.star_fluxes import ORIGINAL, find_true_stars, measure_tile
from crstudy.csst.star_profiles import measure_stars
from crstudy.csst.tuning import THRESHOLD, UNCHANGED
from crstudy.data.chips import ChipProducts, Truth
from crstudy.instrument.csst_psf import effective_psf
from csst_tables import RESAMPLING

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


def sources(method, remedy, false, lost, time=150.0):
    names = ("method", "remedy", "false", "lost", "sources", "area_deg2", "exptime_s")
    table = Table(rows=[(method, remedy, false, lost, 100, 1e-4, time)], names=names)
    table["field_class"] = "globular_cluster"
    return table


def test_wrong_sources_per_square_degree_and_their_paired_differences():
    fields = [
        vstack(
            [
                sources(ORIGINAL, UNCHANGED, 30 + n, 2),
                sources("zb20-f606w", UNCHANGED, n, 3),
                *([sources("lacosmic", UNCHANGED, 5, 5)] if n else []),
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
