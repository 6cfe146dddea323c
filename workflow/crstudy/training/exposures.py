"""Exposures to train on: images without cosmic rays, and cosmic rays to put on them.

They share the simulators of the study but none of its random numbers, PSFs or cosmic rays: seeds
begin with a number that no study has, PSFs are those of `crstudy.training.psfs`, and all cosmic
rays are modelled tracks. Real events serve tests alone.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from crstudy.data.good_pixels import good_pixels
from crstudy.instrument.acs import chip_headers, cut_corner, rows_from_amplifier
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import read_gaussians
from crstudy.simulation.acs import draw_field, rate_limits, simulate_catalogue
from crstudy.simulation.charge_transfer import traps_to_amplifier
from crstudy.simulation.csst import simulate_field, tile_header
from crstudy.simulation.detector import Streams, expose
from crstudy.simulation.rays.generators import draw_rays
from crstudy.simulation.skies.render import Light, render_chip
from crstudy.training.psfs import draw_acs_psf, draw_csst_psf
from crstudy.training.sets import Example

#: Extends the seed, above its 64 lowest bits, by a number for each part of a training set.
PARTS = {"training": 21, "validation": 22}
#: First of the random streams of a group, after those of `crstudy.simulation.acs.Stream`.
FIRST_STREAM = 10
#: Ranges of the cosmic rays: the silicon of resources/systematics.yaml, and more than the rate and
#: the directions there.
RAYS = {
    "acs": {
        "rate_per_s_cm2": (0.9, 1.7),
        "thickness_um": (12.6, 17.1),
        "field_free_um": (7.5, 11.0),
        "depleted_spread_px": (0.0, 0.1),
    },
    "csst": {
        "rate_per_s_cm2": (0.7, 1.6),
        "thickness_um": (16.0, 40.0),
        "field_free_um": (0.0, 10.0),
        "depleted_spread_px": (0.05, 0.23),
    },
}
for ranges in RAYS.values():
    ranges |= {"slow_fraction": (0.25, 0.45), "cosine_power": (0.5, 1.5)}
#: CSST's sky by group, relative to the configuration's.
CSST_SKY = (0.5, 2.0)


class _View(NamedTuple):
    """What a camera sees of a group: its light, charge traps, and what was drawn for it."""

    light: Light
    traps: NDArray[np.float32] | None
    drawn: dict[str, Any]


def draw_set(
    camera: str,
    part: str,
    seed: int,
    settings: Mapping[str, Any],
    templates: str | Path,
) -> Iterator[tuple[Example, dict[str, Any]]]:
    """Draw the groups of a training set, of one exposure each.

    Parameters
    ----------
    camera : {"acs", "csst"}
        Simulated camera.
    part : {"training", "validation"}
        Part of the set; the parts share no random number.
    seed : int
        Seed of the training.
    settings : mapping
        The configuration sections simulation, csst, training and mask.
    templates : path-like
        Folder of the header templates of ACS/WFC.

    Yields
    ------
    Example
    dict
        What was drawn for the group, by name: its seed, number and class, exposure, PSF, cosmic
        rays.
    """
    n = settings["training"][f"n_{part}"]
    seed = PARTS[part] << 64 | seed
    acs = settings["simulation"] | {"n_groups": n}
    table = read_gaussians(acs["psf"]) if camera == "acs" else None
    for group in range(1, n + 1):
        rngs = [default_rng([seed, FIRST_STREAM + stream, group]) for stream in range(5)]
        if table is not None:
            section = acs
            view = _view_acs(rngs[0], seed, group, acs, settings["training"], table, templates)
        else:
            section = settings["csst"]
            view = _view_csst(rngs[0], seed, group, section, settings["training"])
        rays = {name: rngs[1].uniform(*ends) for name, ends in RAYS[camera].items()}
        rays["field_free_um"] = min(rays["field_free_um"], rays["thickness_um"])
        drawn = {"seed": str(seed), "group": group} | view.drawn | rays
        rays = section["cosmic_rays"] | rays | {"source": "physical"}
        charge = draw_rays(rngs[1], view.light.star.shape, drawn["exptime"], rays)
        yield _expose(rngs[2:], view, charge, section, settings["mask"]), drawn


def _view_acs(
    rng: Generator,
    seed: int,
    group: int,
    section: Mapping[str, Any],
    training: Mapping[str, Any],
    table: Table,
    templates: str | Path,
) -> _View:
    field, _ = draw_field(seed, group, section)
    catalogue = simulate_catalogue(seed, group, section, templates)
    shape = (section["chip_height_px"], section["chip_width_px"])
    grid, psf = draw_acs_psf(rng, table, training)
    optics = Optics.draw(rng, section, section["focus_rms_um"] * rng.standard_normal())
    header = chip_headers(templates, field.pointing, 1, shape)[0]
    limits = rate_limits(section, field.sky_e_per_s, field.exptime_s)
    row, column = cut_corner(shape)
    drawn_psf = DrawnPsf(grid, optics, wings=True)
    light = render_chip(catalogue, WCS(header), shape, drawn_psf, (column, row), *limits)
    traps = traps_to_amplifier(field.observed, rows_from_amplifier(1, shape))
    drawn = {
        "field_class": field.field_class,
        "exptime": field.exptime_s,
        "sky": field.sky_e_per_s,
        "date": str(field.observed),
    }
    return _View(light, traps, drawn | psf)


def _view_csst(
    rng: Generator,
    seed: int,
    group: int,
    section: Mapping[str, Any],
    training: Mapping[str, Any],
) -> _View:
    catalogue = simulate_field(seed, group, section)
    header = tile_header(catalogue, section)
    shape = (section["tile_height_px"], section["tile_width_px"])
    grid, psf = draw_csst_psf(rng, section, training)
    times = section["exptimes_s"]
    exptime_s = round(np.exp(rng.uniform(*np.log([min(times), max(times)]))))
    sky = section["sky_e_per_s"] * np.exp(rng.uniform(*np.log(CSST_SKY)))
    limits = rate_limits(section, sky, exptime_s)
    drawn_psf = DrawnPsf(grid, Optics(), wings=False)
    light = render_chip(catalogue, WCS(header), shape, drawn_psf, (0, 0), *limits)
    drawn = {"field_class": catalogue.meta["field_class"], "exptime": exptime_s, "sky": sky}
    return _View(light, None, drawn | psf)


def _expose(
    rngs: list[Generator],
    view: _View,
    charge: NDArray[np.int32],
    section: Mapping[str, Any],
    mask: Mapping[str, Any],
) -> Example:
    """Expose twice with the same noise, without and with cosmic rays."""
    exptime_s, sky = view.drawn["exptime"], view.drawn["sky"]
    scene = (view.light.total + sky) * exptime_s
    states = [rng.bit_generator.state for rng in rngs]
    clean, flags = expose(
        Streams(*rngs), scene, np.zeros_like(charge), exptime_s, section, view.traps
    )
    for rng, state in zip(rngs, states, strict=True):
        rng.bit_generator.state = state
    hit, _ = expose(Streams(*rngs), scene, charge, exptime_s, section, view.traps)
    noise_e_per_s = rate_limits(section, sky, exptime_s)[1]
    variance = np.maximum(scene, 0) + section["dark_e_per_s"] * exptime_s
    return Example(
        clean,
        hit - clean,
        charge,
        np.sqrt(variance + section["read_noise_e"] ** 2).astype(np.float32),
        good_pixels(clean, flags, **mask),
        view.light.strata(noise_e_per_s),
        noise_e_per_s * exptime_s,
    )
