"""Render the noiseless sky of a chip with GalSim."""

from dataclasses import dataclass

import galsim
import numpy as np
from astropy.table import Row, Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.data.strata import brightest_component
from crstudy.instrument.drawn_psf import DrawnPsf
from crstudy.simulation.stars import draw_stars

#: Mean pixel scale of ACS/WFC, for galaxy sizes.
PIXEL_SCALE_ARCSEC = 0.05
#: Room around a galaxy for the PSF.
MARGIN_PX = 16
#: Galaxies larger than this are not convolved: the PSF changes nothing on their scale.
EXTENDED_HALF_LIGHT_PX = 100.0


@dataclass(frozen=True)
class Light:
    """Count rate of the sources on a chip, e-/s/px, by component; arrays of shape (ny, nx).

    Attributes
    ----------
    star, saturated_star : ndarray, float64
        Stars without and with a saturated pixel.
    extended : ndarray, float64
        Galaxies, and stars too faint to be told apart.
    """

    star: NDArray[np.float64]
    saturated_star: NDArray[np.float64]
    extended: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """Count rate of all sources, e-/s/px."""
        # Fourier transforms and the wings of an interpolated PSF dip a little below zero.
        return np.maximum(self.star + self.saturated_star + self.extended, 0)

    def strata(self) -> NDArray[np.uint8]:
        """Return the component with the most light in each pixel."""
        return brightest_component(self.star, self.saturated_star, self.extended)


def render_chip(
    catalogue: Table,
    wcs: WCS,
    shape: tuple[int, int],
    psf: DrawnPsf,
    corner: tuple[float, float],
    saturation_e_per_s: float,
    faintest_e_per_s: float,
) -> Light:
    """Render stars and galaxies on a chip.

    Parameters
    ----------
    catalogue : Table
        Sources of `crstudy.simulation.scene.draw_scene`.
    wcs : WCS
        World coordinates of the chip, with distortion.
    shape : (int, int)
        Rows and columns of the image.
    psf : DrawnPsf
        Effective PSF of the exposure.
    corner : (float, float)
        Detector x and y of the image's first pixel, px.
    saturation_e_per_s : float
        Rate above which a pixel saturates in this exposure, e-/s.
    faintest_e_per_s : float
        Wings of stars that are fainter are not drawn, e-/s/px.

    Returns
    -------
    Light

    Notes
    -----
    The distortion moves sources but does not shear galaxies, nor change the light per pixel
    with the pixel's area: both are constant over a small dither.
    """
    x, y = wcs.all_world2pix(catalogue["ra"], catalogue["dec"], 1)
    is_star = np.asarray(catalogue["kind"] == "star")
    flux = np.asarray(catalogue["flux"], dtype=float)
    star, saturated_star = draw_stars(
        x[is_star],
        y[is_star],
        flux[is_star],
        shape,
        psf,
        corner,
        saturation_e_per_s,
        faintest_e_per_s,
    )
    galaxies = catalogue[~is_star]
    extended = _draw_galaxies(galaxies, x[~is_star], y[~is_star], shape, psf, corner)
    return Light(star, saturated_star, extended)


def _draw_galaxies(
    galaxies: Table,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    shape: tuple[int, int],
    psf: DrawnPsf,
    corner: tuple[float, float],
) -> NDArray[np.float64]:
    """Draw galaxies; focus and jitter change too little on their scale."""
    image = galsim.ImageD(shape[1], shape[0], scale=1.0, init_value=0.0)
    margin = MARGIN_PX + 10 * np.asarray(galaxies["half_light"]) / PIXEL_SCALE_ARCSEC
    near = (x > -margin) & (x < shape[1] + margin) & (y > -margin) & (y < shape[0] + margin)
    for i in near.nonzero()[0]:
        local = psf.grid.at(x[i] + corner[0], y[i] + corner[1], psf.optics.width)
        stamp = _draw(galaxies[i], local, galsim.PositionD(x[i], y[i]))
        overlap = stamp.bounds & image.bounds
        if overlap.isDefined():
            image[overlap] += stamp[overlap]
    return image.array


def _draw(galaxy: Row, psf: galsim.GSObject, centre: galsim.PositionD) -> galsim.Image:
    """Draw a galaxy on a stamp; the PSF holds the pixel response, hence no_pixel."""
    half_light = galaxy["half_light"] / PIXEL_SCALE_ARCSEC
    profile = galsim.Sersic(
        n=galaxy["sersic_n"], half_light_radius=half_light, flux=galaxy["flux"], trunc=0
    ).shear(q=galaxy["axis_ratio"], beta=galaxy["pa"] * galsim.degrees)
    if half_light <= EXTENDED_HALF_LIGHT_PX:
        profile = galsim.Convolve(profile, psf)
    size = 2 * int(min(8 * half_light, 2000) + MARGIN_PX) + 1
    return profile.drawImage(nx=size, ny=size, scale=1.0, center=centre, method="no_pixel")
