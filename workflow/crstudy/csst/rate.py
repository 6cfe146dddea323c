"""The rate of cosmic rays that goes with a published fraction of hit pixels."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from crstudy.simulation.cosmic_rays import CosmicRayModel, draw_cosmic_rays

#: Trial: some 20,000 tracks, which hit about one pixel in twenty.
TRIAL_SHAPE_PX = (2048, 2048)
TRIAL_TRACKS_PER_CM2 = 5000.0


def calibrated_rate(
    rng: Generator,
    cr_fraction: float,
    exptime_s: float,
    threshold_e: float,
    model: CosmicRayModel,
) -> float:
    """Find the rate at which cosmic rays hit a given fraction of the pixels.

    Parameters
    ----------
    rng : numpy Generator
        Of the trial, which leaves an error of about 1 %.
    cr_fraction : float
        Fraction of the pixels that are hit.
    exptime_s : float
        Exposure time in which they are, s.
    threshold_e : float
        A pixel with more charge than this is hit, e-.
    model : CosmicRayModel
        Its rate is not used.

    Returns
    -------
    float
        Tracks per second and cm2.

    Notes
    -----
    Tracks fall independently, so that the part of the pixels that none has hit is
    exp(-rate x time x mean area of a track). One trial at any rate gives the area.
    """
    trial = replace(model, rate_per_s_cm2=TRIAL_TRACKS_PER_CM2)
    hit = (draw_cosmic_rays(rng, TRIAL_SHAPE_PX, 1.0, trial) > threshold_e).mean()
    tracks_per_cm2 = TRIAL_TRACKS_PER_CM2 * np.log1p(-cr_fraction) / np.log1p(-hit)
    return float(tracks_per_cm2 / exptime_s)
