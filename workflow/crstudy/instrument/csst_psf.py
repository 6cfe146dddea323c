"""The point-spread function of the CSST survey camera, the same everywhere."""

from collections.abc import Mapping
from typing import Any

import galsim
import numpy as np


def optical_psf(settings: Mapping[str, Any]) -> galsim.GSObject:
    """Build the image of a star before the pixel.

    Parameters
    ----------
    settings : mapping
        The configuration section ``csst``.

    Returns
    -------
    galsim.GSObject
        Moffat profile (1969, A&A 3, 455) of unit flux, 1 unit = 1 px, longer along the rows where
        it is elliptical, at the same area. Diffusion of the charge that light frees is part of it.
    """
    beta = settings["psf_moffat_beta"]
    radius_px = settings["psf_ree80_arcsec"] / settings["pixel_scale_arcsec"]
    # The profile holds 1 - (1 + r^2 / scale^2)^(1 - beta) of the light within r.
    scale_px = radius_px / np.sqrt(0.2 ** (1 / (1 - beta)) - 1)
    profile = galsim.Moffat(beta, scale_radius=scale_px)
    ellipticity = settings["psf_ellipticity"]
    return profile.shear(e1=ellipticity) if ellipticity else profile


def effective_psf(settings: Mapping[str, Any]) -> galsim.GSObject:
    """Build the image of a star with the response of the pixel.

    Parameters
    ----------
    settings : mapping
        The configuration section ``csst``.

    Returns
    -------
    galsim.GSObject
        Unit flux; to be drawn with ``scale=1, method="no_pixel"``.
    """
    return galsim.Convolve(optical_psf(settings), galsim.Pixel(1.0))
