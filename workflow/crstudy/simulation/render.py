"""Render the noiseless sky of a chip with GalSim."""

from dataclasses import dataclass
from typing import Protocol

import galsim
import numpy as np
from astropy.table import Row, Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.data.strata import brightest_component

#: Mean pixel scale of ACS/WFC, for galaxy sizes.
PIXEL_SCALE_ARCSEC = 0.05
#: Half-size of a star's stamp; the empirical PSF grid ends at 12.5 px.
STAR_HALF_STAMP_PX = 16
#: Galaxies larger than this are not convolved: the PSF changes nothing on their scale.
EXTENDED_HALF_LIGHT_PX = 100.0


class _Psf(Protocol):
    """Effective PSF (pixel response included) over the detector."""

    def at(self, x: float, y: float, width: float = 1.0) -> galsim.GSObject:
        """Return the PSF at a detector position, with unit flux and pixels as unit."""


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
    psf: _Psf,
    corner: tuple[float, float],
    width: float,
    saturation_e_per_s: float,
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
    psf : object with ``at(x, y, width)``
        Effective PSF over the detector.
    corner : (float, float)
        Detector x and y of the image's first pixel, px.
    width : float
        Relative width of the PSF in this exposure (breathing).
    saturation_e_per_s : float
        Rate above which a pixel saturates in this exposure, e-/s.

    Returns
    -------
    Light

    Notes
    -----
    The distortion moves sources but does not shear galaxies, nor change the light per pixel
    with the pixel's area: both are constant over a small dither.
    """
    images = [galsim.ImageD(shape[1], shape[0], scale=1.0, init_value=0.0) for _ in range(3)]
    star, saturated_star, extended = images
    x, y = wcs.all_world2pix(catalogue["ra"], catalogue["dec"], 1)
    margin = STAR_HALF_STAMP_PX + 10 * np.nan_to_num(catalogue["half_light"]) / PIXEL_SCALE_ARCSEC
    near = (
        (x > -margin) & (x < shape[1] + margin) & (y > -margin) & (y < shape[0] + margin)
    ).nonzero()[0]
    for i in near:
        local = psf.at(x[i] + corner[0], y[i] + corner[1], width)
        stamp = _draw(catalogue[i], local, galsim.PositionD(x[i], y[i]))
        if catalogue["kind"][i] != "star":
            image = extended
        else:
            image = saturated_star if stamp.array.max() > saturation_e_per_s else star
        overlap = stamp.bounds & image.bounds
        if overlap.isDefined():
            image[overlap] += stamp[overlap]
    return Light(*(image.array for image in images))


def _draw(source: Row, psf: galsim.GSObject, centre: galsim.PositionD) -> galsim.Image:
    """Draw one source on a stamp; the PSF holds the pixel response, hence no_pixel."""
    if source["kind"] == "star":
        profile, size = psf, 2 * STAR_HALF_STAMP_PX + 1
        profile = profile.withFlux(source["flux"])
    else:
        half_light = source["half_light"] / PIXEL_SCALE_ARCSEC
        galaxy = galsim.Sersic(
            n=source["sersic_n"], half_light_radius=half_light, flux=source["flux"], trunc=0
        ).shear(q=source["axis_ratio"], beta=source["pa"] * galsim.degrees)
        extended = half_light > EXTENDED_HALF_LIGHT_PX
        profile = galaxy if extended else galsim.Convolve(galaxy, psf)
        size = 2 * int(min(8 * half_light, 2000) + STAR_HALF_STAMP_PX) + 1
    return profile.drawImage(nx=size, ny=size, scale=1.0, center=centre, method="no_pixel")
