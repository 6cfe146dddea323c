"""PSFs that stars of training sets have: around those of the test exposures, and none of them."""

from collections.abc import Mapping
from typing import Any

import galsim
import numpy as np
from astropy.table import Table
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from crstudy.instrument.csst_psf import optical_psf
from crstudy.instrument.epsf import (
    OVERSAMPLING,
    PsfGrid,
    gaussian_grid,
    offsets,
    sampled_profile,
)
from crstudy.simulation.csst import PIVOT_ANGSTROM

#: No width is closer to that of the tests than this fraction of the largest change.
LEAST_CHANGE = 0.1
#: Speckles around the core, which sums of Gaussians have not: smoothed noise that multiplies the
#: light. Range of the RMS of its logarithm, the smoothing (sigma), and the radii between which it
#: sets in, px. STDPSF departs from the table by 0.16 (RMS) at 4 to 6 px and 0.57 at 10 to 12 px.
SPECKLE_RMS = (0.1, 0.4)
SPECKLE_PX = 0.6
SPECKLE_ONSET_PX = (2.0, 4.0)
#: Side of the samples of a speckled PSF, to 16 px from the star.
SPECKLED_SIDE = 129
#: Of CSST's PSF: exponents of Moffat profiles, ellipticity (that of the tests is round), and the
#: blur of the diffraction at an unobstructed mirror, arcsec.
MOFFAT_BETA = (2.5, 5.0)
ELLIPTICITY = (0.01, 0.15)
AIRY_BLUR_ARCSEC = (0.02, 0.07)
MIRROR_M = 2.0


def draw_acs_psf(
    rng: Generator, table: Table, settings: Mapping[str, Any]
) -> tuple[PsfGrid, dict[str, float]]:
    """Draw a PSF around that of ACS/WFC.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    table : Table
        The tabulated PSF, a sum of Gaussians, of `crstudy.instrument.epsf`.
    settings : mapping
        psf_width and psf_shape of the configuration section ``training``.

    Returns
    -------
    PsfGrid
    dict
        psf_width: its width relative to the table's; psf_speckle: RMS of the logarithm of the
        light of its speckles.
    """
    width = np.exp(width_change(rng, settings["psf_width"]))
    grid = gaussian_grid(perturb(table, rng, width, settings["psf_shape"]))
    rms = rng.uniform(*SPECKLE_RMS)
    drawn = {"psf_width": width, "psf_speckle": rms}
    return add_speckles(grid, draw_speckles(rng, rms)), drawn


def draw_speckles(rng: Generator, rms: float) -> NDArray[np.float64]:
    """Draw speckles: by what factor each sample of a PSF is brighter.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    rms : float
        RMS of the logarithm of the factor, outside the core.

    Returns
    -------
    ndarray, shape (`SPECKLED_SIDE`, `SPECKLED_SIDE`)
        At the `offsets` of that side; 1 in the core.
    """
    radius = np.hypot(*offsets(SPECKLED_SIDE))
    texture = gaussian_filter(rng.standard_normal(radius.shape), SPECKLE_PX * OVERSAMPLING)
    return np.exp(rms * np.interp(radius, SPECKLE_ONSET_PX, (0, 1)) * texture / texture.std())


def add_speckles(grid: PsfGrid, speckles: NDArray[np.float64]) -> PsfGrid:
    """Return the same PSFs with the speckles of `draw_speckles`, and no more light."""

    def speckled(profile: galsim.GSObject) -> galsim.GSObject:
        image = galsim.ImageD(*speckles.shape, scale=1 / OVERSAMPLING)
        samples = profile.drawImage(image, method="sb").array * speckles
        return sampled_profile(samples / samples.sum() * OVERSAMPLING**2)

    return PsfGrid(grid.x, grid.y, tuple(map(speckled, grid.profiles)), grid.diffusion)


def width_change(rng: Generator, largest: float) -> float:
    """Draw the logarithm of a relative width, of either sign but not near zero."""
    return float(rng.choice([-1, 1]) * largest * rng.uniform(LEAST_CHANGE, 1))


def perturb(table: Table, rng: Generator, width: float, shape: float) -> Table:
    """Perturb a PSF that is a sum of Gaussians.

    Parameters
    ----------
    table : Table
        A row per Gaussian and place on the detector.
    rng : numpy Generator
        Source of randomness.
    width : float
        Width relative to the table's.
    shape : float
        RMS change of the logarithms of the width and of the flux of each Gaussian.

    Returns
    -------
    Table
        The fluxes at one place still sum to 1, and the mean width of its Gaussians is `width`
        times that of the table: how the PSF varies across the detector is kept.
    """
    n = int(((table["x"] == table["x"][0]) & (table["y"] == table["y"][0])).sum())
    drawn, places = table.copy(), len(table) // n
    wider, brighter = np.exp(shape * rng.standard_normal((2, n)))
    for name in ("sigma_major", "sigma_minor"):
        drawn[name] *= width * np.tile(wider / np.exp(np.log(wider).mean()), places)
    flux = np.reshape(drawn["flux"] * np.tile(brighter, places), (places, n))
    drawn["flux"] = (flux / flux.sum(axis=1, keepdims=True)).ravel()
    return drawn


def draw_csst_psf(
    rng: Generator, csst: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[PsfGrid, dict[str, float | str]]:
    """Draw a PSF of CSST: a Moffat profile, or diffraction blurred by a Gaussian.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    csst : mapping
        pixel_scale_arcsec of the configuration section ``csst``.
    settings : mapping
        csst_psf_ree80_arcsec of the configuration section ``training``.

    Returns
    -------
    PsfGrid
        The same PSF everywhere.
    dict
        What was drawn: psf (moffat or airy), psf_ree80_arcsec and psf_beta of a Moffat profile,
        psf_blur_arcsec of the other, psf_ellipticity.
    """
    scale = csst["pixel_scale_arcsec"]
    ellipticity = rng.uniform(*ELLIPTICITY)
    drawn: dict[str, float | str] = {"psf_ellipticity": ellipticity}
    if rng.random() < 0.5:
        ree80, beta = rng.uniform(*settings["csst_psf_ree80_arcsec"]), rng.uniform(*MOFFAT_BETA)
        drawn |= {"psf": "moffat", "psf_ree80_arcsec": ree80, "psf_beta": beta}
        round_one = {"psf_ree80_arcsec": ree80, "psf_moffat_beta": beta, "psf_ellipticity": 0}
        profile = optical_psf({**csst, **round_one})
    else:
        blur = rng.uniform(*AIRY_BLUR_ARCSEC)
        drawn |= {"psf": "airy", "psf_blur_arcsec": blur}
        airy = galsim.Airy(lam=PIVOT_ANGSTROM / 10, diam=MIRROR_M, scale_unit=galsim.arcsec)
        profile = galsim.Convolve(airy.dilate(1 / scale), galsim.Gaussian(sigma=blur / scale))
    angle = rng.uniform(0, 180) * galsim.degrees
    sheared = profile.shear(e=ellipticity, beta=angle)
    whole = galsim.Convolve(sheared, galsim.Pixel(1.0))
    return PsfGrid(np.zeros(1), np.zeros(1), (whole,)), drawn
