"""Simulated skies: published counts, light that is conserved, the same stars in every exposure."""

import galsim
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from numpy.random import default_rng

from crstudy.data.strata import Stratum
from crstudy.instrument.acs import chip_headers, dithered
from crstudy.simulation.acs import simulate_catalogue
from crstudy.simulation.skies.extended import _places, draw_extended
from crstudy.simulation.skies.galaxies import draw_galaxies, draw_magnitudes, rows
from crstudy.simulation.skies.populations import (
    Population,
    draw_population,
    mag_of_density,
    mean_flux,
)
from crstudy.simulation.skies.render import Light
from crstudy.simulation.skies.scene import FIELD_CLASSES, draw_scene, faint_stars
from tiny_exposures import TEMPLATES

POINTING = SkyCoord(10.0, 20.0, unit="deg")
ZERO_POINT_MAG = 26.5
SHAPE = (200, 240)
SIGMA_PX = 0.9


def stamp(x, y):
    """Draw a round Gaussian star at a detector position."""
    profile = galsim.Gaussian(sigma=SIGMA_PX)
    offset = galsim.PositionD(x - round(x), y - round(y))
    return profile.drawImage(
        nx=33, ny=33, scale=1.0, offset=offset, method="no_pixel", dtype=float
    ).array


def header(shape=SHAPE, shift=(0.0, 0.0)):
    """Return the header of a chip around `POINTING`."""
    undithered = chip_headers(TEMPLATES, POINTING, 1, shape)[0]
    return chip_headers(TEMPLATES, dithered(POINTING, undithered, *shift), 1, shape)[0]


def field(sources=None, populations=(), half_size=8.0, apart=15.0):
    """Return a catalogue of galaxies with faint stars around the middle of a chip."""
    middle = WCS(header()).pixel_to_world(SHAPE[1] / 2, SHAPE[0] / 2)
    table = rows([], [], [], [], [], [], []) if sources is None else sources
    sky = middle.spherical_offsets_by(table["dx"] * u.arcsec, table["dy"] * u.arcsec)
    table["ra"], table["dec"] = sky.ra.deg, sky.dec.deg
    table["flux"] = 10 ** (-0.4 * (table["mag"] - ZERO_POINT_MAG))
    table.meta = {
        "centre_ra": middle.ra.deg,
        "centre_dec": middle.dec.deg,
        "half_size_arcsec": half_size,
        "zero_point_mag": ZERO_POINT_MAG,
        "star_seed": 7,
        "told_apart_mag": apart,
        "populations": [p.__dict__ for p in populations],
    }
    return table


def draw(catalogue, **header_options):
    """Render on a chip of the tests."""
    wcs = WCS(header(**header_options))
    shape = header_options.get("shape", SHAPE)
    return draw_extended(catalogue, wcs, shape, stamp, (0, 0))


# Published numbers per square degree: r < 17.77 (Strauss et al. 2002) with F606W - r = 0.15; in
# i from 21 to 22 and from 24 to 25 (Weaver et al. 2022, Table 2, mean of two bins each) with
# F606W - i = 0.45; r < 16 from the first with a slope of 0.5 to 0.6 (Yasuda et al. 2001).
@pytest.mark.parametrize(
    ("low", "high", "published", "within"),
    [
        (14.0, 16.15, 9.0, 0.25),
        (14.0, 17.92, 92.0, 0.15),
        (21.45, 22.45, (10**3.85 + 10**4.03) / 2, 0.1),
        (24.45, 25.45, (10**4.86 + 10**4.97) / 2, 0.1),
        (26.45, 27.2, 0.75 * (10**5.29 + 10**5.35) / 2, 0.1),
    ],
)
def test_galaxies_are_as_many_as_published(low, high, published, within):
    area_deg2 = 12.0 if high < 18 else 0.3
    mag = draw_magnitudes(default_rng(1), area_deg2)
    found = ((mag > low) & (mag < high)).sum() / area_deg2
    assert found == pytest.approx(published, rel=within)


def test_half_of_the_extragalactic_fields_have_a_target():
    """Without one, a field of an arcminute has a galaxy of 17 mag in one of a hundred cases."""
    probability = FIELD_CLASSES["extragalactic"](default_rng(1)).target_probability
    bright = [
        (draw_galaxies(default_rng(seed), 28.0, probability)["mag"] < 17.6).any()
        for seed in range(200)
    ]
    assert 0.4 < np.mean(bright) < 0.6


