"""Wings and diffraction spikes of stars in ACS/WFC F606W, beyond the empirical PSF.

The halo falls as r^-2, and from `BREAK_PX` on as r^-3. Its strength, its break and the share of the
core follow from three encircled energies of ACS/WFC in F606W: 0.916 within 0.5, 0.947 within 1.0
and all within 5.5 arcsec, to which zero points refer (Bohlin 2012, ISR ACS 2012-01). What the halo
has beyond comes on top. The spikes are the diffraction by the four vanes of the secondary mirror,
whose sizes are those of Tiny Tim (Krist, Hook & Stoehr 2011, Proc. SPIE 8127) and POPPY.
"""

import numpy as np
from numpy.typing import NDArray

#: Share of a star's light in the core, which ends at about 12 px.
CORE_FRACTION = 0.9177
#: Light of halo and spikes per e-fold of radius, before the break.
WING_FRACTION = 0.04203
BREAK_PX = 36.03
#: The wings set in between these radii, where the Gaussian core falls below them.
ONSET_PX = (8.0, 12.0)

PIXEL_ARCSEC = 0.05
#: Passband of F606W, m: its half-power points.
PASSBAND_M = (0.48e-6, 0.71e-6)
VANE_WIDTH_M = 0.0264
VANE_LENGTH_M = 1.2 - 0.396
#: Light that the vanes diffract: the area of four of them over that of the annular pupil.
SPIKE_FRACTION = 4 * VANE_WIDTH_M * VANE_LENGTH_M / (np.pi * (1.2**2 - 0.396**2))
#: Width (sigma) of a spike, px: 0.38 lambda / length, with pixel and charge diffusion.
SPIKE_SIGMA_PX = 1.25
#: Wings end here, whatever the star, px.
LARGEST_PX = 2048


def wing_quadrant(half_px: int) -> NDArray[np.float32]:
    """Draw the wings of a star in a pixel's centre, in the quadrant x >= 0, y >= 0.

    Parameters
    ----------
    half_px : int
        Number of pixels beside the central one.

    Returns
    -------
    ndarray, shape (half_px + 1, half_px + 1), float32
        Fraction of the star's light per pixel; symmetric about both axes.
    """
    offset = np.arange(half_px + 1, dtype=np.float32)
    radius = np.hypot(offset[:, None], offset)
    radial = np.arange(2 * half_px + 2, dtype=np.float64)
    quadrant = np.interp(radius, radial, _halo(radial)).astype(np.float32)
    # Vanes at 45 degrees to the detector's axes: one arm of one spike lies in each quadrant.
    along = (offset[:, None] + offset) / np.float32(np.sqrt(2))
    across = (offset[:, None] - offset) / np.float32(np.sqrt(2))
    near = abs(across) < 5 * SPIKE_SIGMA_PX
    profile = np.exp(-0.5 * (across[near] / SPIKE_SIGMA_PX) ** 2)
    profile /= SPIKE_SIGMA_PX * np.sqrt(2 * np.pi)
    quadrant[near] += np.interp(along[near], radial, _spike_arm(radial)) * profile
    return quadrant


def wing_radius(flux: NDArray[np.floating], faintest: float) -> NDArray[np.int_]:
    """Find how far from stars their wings matter.

    Parameters
    ----------
    flux : ndarray
        Count rates, e-/s.
    faintest : float
        Wings fainter than this are not drawn, e-/s/px.

    Returns
    -------
    ndarray of int
        Radius at which the mean wing falls to `faintest`, px; 0: within the core.
    """
    at_break = WING_FRACTION * np.asarray(flux) / (2 * np.pi * BREAK_PX**2) / faintest
    radius = BREAK_PX * np.where(at_break > 1, np.cbrt(at_break), np.sqrt(at_break))
    return np.where(radius > ONSET_PX[1], np.minimum(radius, LARGEST_PX), 0).astype(int)


def onset(radius: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return how much of the wings is there at a radius, px: from 0 to 1 between `ONSET_PX`."""
    step = np.clip((radius - ONSET_PX[0]) / (ONSET_PX[1] - ONSET_PX[0]), 0, 1)
    return step**2 * (3 - 2 * step)


def _spike_arm(radius: NDArray[np.floating]) -> NDArray[np.floating]:
    """Light of one of four arms per pixel of radius, mean over the passband."""
    wavelength = np.linspace(*PASSBAND_M, 24)[:, None]
    zero_px = wavelength / VANE_WIDTH_M / np.radians(PIXEL_ARCSEC / 3600)
    light = (2 / zero_px * np.sinc(radius / zero_px) ** 2).mean(axis=0)
    return SPIKE_FRACTION / 4 * light * onset(radius)


def _halo(radius: NDArray[np.floating]) -> NDArray[np.floating]:
    """Light per pixel between the spikes."""
    radius = np.maximum(radius, 1)
    both = WING_FRACTION / radius * np.minimum(1, BREAK_PX / radius) * onset(radius)
    return (both - 4 * _spike_arm(radius)) / (2 * np.pi * radius)
