"""Headers of simulated ACS/WFC ``_flc.fits`` files: real distortion, any pointing."""

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from numpy.typing import NDArray

#: Rows and columns of an ACS/WFC chip.
CHIP_SHAPE_PX = (2048, 4096)


def chip_headers(
    templates: str | Path,
    pointing: SkyCoord,
    n_chips: int,
    shape: tuple[int, int],
) -> list[fits.Header]:
    """Return SCI headers of an exposure whose first chip points at `pointing`.

    Parameters
    ----------
    templates : path-like
        Folder with ``wfc_f606w_sci1.hdr`` and ``wfc_f606w_sci2.hdr``: real ACS/WFC headers with
        SIP distortion of order 4.
    pointing : SkyCoord
        Sky position of the reference pixel of SCI,1.
    n_chips : int
        1 or 2.
    shape : (int, int)
        Rows and columns; a chip smaller than 2048x4096 is cut from the chip's centre.

    Returns
    -------
    list of astropy.io.fits.Header
    """
    headers = [
        fits.Header.fromtextfile(Path(templates) / f"wfc_f606w_sci{chip}.hdr")
        for chip in range(1, n_chips + 1)
    ]
    first = _reference_position(headers[0])
    for header in headers:
        # Chips keep their separation on the sky.
        offset = first.spherical_offsets_to(_reference_position(header))
        position = pointing.spherical_offsets_by(*offset)
        header["CRVAL1"], header["CRVAL2"] = position.ra.deg, position.dec.deg
        row, column = cut_corner(shape)
        header["IDCXREF"], header["IDCYREF"] = header["CRPIX1"], header["CRPIX2"]
        header["CRPIX1"] -= column
        header["CRPIX2"] -= row
        header["LTV1"], header["LTV2"] = -float(column), -float(row)
        header["WCSNAME"] = "SIMULATED"
    return headers


def _reference_position(header: fits.Header) -> SkyCoord:
    return SkyCoord(header["CRVAL1"], header["CRVAL2"], unit="deg")


def cut_corner(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the row and column of the full chip at which a centred cut begins."""
    return (CHIP_SHAPE_PX[0] - shape[0]) // 2, (CHIP_SHAPE_PX[1] - shape[1]) // 2


def rows_from_amplifier(ver: int, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return how many rows each row of a centred cut is read out over, the amplifier's included.

    Parameters
    ----------
    ver : int
        EXTVER of the chip: 1 has its amplifiers below its first row, 2 above its last.
    shape : (int, int)
        Rows and columns of the cut.

    Returns
    -------
    ndarray, shape (ny,)

    Examples
    --------
    >>> rows_from_amplifier(1, (2048, 4096))[[0, -1]]
    array([   1, 2048])
    >>> rows_from_amplifier(2, (1024, 1024))[[0, -1]]
    array([1536,  513])
    """
    row = cut_corner(shape)[0] + np.arange(shape[0])
    return row + 1 if ver == 1 else CHIP_SHAPE_PX[0] - row


def dithered(pointing: SkyCoord, header: fits.Header, dx_px: float, dy_px: float) -> SkyCoord:
    """Return `pointing` moved by a dither along the detector's axes.

    Parameters
    ----------
    pointing : SkyCoord
        Undithered pointing.
    header : Header
        SCI header whose CD matrix orients the detector.
    dx_px, dy_px : float
        Dither in pixels.

    Returns
    -------
    SkyCoord
    """
    cd = np.array([[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]])
    east, north = cd @ (dx_px, dy_px) * u.deg
    return pointing.spherical_offsets_by(east, north)