def test_a_galaxys_parts_have_its_light():
    """Bulge, disc and knots of a field's brightest galaxy add up to a target's magnitude."""
    for seed in range(40):
        table = draw_galaxies(default_rng(seed), 1.0, 1.0)
        light = (10 ** (-0.4 * table["mag"])).sum()
        assert 13.9 < -2.5 * np.log10(light) < 17.05
        knots = table["sersic_n"] == 0.5
        if knots.any():
            discs = (table["sersic_n"] == 1.0) & (table["mag"] < 19.5)
            disc = (10 ** (-0.4 * table["mag"][discs])).sum()
            part = (10 ** (-0.4 * table["mag"][knots])).sum()
            assert part / (part + disc) == pytest.approx(0.07, abs=0.002)


@pytest.mark.parametrize("field_class", FIELD_CLASSES)
def test_stars_have_the_stated_counts_and_light(field_class):
    sky = FIELD_CLASSES[field_class](default_rng(4))
    for population in sky.populations:
        dx, dy, mag = draw_population(default_rng(5), population, 30.0)
        low, high = population.mag_bright, population.mag_faint
        assert mag.min() >= low and mag.max() <= high
        near = np.hypot(dx, dy) < 15
        if np.isinf(population.core_arcsec):
            expected = population.per_arcmin2 * np.pi / 16
        else:
            fall = 225 / (225 + population.core_arcsec**2)
            expected = population.per_arcmin2 * np.pi * population.core_arcsec**2 / 3600 * fall
        # The stars of associations are not independent.
        spread = 5 * np.sqrt(expected * (300 if population.clustered else 1))
        assert near.sum() == pytest.approx(expected, abs=spread + 0.05 * expected)
        if near.sum() > 5000:
            slope = population.slope
            counts, _ = np.histogram(mag, bins=[high - 1.5, high - 1.0, high - 0.5, high])
            assert np.diff(np.log10(counts)) == pytest.approx([slope / 2] * 2, abs=0.03)


def test_mean_flux_is_that_of_the_drawn_stars():
    population = Population(40000, 22.0, 27.0, 0.3)
    mag = draw_population(default_rng(3), population, 60.0)[2]
    for power in (1, 2):
        drawn = (10 ** (-0.4 * power * (mag - 25))).mean()
        assert drawn == pytest.approx(mean_flux(population, power) * 10 ** (10 * power), rel=0.03)


def test_crowding_sets_the_faintest_star_of_the_catalogue():
    population = Population(3600 * 8, 20.0, 28.0, 0.25)
    limit = mag_of_density([population], 3600.0)
    mag = draw_population(default_rng(3), population, 20.0)[2]
    assert (mag < limit).sum() / 40**2 == pytest.approx(1.0, abs=0.1)
    assert mag_of_density([population], 1e9) >= 28.0


@pytest.mark.parametrize("field_class", FIELD_CLASSES)
def test_the_catalogue_holds_the_stars_that_are_told_apart(field_class):
    table = draw_scene(default_rng(1), field_class, POINTING, 30.0, ZERO_POINT_MAG)
    stars = table[table["kind"] == "star"]
    limit = table.meta["told_apart_mag"]
    assert limit <= 26.0
    assert stars["mag"].max() < limit
    flux = faint_stars(table)[2]
    assert np.array_equal(flux, faint_stars(table)[2])
    assert flux.max(initial=0) <= 10 ** (-0.4 * (limit - ZERO_POINT_MAG))
    assert np.allclose(table["flux"], 10 ** (-0.4 * (table["mag"] - ZERO_POINT_MAG)))


def test_resolved_galaxies_have_the_stated_surface_brightness(tmp_path):
    """21.2 to 24.2 mag/arcsec2 in the middle, whatever part of it are stars that are drawn."""
    for seed in range(12):
        table = draw_scene(default_rng(seed), "resolved_galaxy", POINTING, 30.0, ZERO_POINT_MAG)
        population = Population(**table.meta["populations"][0])
        scale, lengths = population.scale_arcsec, population.centre_arcsec / population.scale_arcsec
        stars = sum(
            p["per_arcmin2"] * mean_flux(Population(**p)) for p in table.meta["populations"][:2]
        )
        # The diffuse disc is drawn last.
        disc = table[-1]
        scale_length = disc["half_light"] / 1.678
        assert scale_length == pytest.approx(scale)
        central = 10 ** (-0.4 * disc["mag"]) / (2 * np.pi * scale_length**2) * 3600
        light = stars + central * np.exp(-lengths)
        assert -2.5 * np.log10(light / 3600) == pytest.approx(20.9 + 1.0857 * lengths, abs=0.01)


