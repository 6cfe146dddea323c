"""Read from the headers alone how large a FITS file's arrays are, before any is made."""

import math
import os
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from astropy.io import fits
from astropy.io.fits.hdu.compressed import _codecs

from crstudy.core.errors import StudyError, unreadable

#: FITS standard 4.0, section 3.1.
BLOCK = 2880
#: Most pixels of an image, and of all images of an exposure: three times a 9216 x 9232 detector
#: of CSST, with errors and flags; 1 GiB as float32.
MAX_PIXELS = 2**28
#: HST's calibrated exposures have about 13 HDUs and 10 blocks a header, mosaic cameras about 70.
MAX_HDUS, MAX_HEADER_BLOCKS = 1000, 1000
#: Largest tile of a tile-compressed image, unpacked, bytes: 4096 x 4096 px of eight bytes.
MAX_TILE = 2**27
#: How compressed files begin, their kind, and what unpacks them; astropy would, whatever the name.
COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gzip"),
    b"\x1f\x9d": ("compress", "gzip"),
    b"BZh": ("bzip2", "bzip2"),
    b"\xfd7zXZ": ("xz", "xz"),
    b"PK\x03\x04": ("zip", "gzip"),
}
COMPLETE = "put a complete copy in its place"


def _unpack_tile(packed: bytes) -> bytes:
    """Unpack a gzip tile; astropy's own way fills the memory with whatever it holds."""
    try:
        tile = zlib.decompressobj(wbits=31).decompress(packed, MAX_TILE + 1)
    except zlib.error as error:
        raise OSError(f"a tile is no gzip data: {error}") from None
    if len(tile) > MAX_TILE:
        raise OSError(f"a tile holds more than {MAX_TILE:,} bytes")
    return tile


_codecs.gzip_decompress = _unpack_tile


def check_sizes(path: str | Path, *, together: bool) -> None:
    """Refuse a file that is no FITS file, is truncated, or whose arrays would fill the memory.

    Parameters
    ----------
    path : path-like
        The file. No array is made of it.
    together : bool
        Whether `MAX_PIXELS` limits all images together, or each of them.

    Raises
    ------
    StudyError
        It is no FITS file, compressed, truncated, not readable or too large.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # Of cards that are not valid: those that matter raise errors.
            warnings.simplefilter("ignore")
            pixels = list(_pixels(path, file))
    except FileNotFoundError:
        raise StudyError(path, "no such file", "check its name") from None
    except OSError as error:
        raise unreadable(path, error) from None
    most = sum(pixels) if together else max(pixels)
    if most > MAX_PIXELS:
        problem = f"announces {most:,} pixels, more than {MAX_PIXELS:,}"
        raise StudyError(path, problem, "cut it into smaller images, or leave it out")


def _pixels(path: Path, file: BinaryIO) -> Iterator[int]:
    """Yield how many elements the array of each HDU has, unpacked."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    for magic, (kind, tool) in COMPRESSED.items():
        if start.startswith(magic):
            raise StudyError(
                path,
                f"is compressed ({kind})",
                f"unpack it: {tool} -dc < {path.name} > COPY; put the copy in its place",
            )
    if start != b"SIMPLE  ":
        raise StudyError(path, "not a FITS file", COMPLETE)
    end, number = 0, 0
    while start in (b"SIMPLE  ", b"XTENSION"):
        file.seek(end)
        header = _header(path, file, number)
        length, pixels = _array(path, header, number)
        if length > size - file.tell():
            there = max(0, size - file.tell())
            problem = f"truncated: HDU {number} announces {length:,} bytes, {there:,} are there"
            raise StudyError(path, problem, COMPLETE)
        yield pixels
        end, number = file.tell() + math.ceil(length / BLOCK) * BLOCK, number + 1
        if number > MAX_HDUS:
            raise StudyError(path, f"has more than {MAX_HDUS} HDUs", "leave it out")
        file.seek(end)
        start = file.read(8)


def _header(path: Path, file: BinaryIO, number: int) -> fits.Header:
    """Read a header, to its END."""
    header = b""
    for _ in range(MAX_HEADER_BLOCKS):
        block = file.read(BLOCK)
        header += block
        if len(block) < BLOCK:
            break
        if any(block[i : i + 80].strip(b" \0") == b"END" for i in range(0, BLOCK, 80)):
            return fits.Header.fromstring(header)
    raise StudyError(path, f"truncated: the header of HDU {number} has no END", COMPLETE)


def _array(path: Path, header: fits.Header, number: int) -> tuple[int, int]:
    """Return how many bytes the array of an HDU fills, and how many elements it has unpacked."""
    try:
        axes = _axes(header, "NAXIS")
        # The bytes that precede and follow a table's or a group's rows (FITS standard, eq. 2).
        more, groups = (_whole(header.get(key, n)) for key, n in (("PCOUNT", 0), ("GCOUNT", 1)))
        elements = math.prod(axes[axes[:1] == [0] :]) if axes else 0
        length = abs(header["BITPIX"]) // 8 * groups * (more + elements) if axes else 0
        if not header.get("ZIMAGE", False):
            return length, elements
        tiles = [_whole(header.get(f"ZTILE{n + 1}", 1)) for n in range(header["ZNAXIS"])]
        return length, max(math.prod(_axes(header, "ZNAXIS")), math.prod(tiles))
    except (KeyError, TypeError, ValueError, fits.VerifyError) as error:
        problem = f"damaged: the header of HDU {number} has no valid size ({error})"
        raise StudyError(path, problem, COMPLETE) from None


def _axes(header: fits.Header, key: str) -> list[int]:
    """Return the lengths of the axes of an array."""
    return [_whole(header[f"{key}{n + 1}"]) for n in range(_whole(header[key]))]


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no whole number")
    return value
