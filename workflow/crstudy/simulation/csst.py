"""Simulate single exposures of the CSST survey camera with a known truth.

Scenes, cosmic-ray tracks and the detector model are shared with the simulated ACS/WFC exposures;
optics, silicon and file layout are CSST's. A file holds a section of one detector. The PSF is a
Moffat profile of the published width, round by default and the same everywhere: the aberrations of
CSST, and their effect on cosmic-ray detection, are not simulated.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import galsim
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.random import Generator, default_rng

from crstudy.data.exposure import SIMULATED, write_hdus, write_images
from crstudy.instrument.csst_psf import effective_psf
from crstudy.instrument.drawn_psf import DrawnPsf, Optics
from crstudy.instrument.epsf import PsfGrid
from crstudy.simulation.acs import FIELD_MARGIN_ARCSEC, Stream, rate_limits
from crstudy.simulation.detector import Streams, expose
from crstudy.simulation.rays.generators import draw_rays
from crstudy.simulation.skies.render import Light, render_chip
from crstudy.simulation.skies.scene import draw_scene

#: Random stream of these exposures, before `Stream`, which divides it.
CSST_STREAM = 11
#: Pivot wavelength of the r band, Angstrom; only PHOTFLAM, which it goes with, depends on it.
PIVOT_ANGSTROM = 6200.0


def _rng(seed: int, stream: Stream, *indices: int) -> Generator:
    return default_rng([CSST_STREAM, seed, stream, *indices])


def _shape_px(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Return rows and columns of a tile."""
    return settings["tile_height_px"], settings["tile_width_px"]


def simulate_field(seed: int, field: int, settings: Mapping[str, Any]) -> Table:
    """Draw the sources of a field.

    Parameters
    ----------
    seed : int
        Seed of the study.
    field : int
        Number of the field, from 1.
    settings : mapping
        The configuration section ``csst``.

    Returns
    -------
    Table
        As `crstudy.simulation.skies.scene.draw_scene`; all exposures of the field show it.
    """
    rng = _rng(seed, Stream.FIELD, field)
    centre = SkyCoord(rng.uniform(0, 360), rng.uniform(-40, 40), unit="deg")
    half_size = max(_shape_px(settings)) / 2 * settings["pixel_scale_arcsec"] + FIELD_MARGIN_ARCSEC
    classes = settings["field_classes"]
    field_class = classes[(field - 1) % len(classes)]
    zero_point_mag = settings["zero_point_mag"]
    scene = draw_scene(rng, field_class, centre, half_size, zero_point_mag, pointed=False)
    scene.meta |= {"pointing_ra": centre.ra.deg, "pointing_dec": centre.dec.deg}
    return scene


def tile_header(catalogue: Table, settings: Mapping[str, Any]) -> fits.Header:
    """Make the SCI header of a tile in the middle of its field, north up.

    Parameters
    ----------
    catalogue : Table
        Of `simulate_field`.
    settings : mapping
        The configuration section ``csst``.

    Returns
    -------
    astropy.io.fits.Header
        Gnomonic projection without distortion, unit and photometric zero point.
    """
    height, width = _shape_px(settings)
    scale_deg = settings["pixel_scale_arcsec"] / 3600
    ab_mag = settings["zero_point_mag"] + 5 * np.log10(PIVOT_ANGSTROM) + 2.408
    return fits.Header(
        {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRPIX1": (width + 1) / 2,
            "CRPIX2": (height + 1) / 2,
            "CRVAL1": catalogue.meta["pointing_ra"],
            "CRVAL2": catalogue.meta["pointing_dec"],
            "CD1_1": -scale_deg,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
            "CD2_2": scale_deg,
            "BUNIT": "ELECTRONS",
            "PHOTFLAM": 10 ** (-0.4 * ab_mag),
            "PHOTPLAM": PIVOT_ANGSTROM,
        }
    )


def simulate_tile(
    catalogue: Table,
    flc_path: str | Path,
    truth_path: str | Path,
    *,
    seed: int,
    field: int,
    exptime_s: int,
    settings: Mapping[str, Any],
    psf: galsim.GSObject | None = None,
) -> None:
    """Simulate one exposure of a field and write it with its truth.

    Parameters
    ----------
    catalogue : Table
        Of `simulate_field`.
    flc_path : path-like
        Calibrated exposure to write, e-; its name begins with the rootname.
    truth_path : path-like
        Truth to write, as that of `crstudy.simulation.acs.simulate_exposure`.
    seed, field : int
        As for `simulate_field`.
    exptime_s : int
        Exposure time, s. Exposures of a field share its sources and its hot and warm pixels.
    settings : mapping
        The configuration section ``csst``.
    psf : galsim.GSObject, optional
        Another PSF than that of the settings, as
        `crstudy.instrument.csst_psf.effective_psf` returns it.
    """
    header = tile_header(catalogue, settings)
    shape = _shape_px(settings)
    limits_e_per_s = rate_limits(settings, settings["sky_e_per_s"], exptime_s)
    light = _render(catalogue, WCS(header), settings, limits_e_per_s, psf)
    scene = (light.total + settings["sky_e_per_s"]) * exptime_s
    hits = _rng(seed, Stream.COSMIC_RAYS, field, exptime_s)
    cr = draw_rays(hits, shape, exptime_s, settings["cosmic_rays"])
    streams = Streams(
        noise=_rng(seed, Stream.EXPOSURE, field, exptime_s),
        defects=_rng(seed, Stream.DETECTOR, field),
        unstable=_rng(seed, Stream.UNSTABLE_PIXELS, field, exptime_s),
    )
    sci, dq = expose(streams, scene, cr, exptime_s, settings)
    dark_e, read_noise_e = settings["dark_e_per_s"] * exptime_s, settings["read_noise_e"]
    err = np.sqrt(np.maximum(sci, 0) + np.float32(dark_e + read_noise_e**2))
    images = {("CR", 1): cr, ("SCENE", 1): scene.astype(np.float32)}
    images["STRATUM", 1] = light.strata(limits_e_per_s[1])
    write_images(truth_path, images, {"DARK_E": dark_e, "RDNOISE": read_noise_e})
    primary = _primary_header(Path(flc_path).name, exptime_s, catalogue.meta["field_class"])
    primary.update({f"READNSE{amplifier}": read_noise_e for amplifier in "ABCD"})
    hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(sci, header, name="SCI", ver=1)]
    hdus += [fits.ImageHDU(err, name="ERR", ver=1), fits.ImageHDU(dq, name="DQ", ver=1)]
    write_hdus(flc_path, fits.HDUList(hdus))


def _render(
    catalogue: Table,
    wcs: WCS,
    settings: Mapping[str, Any],
    limits_e_per_s: tuple[float, float],
    psf: galsim.GSObject | None,
) -> Light:
    """Render the count rate of the sources."""
    grid = PsfGrid(np.zeros(1), np.zeros(1), (psf or effective_psf(settings),))
    drawn = DrawnPsf(grid, Optics(), wings=False)
    return render_chip(catalogue, wcs, _shape_px(settings), drawn, (0, 0), *limits_e_per_s)


def _primary_header(file: str, exptime_s: int, field_class: str) -> fits.Header:
    return fits.Header(
        {
            "TELESCOP": "CSST",
            "INSTRUME": "MSC",
            "DETECTOR": "CCD",
            "FILTER": "r",
            "ROOTNAME": file.split("_")[0],
            "FILENAME": file,
            "TARGNAME": field_class.upper(),
            "EXPTIME": float(exptime_s),
            "CAL_VER": SIMULATED,
            "NEXTEND": 3,
        }
    )
