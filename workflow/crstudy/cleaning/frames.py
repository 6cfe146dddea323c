"""Read the images of a FITS file, and write it again with flags and cleaned images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy import __version__
from crstudy.core.atomic import complete_file
from crstudy.core.errors import StudyError
from crstudy.data.exposure import Exposure, read_exposure, read_flags
from crstudy.data.fits_sizes import COMPLETE, check_file

#: Cameras whose calibrated files have SCI, ERR and DQ of each chip, in electrons.
CAMERAS = (("ACS", "WFC"), ("ACS", "HRC"), ("WFC3", "UVIS"))


@dataclass(frozen=True)
class Image:
    """An image of a file.

    Attributes
    ----------
    hdu : int or (str, int)
        Its place in the file.
    extver : int
        EXTVER of its DQ: that of SCI; for other images one more than the number of the HDU.
    electrons : ndarray, shape (ny, nx), float32
        The image, e-.
    scale : float
        Electrons per unit of the file.
    header : Header, optional
        Its header.
    """

    hdu: int | tuple[str, int]
    extver: int
    electrons: NDArray[np.float32]
    scale: float = 1.0
    header: fits.Header | None = None


@dataclass(frozen=True)
class Cleaned:
    """What was found in an image: flagged pixels and, if wanted, the image without them, e-."""

    image: Image
    mask: NDArray[np.bool_]
    repaired: NDArray[np.float32] | None = None


def read_hst(path: Path) -> tuple[Exposure, list[Image]]:
    """Read a calibrated exposure of a CCD camera of HST.

    Parameters
    ----------
    path : pathlib.Path
        ``_flc.fits`` or ``_flt.fits`` of one of `CAMERAS`.

    Raises
    ------
    StudyError
        The file is of another kind, or damaged.
    """
    check_file(path, together=False)
    header = fits.getheader(path)
    camera = tuple(str(header.get(key, "?")).strip() for key in ("INSTRUME", "DETECTOR"))
    if camera not in CAMERAS:
        known = ", ".join("/".join(names) for names in CAMERAS)
        raise StudyError(
            path,
            f"is from {'/'.join(camera)}, not from {known}",
            "name its images and the electrons per unit, such as --ext SCI --scale ATODGAIN",
        )
    exposure = read_exposure(path)
    return exposure, [
        Image(("SCI", c.extver), c.extver, c.sci, header=c.header) for c in exposure.chips
    ]


def read_other(path: Path, extensions: Sequence[str], scale: str) -> list[Image]:
    """Read images of any FITS file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    extensions : sequence of str
        Numbers of HDUs, their EXTNAME, or ``EXTNAME,EXTVER``.
    scale : str
        Electrons per unit: a number, or a keyword of the header that has it.

    Raises
    ------
    StudyError
        The file is damaged or has no such image or keyword.
    """
    check_file(path, together=False)
    try:
        with np.errstate(over="raise"), fits.open(path, memmap=False) as hdus:
            numbers = {n: None for ext in extensions for n in _find(path, hdus, ext)}
            return [_read_image(path, hdus, number, scale) for number in numbers]
    except ArithmeticError as error:
        raise StudyError(path, f"has a pixel that is too large ({error})", COMPLETE) from None


def _find(path: Path, hdus: fits.HDUList, extension: str) -> list[int]:
    """Return the numbers of the HDUs that are meant."""
    name, _, ver = extension.upper().partition(",")
    found = [
        number
        for number, hdu in enumerate(hdus)
        if name == str(number) or (name == hdu.name and ver in ("", str(hdu.ver)))
    ]
    if not found:
        there = ", ".join(f"{n} ({hdu.name},{hdu.ver})" for n, hdu in enumerate(hdus))
        raise StudyError(path, f"has no extension {extension}", f"use one of {there}")
    return found


def _read_image(path: Path, hdus: fits.HDUList, number: int, scale: str) -> Image:
    """Read an image in electrons."""
    hdu = hdus[number]
    where = f"{path}[{number}]"
    if not hdu.is_image or hdu.data is None or hdu.data.ndim != 2:
        raise StudyError(where, "is no two-dimensional image", "name another one with --ext")
    try:
        text = hdu.header.get(scale.upper(), hdus[0].header.get(scale.upper(), scale))
        factor = float(text)
    except (TypeError, ValueError):
        factor = 0.0
    if not 0 < factor < np.inf:
        problem = f"--scale {scale} is no positive number, nor a keyword of its header with one"
        raise StudyError(where, problem, "give the electrons per unit of the image")
    electrons = hdu.data.astype(np.float32) * np.float32(factor)
    if not np.isfinite(electrons).any():
        raise StudyError(where, "has no finite pixel", "leave it out")
    # Images with other names than SCI mostly share one EXTVER.
    extver = hdu.ver if hdu.name == "SCI" else number + 1
    return Image(number, extver, electrons, factor, hdu.header.copy())


def write_cleaned(
    source: Path, target: Path, found: Sequence[Cleaned], dq_bit: int, history: Sequence[str]
) -> None:
    """Write a file again with its cosmic rays flagged.

    All headers and extensions are kept; those that do not change are copied byte by byte. The
    bit means these cosmic rays alone: where it was set before, it is cleared. A file without
    DQ gets one.

    Parameters
    ----------
    source, target : pathlib.Path
        May be the same file; `target` appears only when complete.
    found : sequence of Cleaned
        Masks, and cleaned images for those that are to be changed.
    dq_bit : int
        Bit of DQ that means a cosmic ray.
    history : sequence of str
        HISTORY of the primary header.
    """
    # Blank pixels of integers stay as they are: they are never flagged.
    with fits.open(source, memmap=False, ignore_blank=True) as hdus:
        for one in found:
            hdu = hdus[one.image.hdu]
            if one.repaired is not None:
                data = hdu.data.copy()
                # Other pixels keep their bits whatever the type and scale.
                data[one.mask] = one.repaired[one.mask] / one.image.scale
                hdu.data = data
                _sum(hdu)
            _flag(source, hdus, one, dq_bit)
        for line in history:
            hdus[0].header.add_history(line)
        _sum(hdus[0])
        with complete_file(target) as part:
            hdus.writeto(part, output_verify="ignore")


def write_inpainted(
    source: Path, target: Path, found: Sequence[Cleaned], dq_bit: int, history: Sequence[str]
) -> None:
    """Write the cleaned images of an exposure with its headers, but without its errors.

    Parameters
    ----------
    source, target : pathlib.Path
        Exposure, and the file to write. Per chip that has INPAINT, the cleaned image in e-, with
        the header of SCI, and DQ (compressed without loss); besides the primary header and the
        extensions that the world coordinates need.
    found, dq_bit, history
        As for `write_cleaned`.
    """
    with fits.open(source, memmap=False) as hdus:
        images = []
        for one in found:
            _flag(source, hdus, one, dq_bit)
            place, ver = one.image.hdu, one.image.extver
            header, flags = hdus[place].header, hdus["DQ", ver].data
            images.append(fits.ImageHDU(one.repaired, header, name="INPAINT", ver=ver))
            images.append(fits.CompImageHDU(flags, name="DQ", compression_type="RICE_1"))
            images[-1].ver = ver
        for line in history:
            hdus[0].header.add_history(line)
        for hdu in (hdus[0], *images):
            _sum(hdu)
        others = [hdu for hdu in hdus[1:] if hdu.name not in ("SCI", "ERR", "DQ")]
        with complete_file(target) as part:
            fits.HDUList([hdus[0], *images, *others]).writeto(part, output_verify="ignore")


def _flag(source: Path, hdus: fits.HDUList, one: Cleaned, bit: int) -> None:
    """Set a bit of DQ in the flagged pixels and nowhere else."""
    place = ("DQ", one.image.extver)
    if place not in hdus:
        hdus.append(fits.ImageHDU(np.zeros(one.mask.shape, np.int16), name="DQ", ver=place[1]))
    hdu = hdus[place]
    data = read_flags(source, hdu, one.mask.shape)
    if hdu.data is None:
        for key in ("NPIX1", "NPIX2", "PIXVALUE"):
            hdu.header.remove(key, ignore_missing=True)
    flag = data.dtype.type(bit)
    hdu.data = np.where(one.mask, data | flag, data & ~flag)
    _sum(hdu)


def _sum(hdu: fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU) -> None:
    """Make the checksums of a changed HDU right; a compressed one is left without."""
    if isinstance(hdu, fits.CompImageHDU):  # astropy 8.0 writes wrong ones
        for key in ("CHECKSUM", "DATASUM"):
            hdu.header.remove(key, ignore_missing=True)
    else:
        hdu.add_checksum(when="of this HDU")


def describe(
    net: str, sha256: str, threshold: float, dq_bit: int, steps: Sequence[str]
) -> list[str]:
    """Return the HISTORY of a cleaned file.

    Parameters
    ----------
    net, sha256 : str
        The mask net and the checksum of its weights.
    threshold : float
        Probability above which a pixel is flagged.
    dq_bit : int
        Bit of DQ that was set.
    steps : sequence of str
        Further lines.
    """
    return [
        f"crstudy {__version__}: cosmic rays flagged by DQ bit {dq_bit}",
        f"net {net}, probability above {threshold:g}",
        f"sha256 {sha256}",
        *steps,
    ]
