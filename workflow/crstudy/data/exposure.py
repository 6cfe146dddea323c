"""Read calibrated HST exposures and read and write per-chip images."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from crstudy.core.atomic import complete_file
from crstudy.core.errors import StudyError
from crstudy.data.fits_sizes import COMPLETE, check_sizes

#: Calibrated ACS and WFC3/UVIS images are in electrons; IR and drizzled images in electrons/s.
ELECTRON_UNITS = ("ELECTRONS", "ELECTRON")

#: CAL_VER of simulated exposures.
SIMULATED = "simulated"


@dataclass(frozen=True)
class Chip:
    """One CCD of an exposure.

    Attributes
    ----------
    extver : int
        FITS extension version of the chip's SCI and DQ.
    sci : ndarray, shape (ny, nx), float32
        Science image in electrons.
    dq : ndarray, shape (ny, nx), int32
        Data-quality bits.
    header : astropy.io.fits.Header
        Header of the SCI extension.
    """

    extver: int
    sci: NDArray[np.float32]
    dq: NDArray[np.int32]
    header: fits.Header


@dataclass(frozen=True)
class Exposure:
    """A calibrated exposure: its name, primary header and chips."""

    name: str
    header: fits.Header
    chips: tuple[Chip, ...]


def observed_with(header: Mapping[str, object]) -> str:
    """Name camera and filters, e.g. ``'ACS/WFC F606W'``; simulated exposures say so.

    Parameters
    ----------
    header : mapping
        Primary header of an exposure.

    Returns
    -------
    str

    Examples
    --------
    >>> header = {"INSTRUME": "ACS", "DETECTOR": "WFC", "FILTER1": "F606W", "FILTER2": "CLEAR2L"}
    >>> observed_with(header)
    'ACS/WFC F606W'
    """
    names = [str(header.get(key, "")).strip() for key in ("FILTER", "FILTER1", "FILTER2")]
    filters = [name for name in names if name and not name.startswith("CLEAR")]
    camera = f"{str(header.get('INSTRUME')).strip()}/{str(header.get('DETECTOR')).strip()}"
    simulated = ["simulated"] if header.get("CAL_VER") == SIMULATED else []
    return " ".join([*simulated, camera, *filters])


def read_noise(header: Mapping[str, object]) -> float:
    """Return the mean read noise of the amplifiers that read the detector, e-.

    Parameters
    ----------
    header : mapping
        Primary header of an exposure. Without CCDAMP all four amplifiers were in use.

    Returns
    -------
    float
        AstroDrizzle as well takes one read noise for the chip.

    Examples
    --------
    Of a subarray, the header gives 0 for amplifiers that are not in use:

    >>> header = {"READNSEA": 0.0, "READNSEB": 0.0, "READNSEC": 3.08, "READNSED": 0.0}
    >>> read_noise(header | {"CCDAMP": "C"})
    3.08
    """
    amplifiers = str(header.get("CCDAMP", "ABCD")).strip()
    return float(np.mean([header[f"READNSE{amplifier}"] for amplifier in amplifiers]))


def read_exposure(path: str | Path) -> Exposure:
    """Read and check a calibrated exposure (``_flc.fits`` or ``_flt.fits``).

    Parameters
    ----------
    path : path-like
        FITS file with one SCI and one DQ extension per chip, in electrons.

    Returns
    -------
    Exposure

    Raises
    ------
    StudyError
        The file is not a FITS file, is truncated or too large (`check_sizes`), a SCI or DQ
        extension is missing or there twice, the unit is not electrons, shapes differ, DQ is not
        of integers of 16 bits or more, a pixel is too large, or a chip has no finite pixel.
    """
    path = Path(path)
    check_sizes(path, together=True)
    try:
        with warnings.catch_warnings():
            # A truncated file is only a warning to astropy.
            warnings.filterwarnings("error", message=".*truncated.*")
            with path.open("rb") as file, fits.open(file, memmap=False) as hdus:
                header = hdus[0].header.copy()
                vers = sorted(h.ver for h in hdus if h.name == "SCI")
                with np.errstate(over="raise"):
                    chips = tuple(_read_chip(path, hdus, ver) for ver in vers)
                lost = [h.ver for h in hdus if h.name == "DQ" and h.ver not in vers]
    except StudyError:
        raise
    except (ArithmeticError, KeyError, OSError, TypeError, ValueError, Warning) as error:
        problem = f"truncated or damaged ({' '.join(str(error).split())})"
        raise StudyError(path, problem, COMPLETE) from None
    if not chips:
        raise StudyError(path, "has no SCI extension", "use a calibrated _flc.fits file")
    if lost:
        raise StudyError(path, f"has DQ,{lost[0]} but no SCI,{lost[0]} extension", COMPLETE)
    return Exposure(str(header.get("ROOTNAME", path.name.split("_")[0])).strip(), header, chips)


def _read_chip(path: Path, hdus: fits.HDUList, ver: int) -> Chip:
    """Read chip `ver` of an open file and check it."""
    if ("DQ", ver) not in hdus:
        raise StudyError(
            path, f"has SCI,{ver} but no DQ,{ver} extension", "use a calibrated _flc.fits file"
        )
    for name in ("SCI", "DQ"):
        if sum((h.name, h.ver) == (name, ver) for h in hdus) > 1:
            raise StudyError(path, f"has {name},{ver} more than once", COMPLETE)
    sci, dq = hdus["SCI", ver], hdus["DQ", ver]
    unit = str(sci.header.get("BUNIT", "missing")).strip().upper()
    if unit not in ELECTRON_UNITS:
        raise StudyError(
            path,
            f"SCI,{ver} has BUNIT {unit!r}, not 'ELECTRONS'",
            "use the calibrated _flc.fits file, or multiply count rates by EXPTIME and set "
            "BUNIT to ELECTRONS",
        )
    image = np.asarray(sci.data, dtype=np.float32)
    if not np.isfinite(image).any():
        raise StudyError(path, f"SCI,{ver} has no finite pixel", "leave it out")
    flags = read_flags(path, dq, image.shape).astype(np.int32)
    return Chip(ver, image, flags, sci.header.copy())


def read_shapes(path: str | Path) -> list[tuple[int, ...]]:
    """Return the shapes of the images of an exposure's chips, from its headers.

    Raises
    ------
    StudyError
        The file is gone.
    """
    try:
        with fits.open(path) as hdus:
            return [hdu.shape for hdu in hdus if hdu.name == "SCI"]
    except FileNotFoundError:
        fix = "run the study without naming results, which makes it again"
        raise StudyError(path, "no such file, and its size is needed", fix) from None


def read_flags(path: Path, dq: fits.ImageHDU, shape: tuple[int, ...]) -> NDArray[np.integer]:
    """Read the data-quality bits of an image of this shape.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    dq : ImageHDU
        Its DQ: data, or one value for all pixels (ACS Data Handbook, section 2.2).
    shape : tuple of int
        Shape of the image.

    Returns
    -------
    ndarray
        The bits in the file's type.

    Raises
    ------
    StudyError
        They are no integers of 16 bits or more, or of another shape.
    """
    name, calibrated = f"DQ,{dq.ver}", "use a calibrated _flc.fits file"
    if dq.data is None:
        value = dq.header.get("PIXVALUE", 0)
        if value not in range(-(2**15), 2**15):
            problem = f"{name} has PIXVALUE {value!r}, not an integer of 16 bits"
            raise StudyError(path, problem, calibrated)
        return np.full(shape, value, np.int16)
    kind = dq.data.dtype
    if kind.kind not in "iu" or kind.itemsize < 2:
        problem = f"{name} holds {kind}, not integers of 16 bits or more"
        raise StudyError(path, problem, calibrated)
    if dq.data.shape != shape:
        raise StudyError(path, f"{name} is {dq.data.shape} but its image {shape}", COMPLETE)
    return dq.data


def write_images(
    path: str | Path,
    images: Mapping[tuple[str, int], NDArray],
    header: Mapping[str, object] | None = None,
) -> None:
    """Write per-chip images into one FITS file.

    Parameters
    ----------
    path : path-like
        Output file; appears only when complete.
    images : mapping of (EXTNAME, EXTVER) to ndarray
        Images; boolean ones are stored as uint8.
    header : mapping, optional
        Cards of the primary header.
    """
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for key, value in (header or {}).items():
        hdus[0].header[key] = value
    for (name, ver), image in images.items():
        data = image.astype(np.uint8) if image.dtype == bool else image
        hdus.append(fits.ImageHDU(data, name=name, ver=ver))
    write_hdus(path, hdus)


def write_hdus(path: str | Path, hdus: fits.HDUList) -> None:
    """Write a FITS file with checksums but without the time of writing.

    Parameters
    ----------
    path : path-like
        Output file; appears only when complete.
    hdus : HDUList
        Content; equal content gives equal bytes.
    """
    for hdu in hdus:
        hdu.add_checksum(when="of this HDU")
    with complete_file(path) as part:
        hdus.writeto(part)


def read_images(path: str | Path, name: str) -> dict[int, NDArray]:
    """Read all images called `name` from a file of `write_images`.

    Parameters
    ----------
    path : path-like
        FITS file.
    name : str
        EXTNAME of the images.

    Returns
    -------
    dict of int to ndarray
        Native-endian images by EXTVER.

    Raises
    ------
    StudyError
        The file holds no such image.
    """
    images = find_images(path, name)
    if not images:
        fix = f"delete {Path(path).parent} and run again"
        raise StudyError(path, f"has no {name} extension", fix)
    return images


def find_images(path: str | Path, name: str) -> dict[int, NDArray]:
    """Read all images called `name`, as `read_images`, but an absent name is not an error."""
    with fits.open(path, memmap=False) as hdus:
        return {
            h.ver: h.data.astype(h.data.dtype.newbyteorder("=")) for h in hdus if h.name == name
        }
