"""Exposures to train on: an image without cosmic rays, and cosmic rays to put on it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from astropy.wcs import WCS
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from crstudy.instrument.acs import (
    CHIP_SHAPE_PX,
    chip_headers,
    cut_corner,
    rows_from_amplifier,
)
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import PsfGrid
from crstudy.simulation.acs import draw_field, rate_limits, simulate_catalogue
from crstudy.simulation.charge_transfer import traps_to_amplifier
from crstudy.simulation.detector import Streams, expose
from crstudy.simulation.rays.generators import draw_rays
from crstudy.simulation.skies.render import render_chip

#: Random stream of these exposures.
TRAINING_STREAM = 21


class Example(NamedTuple):
    """An exposure to train on; arrays of shape (ny, nx).

    Attributes
    ----------
    clean : ndarray, float32
        Image without cosmic rays, with its noise, e-.
    added : ndarray, float32
        What the cosmic rays add to it, trails of charge transfer included, e-.
    charge : ndarray, int32
        Charge of the cosmic rays as deposited, e-.
    noise : ndarray, float32
        Noise of the image without cosmic rays, e-.
    flags : ndarray, int16
        DQ with cosmic rays.
    stratum : ndarray, uint8
        `crstudy.data.strata.Stratum`.
    """

    clean: NDArray[np.float32]
    added: NDArray[np.float32]
    charge: NDArray[np.int32]
    noise: NDArray[np.float32]
    flags: NDArray[np.int16]
    stratum: NDArray[np.uint8]


def _rng(seed: int, *indices: int) -> Generator:
    return default_rng([TRAINING_STREAM, seed, *indices])


def draw_example(
    seed: int, group: int, settings: Mapping[str, Any], grid: PsfGrid, templates: str
) -> Example:
    """Draw the exposure of a group.

    Parameters
    ----------
    seed, group
        Seed of the training set, and number of the group, from 1.
    settings : mapping
        The configuration section ``simulation``.
    grid : PsfGrid
        PSF of the group.
    templates : str
        Folder of the header templates.
    """
    field, _ = draw_field(seed, group, settings)
    catalogue = simulate_catalogue(seed, group, settings, templates)
    shape = (settings["chip_height_px"], settings["chip_width_px"])
    rng = _rng(seed, group, 0)
    focus_um = settings["focus_rms_um"] * rng.standard_normal()
    psf = DrawnPsf(grid, Optics.draw(rng, settings, focus_um), wings=True)
    header = chip_headers(templates, field.pointing, 1, shape)[0]
    row, column = cut_corner(shape)
    corner = (column, row)
    limits = rate_limits(settings, field.sky_e_per_s, field.exptime_s)
    light = render_chip(catalogue, WCS(header), shape, psf, corner, *limits)
    scene = (light.total + field.sky_e_per_s) * field.exptime_s
    traps = traps_to_amplifier(field.observed, rows_from_amplifier(1, shape))
    charge = draw_rays(_rng(seed, group, 1), shape, field.exptime_s, settings["cosmic_rays"])
    images = {}
    for name, rays in (("clean", np.zeros_like(charge)), ("hit", charge)):
        streams = Streams(*(_rng(seed, group, 2, i) for i in range(3)))
        images[name], flags = expose(streams, scene, rays, field.exptime_s, settings, traps)
    dark_e = settings["dark_e_per_s"] * field.exptime_s
    noise = np.sqrt(np.maximum(scene, 0) + dark_e + settings["read_noise_e"] ** 2)
    return Example(
        images["clean"],
        images["hit"] - images["clean"],
        charge,
        noise.astype(np.float32),
        flags,
        light.strata(limits[1]),
    )