@pytest.mark.parametrize("n", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("half_light", [0.03, 0.3, 1.0])
def test_a_galaxys_light_is_conserved(n, half_light):
    shape = (700, 700) if half_light * n > 1 else SHAPE
    galaxy = rows(0.0, 0.0, 18.0, n, half_light, 0.6, 40.0)
    catalogue = field(galaxy)
    middle = WCS(header(shape=shape)).pixel_to_world(shape[1] / 2 + 0.3, shape[0] / 2 - 0.2)
    catalogue["ra"], catalogue["dec"] = middle.ra.deg, middle.dec.deg
    image = draw(catalogue, shape=shape)
    # Up to a percent lies beyond the edge of a profile, and of 4 arcsec and n = 4 of the chip.
    lost = 0.08 if half_light * n > 3 else 0.02
    assert 1 - lost < image.sum() / galaxy["flux"][0] < 1.005


def test_galaxies_agree_with_galsim():
    """An elongated galaxy, convolved, with its cusp: position, angle and profile."""
    galaxy = rows(0.0, 0.0, 20.0, 2.5, 0.25, 0.5, 30.0)
    catalogue = field(galaxy)
    image = draw(catalogue)
    wcs = WCS(header())
    x, y = wcs.all_world2pix(catalogue["ra"], catalogue["dec"], 1)
    beta = np.arctan2(
        *(np.linalg.inv(wcs.pixel_scale_matrix) @ [np.sin(np.pi / 6), np.cos(np.pi / 6)])[::-1]
    )
    profile = galsim.Sersic(2.5, half_light_radius=5.0, flux=catalogue["flux"][0])
    profile = profile.shear(q=0.5, beta=beta * galsim.radians)
    image_of = galsim.ImageD(SHAPE[1], SHAPE[0], scale=1.0)
    galsim.Convolve(profile, galsim.Gaussian(sigma=SIGMA_PX)).drawImage(
        image_of, center=galsim.PositionD(x[0], y[0]), method="no_pixel"
    )
    expected = image_of.array
    # Cells are a little wider than points.
    assert abs(image - expected).max() < 0.03 * expected.max()
    assert abs(image - expected).sum() < 0.03 * expected.sum()


def test_faint_stars_fluctuate_as_their_fluxes_say():
    """Variance: stars per pixel times mean squared flux times the PSF's sum of squares."""
    population = Population(3.6e5, 24.0, 29.0, 0.3)
    catalogue = field(populations=[population], half_size=9.0)
    image = draw(catalogue)
    area = abs(np.linalg.det(WCS(header()).pixel_scale_matrix)) * 3600**2
    per_pixel = population.per_arcmin2 / 3600 * area
    scale = 10 ** (0.4 * ZERO_POINT_MAG)
    assert image.mean() == pytest.approx(per_pixel * mean_flux(population) * scale, rel=0.02)
    expected = per_pixel * mean_flux(population, 2) * scale**2 * (stamp(0, 0) ** 2).sum()
    # Phases within pixels change the sum of squares by a percent; few stars carry the variance.
    assert image.var() == pytest.approx(expected, rel=0.12)


def test_dithered_exposures_show_the_same_faint_stars():
    """Images moved back by the dither agree, to the size of cells."""
    catalogue = field(populations=[Population(20000, 24.0, 29.0, 0.3)], half_size=9.0)
    shift = (6.0, -4.0)
    first, moved = draw(catalogue), draw(catalogue, shift=shift)
    wcs, after = WCS(header()), WCS(header(shift=shift))
    sky = wcs.pixel_to_world(SHAPE[1] / 2, SHAPE[0] / 2)
    dx, dy = (
        float(a - b)
        for a, b in zip(after.world_to_pixel(sky), wcs.world_to_pixel(sky), strict=True)
    )
    ky, kx = np.fft.fftfreq(SHAPE[0])[:, None], np.fft.rfftfreq(SHAPE[1])

    def move(image, x, y):
        phase = np.exp(-2j * np.pi * (kx * x + ky * y))
        return np.fft.irfft2(np.fft.rfft2(image) * phase, SHAPE)

    inner = (slice(20, -20), slice(20, -20))
    exact = move(first, dx, dy)[inner]
    assert np.corrcoef(exact.ravel(), moved[inner].ravel())[0, 1] > 0.99
    # Half a pixel of error is seen at once.
    for wrong in ((dx + 0.5, dy), (dx, dy + 0.5)):
        other = move(first, *wrong)[inner]
        assert abs(other - moved[inner]).std() > 2 * abs(exact - moved[inner]).std()


def test_extended_light_is_drawn_in_blocks_without_seams(monkeypatch):
    catalogue = field(
        rows([1.0, -2.0], 0.5, [18.0, 21.0], [4.0, 1.0], [1.0, 0.3], 0.7, 20.0),
        [Population(20000, 24.0, 29.0, 0.3)],
    )
    whole = draw(catalogue)
    monkeypatch.setattr("crstudy.simulation.skies.extended.BLOCK_PX", 70)
    assert np.allclose(draw(catalogue), whole, atol=2e-5 * whole.max())


def test_a_field_without_stars_and_galaxies_is_dark():
    image = draw(field())
    assert image.shape == SHAPE
    assert not image.any()


@pytest.mark.parametrize("field_class", FIELD_CLASSES)
def test_every_field_class_can_be_drawn_on_an_arcsecond(field_class):
    """So small a field has no galaxy and mostly no star."""
    table = draw_scene(default_rng(2), field_class, POINTING, 0.5, ZERO_POINT_MAG)
    assert set(np.unique(table["kind"])) <= {"star", "galaxy"}


def test_catalogue_on_disk_gives_the_same_pixels(tmp_path, tiny_settings):
    settings = tiny_settings | {"field_classes": ["resolved_galaxy"]}
    catalogue = simulate_catalogue(3, 1, settings, TEMPLATES)
    catalogue.write(tmp_path / "catalogue.ecsv")
    read = Table.read(tmp_path / "catalogue.ecsv")
    assert all(
        np.array_equal(a, b) for a, b in zip(faint_stars(catalogue), faint_stars(read), strict=True)
    )


def test_stratum_is_extended_where_a_galaxy_dominates(tiny_settings):
    image = draw(field(rows(0.0, 0.0, 18.0, 1.0, 0.5, 1.0, 0.0)))
    star = np.zeros(SHAPE)
    star[10, 10] = 1.0
    strata = Light(star, np.zeros(SHAPE), image).strata(noise_e_per_s=0.01)
    y, x = np.unravel_index(image.argmax(), SHAPE)
    assert strata[y, x] == Stratum.EXTENDED
    assert strata[10, 10] == Stratum.STAR


def test_a_galaxy_may_lie_far_off_the_detector():
    """There the polynomials of the distortion have no inverse."""
    header = chip_headers(TEMPLATES, SkyCoord(30, 10, unit="deg"), 1, (512, 512))[0]
    wcs = WCS(header)
    middle = wcs.wcs.crpix - 1
    pixels = middle + np.array([[10, -5], [2000, 900], [4090, 0], [4110, 0], [11000, 4000]])
    galaxies = Table(wcs.wcs_pix2world(pixels, 0), names=("ra", "dec"))
    found = np.transpose(_places(galaxies, wcs))
    exact = wcs.all_world2pix(galaxies["ra"][:3], galaxies["dec"][:3], 0)
    np.testing.assert_allclose(found[:3], np.transpose(exact), atol=1e-3)
    moved = found - pixels
    np.testing.assert_allclose(moved[3], moved[2], atol=1.5)
    assert np.isfinite(moved).all()
    assert np.abs(moved[4]).max() < 1.5 * np.abs(moved[2]).max()


def test_a_surveys_fields_have_no_target():
    """Of a hundred fields of half an arcmin2 one has a galaxy of 17.6 mag by chance."""
    bright = 0
    for seed in range(60):
        options = (default_rng(seed), "extragalactic", POINTING, 20.0, ZERO_POINT_MAG)
        table = draw_scene(*options, pointed=False)
        bright += (table["mag"][table["kind"] == "galaxy"] < 17.6).any()
    assert bright <= 4
