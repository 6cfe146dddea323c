"""Cosmic rays from either generator: tracks by a physical model, or transplanted real events."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crstudy.simulation.rays.tracks import CosmicRayModel, draw_cosmic_rays
from crstudy.simulation.rays.transplant import draw_transplanted, read_library


def ray_model(settings: Mapping[str, Any]) -> CosmicRayModel:
    """Return the physical model of the configuration section ``cosmic_rays``."""
    return CosmicRayModel(**{field.name: settings[field.name] for field in fields(CosmicRayModel)})


def draw_rays(
    rng: np.random.Generator,
    shape: tuple[int, int],
    exptime_s: float,
    settings: Mapping[str, Any],
) -> NDArray[np.int32]:
    """Draw the charge that cosmic rays leave in one exposure of one chip.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all randomness; no other part of a simulation draws from it.
    shape : tuple of int
        Rows and columns of the chip.
    exptime_s : float
        Time during which the chip collects charge, s.
    settings : mapping
        The configuration section ``cosmic_rays``.

    Returns
    -------
    ndarray, shape `shape`, int32
        Electrons per pixel.

    Raises
    ------
    StudyError
        The library of events cannot be used; see `crstudy.simulation.rays.transplant.read_library`.
    """
    # A stream that does not overlap with that of another realisation.
    rng = np.random.Generator(rng.bit_generator.jumped(settings["realisation"]))
    if settings["source"] == "physical":
        return draw_cosmic_rays(rng, shape, exptime_s, ray_model(settings))
    library = read_library(settings["library"], settings["pixel_um"])
    return draw_transplanted(rng, shape, exptime_s, settings["rate_per_s_cm2"], library)
