"""Render the noiseless sky of a chip."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.data.strata import brightest_component
from crstudy.instrument.drawn_psf import DrawnPsf
from crstudy.simulation.skies.extended import draw_extended
from crstudy.simulation.skies.stars import draw_stars

#: Wings of stars are drawn down to this fraction of the noise of the blank sky.
FAINTEST_WING_OF_NOISE = 0.02


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

    def strata(self, noise_e_per_s: float) -> NDArray[np.uint8]:
        """Return the component with the most light in each pixel, given the noise of the sky."""
        return brightest_component(self.star, self.saturated_star, self.extended, noise_e_per_s)


def render_chip(
    catalogue: Table,
    wcs: WCS,
    shape: tuple[int, int],
    psf: DrawnPsf,
    corner: tuple[float, float],
    saturation_e_per_s: float,
    noise_e_per_s: float,
) -> Light:
    """Render stars and galaxies on a chip.

    Parameters
    ----------
    catalogue : Table
        Sources of `crstudy.simulation.skies.scene.draw_scene`.
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
    noise_e_per_s : float
        Noise of a pixel of blank sky, e-/s.

    Returns
    -------
    Light

    Notes
    -----
    The distortion moves sources but does not shear galaxies, nor change the light per pixel
    with the pixel's area: both are constant over a small dither.
    """
    is_star = np.asarray(catalogue["kind"] == "star")
    stars = catalogue[is_star]
    star, saturated_star = draw_stars(
        *wcs.all_world2pix(stars["ra"], stars["dec"], 1),
        np.asarray(stars["flux"], dtype=float),
        shape,
        psf,
        corner,
        saturation_e_per_s,
        FAINTEST_WING_OF_NOISE * noise_e_per_s,
    )
    extended = draw_extended(catalogue[~is_star], wcs, shape, psf.star, corner)
    return Light(star, saturated_star, extended)
