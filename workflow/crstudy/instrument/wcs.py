"""World coordinates of an exposure's chips, with all of their distortion."""

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray

from crstudy.core.atomic import complete_file

#: Cards of SCI headers by EXTVER.
Cards = Mapping[int, Mapping[str, float | str]]

#: Distortion of ACS/WFC moves a pixel by less than this; further off the chip nothing is inverted.
NEAR_PX = 200


def read_wcs(path: str | Path, cards: Cards | None = None) -> dict[int, WCS]:
    """Read the world coordinates of each chip.

    Parameters
    ----------
    path : path-like
        Calibrated exposure; SIP polynomials and lookup tables (D2IM, NPOL) are used.
    cards : Cards, optional
        Cards that take the place of those in the file.

    Returns
    -------
    dict of int to WCS
        By EXTVER of SCI.
    """
    chips = {}
    with fits.open(path, memmap=False) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        for hdu in hdus:
            if hdu.name == "SCI":
                hdu.header.update((cards or {}).get(hdu.ver, {}))
                chips[hdu.ver] = WCS(hdu.header, hdus)
    return chips


def write_cards(source: str | Path, out_path: str | Path, cards: Cards) -> None:
    """Copy an exposure and change cards of its SCI headers.

    Parameters
    ----------
    source : path-like
        Calibrated exposure; never changed.
    out_path : path-like
        Copy, which appears only when complete: byte for byte without cards, else with the same
        data.
    cards : Cards
        Linear world coordinates, with their names; ORIENTAT and checksums, where there, follow.
    """
    with complete_file(out_path) as part:
        # copyfile leaves out the permissions: archives may be read-only.
        shutil.copyfile(source, part)
        if not cards:
            return
        with fits.open(part, mode="update", memmap=False, do_not_scale_image_data=True) as hdus:
            for ver, changes in cards.items():
                hdu = hdus["SCI", ver]
                for key, value in changes.items():
                    hdu.header[key] = value
                if "ORIENTAT" in hdu.header:
                    east_of_north = np.arctan2(hdu.header["CD1_2"], hdu.header["CD2_2"])
                    hdu.header["ORIENTAT"] = float(np.degrees(east_of_north))
                if "CHECKSUM" in hdu.header:
                    hdu.add_checksum(when=hdu.header.comments["CHECKSUM"])


def on_chip(
    wcs: WCS, sky: SkyCoord, shape: tuple[int, int], edge_fraction: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Find sky positions on a chip.

    Parameters
    ----------
    wcs : WCS
        World coordinates of the chip.
    sky : SkyCoord, shape (n,)
        Positions.
    shape : (int, int)
        Rows and columns of the chip.
    edge_fraction : float
        Positions must lie further than this from every edge, as a fraction of the shorter side.

    Returns
    -------
    inside : ndarray of bool, shape (n,)
        Positions on the chip.
    x, y : ndarray, shape (n,)
        Columns and rows, from 0; NaN far off the chip.
    """
    rows, columns = shape
    ra, dec = sky.ra.deg, sky.dec.deg
    x, y = wcs.wcs_world2pix(ra, dec, 0)
    near = (x > -NEAR_PX) & (x < columns + NEAR_PX) & (y > -NEAR_PX) & (y < rows + NEAR_PX)
    x[~near], y[~near] = np.nan, np.nan
    if near.any():
        x[near], y[near] = wcs.all_world2pix(ra[near], dec[near], 0)
    return is_inside(x, y, shape, edge_fraction), x, y


def is_inside(
    x: NDArray[np.floating], y: NDArray[np.floating], shape: tuple[int, int], edge_fraction: float
) -> NDArray[np.bool_]:
    """Tell which positions on a chip lie far from its edges.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Columns and rows, from 0; a pixel's centre has an integer position.
    shape : (int, int)
        Rows and columns of the chip.
    edge_fraction : float
        Distance from the four edges, as a fraction of the shorter side.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    rows, columns = shape
    nearest = np.min([x + 0.5, columns - 0.5 - x, y + 0.5, rows - 0.5 - y], axis=0)
    return nearest > edge_fraction * min(shape)
