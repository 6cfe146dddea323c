"""Simulate ACS/WFC F606W exposures with a known truth: the charge of cosmic rays in each pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from crstudy.data.exposure import SIMULATED, write_hdus, write_images
from crstudy.instrument.acs import (
    CHIP_SHAPE_PX,
    chip_headers,
    cut_corner,
    dithered,
    rows_from_amplifier,
)
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import load_psf
from crstudy.simulation.charge_transfer import traps_to_amplifier
from crstudy.simulation.detector import Streams, expose
from crstudy.simulation.rays.generators import draw_rays
from crstudy.simulation.skies.render import render_chip
from crstudy.simulation.skies.scene import draw_scene

#: Rows of the scene that are drawn beyond the chips, for dithers, arcsec.
FIELD_MARGIN_ARCSEC = 3.0


class Stream(IntEnum):
    """Independent random streams of a study."""

    FIELD = 0
    DETECTOR = 1
    EXPOSURE = 2
    COSMIC_RAYS = 3
    UNSTABLE_PIXELS = 4
    VISIT = 5


@dataclass(frozen=True)
class Field:
    """Properties shared by the exposures of a group.

    Attributes
    ----------
    field_class : str
        Field class.
    observed : datetime.date
        Day of observation.
    exptime_s : float
        Exposure time, s.
    sky_e_per_s : float
        Sky, e-/s/px.
    pointing : SkyCoord
        Undithered pointing of SCI,1.
    """

    field_class: str
    observed: date
    exptime_s: float
    sky_e_per_s: float
    pointing: SkyCoord


def _rng(seed: int, stream: Stream, *indices: int) -> Generator:
    return default_rng(SeedSequence([seed, stream, *indices]))


def draw_field(seed: int, group: int, settings: Mapping[str, Any]) -> tuple[Field, Generator]:
    """Draw the properties shared by the exposures of a group.

    Parameters
    ----------
    seed : int
        Seed of the study.
    group : int
        Number of the group, from 1.
    settings : mapping
        The configuration section ``simulation``.

    Returns
    -------
    Field
    numpy Generator
        To draw the sources of the field with.
    """
    rng = _rng(seed, Stream.FIELD, group)
    first = date.fromisoformat(str(settings["first_date"]))
    last = date.fromisoformat(str(settings["last_date"]))
    step_days = (last - first).days / max(settings["n_groups"] - 1, 1)
    classes = settings["field_classes"]
    field = Field(
        field_class=classes[(group - 1) % len(classes)],
        observed=first + timedelta(days=round((group - 1) * step_days)),
        exptime_s=round(rng.uniform(settings["exptime_min_s"], settings["exptime_max_s"])),
        sky_e_per_s=rng.uniform(settings["sky_min_e_per_s"], settings["sky_max_e_per_s"]),
        pointing=SkyCoord(rng.uniform(0, 360), rng.uniform(-40, 40), unit="deg"),
    )
    return field, rng


def simulate_catalogue(
    seed: int, group: int, settings: Mapping[str, Any], templates: str | Path
) -> Table:
    """Draw the sources of a group's field over all its chips.

    Parameters
    ----------
    seed, group, settings
        As for `draw_field`.
    templates : path-like
        Folder of the ACS/WFC header templates.

    Returns
    -------
    Table
        As `crstudy.simulation.skies.scene.draw_scene`.
    """
    field, rng = draw_field(seed, group, settings)
    shape = (settings["chip_height_px"], settings["chip_width_px"])
    headers = chip_headers(templates, field.pointing, settings["n_chips"], shape)
    corners = np.vstack([WCS(h).calc_footprint(axes=shape[::-1]) for h in headers])
    sky = SkyCoord(corners, unit="deg")
    middle = sky.cartesian.mean()
    centre = SkyCoord(middle, representation_type="cartesian", frame="icrs")
    centre = SkyCoord(centre.spherical.lon, centre.spherical.lat)
    east, north = centre.spherical_offsets_to(sky)
    half_size = max(abs(east).max(), abs(north).max()).to_value(u.arcsec) + FIELD_MARGIN_ARCSEC
    return draw_scene(rng, field.field_class, centre, half_size, settings["zero_point_mag"])


def rate_limits(
    settings: Mapping[str, Any], sky_e_per_s: float, exptime_s: float
) -> tuple[float, float]:
    """Return the rate that saturates a pixel, and the noise of one of blank sky.

    Parameters
    ----------
    settings : mapping
        full_well_e, dark_e_per_s and read_noise_e of the configuration's section.
    sky_e_per_s, exptime_s : float
        Sky, e-/s/px, and exposure time, s.

    Returns
    -------
    saturation_e_per_s, noise_e_per_s : float
        Of `crstudy.simulation.skies.render.render_chip`.
    """
    blank_e = (sky_e_per_s + settings["dark_e_per_s"]) * exptime_s
    noise_e = np.sqrt(blank_e + settings["read_noise_e"] ** 2)
    return settings["full_well_e"] / exptime_s, noise_e / exptime_s


def simulate_exposure(
    catalogue: Table,
    flc_path: str | Path,
    truth_path: str | Path,
    *,
    seed: int,
    group: int,
    number: int,
    settings: Mapping[str, Any],
    templates: str | Path,
    optics: Optics | None = None,
) -> None:
    """Simulate one exposure and write it with its truth.

    Parameters
    ----------
    catalogue : Table
        Sources of the field.
    flc_path : path-like
        Calibrated exposure to write.
    truth_path : path-like
        Truth to write. Per chip: CR (int32), electrons from cosmic rays as deposited; SCENE
        (float32), the noiseless calibrated image, e-; STRATUM (uint8), what its light is made of,
        `crstudy.data.strata.Stratum`. Its primary header holds DARK_E and RDNOISE, e-, which add
        to the variance; the state of the telescope, `crstudy.instrument.drawn_psf.Optics.cards`;
        and REGDX and REGDY, px: how far sources lie from where the exposure's header puts them.
    seed, group, settings, templates
        As for `simulate_catalogue`.
    number : int
        Number of the exposure within its group, from 1.
    optics : Optics, optional
        State of the telescope, instead of a drawn one; all else stays the same.
    """
    field, _ = draw_field(seed, group, settings)
    rng = _rng(seed, Stream.EXPOSURE, group, number)
    shape = (settings["chip_height_px"], settings["chip_width_px"])
    undithered = chip_headers(templates, field.pointing, 1, shape)[0]
    shift = rng.uniform(-settings["dither_px"], settings["dither_px"], 2)
    focus_um = settings["focus_rms_um"] * _rng(seed, Stream.VISIT, group).standard_normal()
    drawn = Optics.draw(rng, settings, focus_um)
    optics = drawn if optics is None else optics
    registration = settings["registration_rms_px"] * rng.standard_normal(2)
    true_headers, headers = (
        chip_headers(
            templates,
            dithered(field.pointing, undithered, *dither),
            settings["n_chips"],
            shape,
        )
        for dither in (shift, shift + registration)
    )
    psf = DrawnPsf(load_psf(settings["psf"]), optics, wings=True)
    row, column = cut_corner(shape)
    limits_e_per_s = rate_limits(settings, field.sky_e_per_s, field.exptime_s)
    sci, err, dq, truth = [], [], [], {}
    for ver, header in enumerate(true_headers, start=1):
        # SCI,1 is CCDCHIP 2, the lower half of the detector.
        corner = (column, row + (ver - 1) * CHIP_SHAPE_PX[0])
        light = render_chip(catalogue, WCS(header), shape, psf, corner, *limits_e_per_s)
        scene = (light.total + field.sky_e_per_s) * field.exptime_s
        streams = Streams(
            noise=_rng(seed, Stream.EXPOSURE, group, number, ver),
            defects=_rng(seed, Stream.DETECTOR, group, ver),
            unstable=_rng(seed, Stream.UNSTABLE_PIXELS, group, number, ver),
        )
        hits = _rng(seed, Stream.COSMIC_RAYS, group, number, ver)
        cr = draw_rays(hits, shape, field.exptime_s, settings["cosmic_rays"])
        traps = traps_to_amplifier(field.observed, rows_from_amplifier(ver, shape))
        image, flags = expose(streams, scene, cr, field.exptime_s, settings, traps)
        sci.append(image)
        dq.append(flags)
        err.append(np.sqrt(np.maximum(image, 0) + settings["read_noise_e"] ** 2))
        truth |= {("CR", ver): cr, ("SCENE", ver): scene.astype(np.float32)}
        truth["STRATUM", ver] = light.strata(limits_e_per_s[1])
    truth_cards = {
        "DARK_E": settings["dark_e_per_s"] * field.exptime_s,
        "RDNOISE": settings["read_noise_e"],
        "REGDX": registration[0],
        "REGDY": registration[1],
    } | optics.cards()
    write_images(truth_path, truth, truth_cards)
    write_flc(
        flc_path,
        templates,
        headers,
        sci,
        err,
        dq,
        observed=field.observed,
        start_s=3600.0 + number * (field.exptime_s + 120.0),
        exptime_s=field.exptime_s,
        read_noise_e=settings["read_noise_e"],
        dark_e_per_s=settings["dark_e_per_s"],
        target=field.field_class.upper(),
    )


def write_flc(
    path: str | Path,
    templates: str | Path,
    sci_headers: Sequence[fits.Header],
    sci: Sequence[NDArray[np.float32]],
    err: Sequence[NDArray[np.float32]],
    dq: Sequence[NDArray[np.int16]],
    *,
    observed: date,
    start_s: float,
    exptime_s: float,
    read_noise_e: float,
    dark_e_per_s: float,
    target: str,
) -> None:
    """Write a calibrated exposure that AstroDrizzle takes.

    Parameters
    ----------
    path : path-like
        Output file; its name begins with the rootname.
    templates : path-like
        Folder with ``wfc_f606w_primary.hdr``.
    sci_headers : sequence of Header
        Headers of `chip_headers`, one per chip.
    sci, err : sequence of ndarray, shape (ny, nx), float32
        Images and their errors, e-.
    dq : sequence of ndarray, shape (ny, nx), int16
        Data-quality bits.
    observed : datetime.date
        Day of observation.
    start_s : float
        Start of the exposure after midnight, s.
    exptime_s, read_noise_e, dark_e_per_s : float
        Exposure time (s), read noise (e-), dark current (e-/s/px).
    target : str
        TARGNAME.
    """
    path = Path(path)
    primary = fits.Header.fromtextfile(Path(templates) / "wfc_f606w_primary.hdr")
    start = Time(observed.isoformat(), scale="utc") + start_s * u.s
    primary.update(
        {
            "ROOTNAME": path.name.split("_")[0],
            "FILENAME": path.name,
            "TARGNAME": target,
            "PROPOSID": 0,
            "DATE-OBS": start.isot[:10],
            "TIME-OBS": start.isot[11:19],
            "EXPSTART": start.mjd,
            "EXPEND": (start + exptime_s * u.s).mjd,
            "EXPTIME": exptime_s,
            "CAL_VER": SIMULATED,
            "NEXTEND": 3 * len(sci),
            "PA_V3": 0.0,
        }
    )
    primary.update({f"READNSE{amplifier}": read_noise_e for amplifier in "ABCD"})
    primary.update(dict.fromkeys(("IDCTAB", "NPOLFILE", "D2IMFILE", "MDRIZTAB", "PFLTFILE"), "N/A"))
    hdus = fits.HDUList([fits.PrimaryHDU(header=primary)])
    for ver, header in enumerate(sci_headers, start=1):
        header = header.copy()
        header["EXPNAME"] = primary["ROOTNAME"]
        header["MEANDARK"] = dark_e_per_s * exptime_s
        header["NGOODPIX"] = int((dq[ver - 1] == 0).sum())
        hdus.append(fits.ImageHDU(sci[ver - 1], header, name="SCI", ver=ver))
        hdus.append(fits.ImageHDU(err[ver - 1], name="ERR", ver=ver))
        hdus.append(fits.ImageHDU(dq[ver - 1], name="DQ", ver=ver))
    write_hdus(path, hdus)
