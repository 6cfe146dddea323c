"""Refuse damaged FITS files: by their headers, before any array is made, then by the arrays."""

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
EDITED = f"{COMPLETE}; if you edited it, renew its checksums (astropy: hdu.add_checksum())"
#: What headers may consist of, and types of pixels (FITS standard 4.0, sections 3.2 and 4.4.1).
PRINTABLE = bytes(range(0x20, 0x7F))
BITPIX = (8, 16, 32, 64, -32, -64)


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


def check_file(path: str | Path, *, together: bool) -> None:
    """Refuse a file that is damaged: by `check_sizes`, its arrays, its length or its checksums.

    Parameters
    ----------
    path : path-like
        FITS file. All of its arrays are read.
    together : bool
        As for `check_sizes`.

    Raises
    ------
    StudyError
        It is damaged, holds less than NEXTEND says, or more than its HDUs.
    """
    path = Path(path)
    check_sizes(path, together=together)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Astropy only warns of a wrong checksum.
            warnings.filterwarnings("error", message=".*verification failed.*")
            with (
                path.open("rb") as file,
                fits.open(file, memmap=False, checksum=True, lazy_load_hdus=False) as hdus,
            ):
                for number, hdu in enumerate(hdus):
                    if hdu.header.get("BSCALE") == 0:
                        raise ValueError(f"BSCALE of HDU {number} is 0")
                    _ = hdu.data
                    del hdu.data  # files may be larger than the memory
                last = hdus[-1].fileinfo()
                extensions = len(hdus) - 1
                announced = int(hdus[0].header.get("NEXTEND", 0))
    except MemoryError:
        raise
    except Exception as error:  # what is damaged can raise almost anything
        problem = f"truncated or damaged ({' '.join(str(error).split())})"
        fix = EDITED if "verification failed" in problem else COMPLETE
        raise StudyError(path, problem, fix) from None
    # Astropy silently drops an extension that it cannot read.
    end, size = last["datLoc"] + last["datSpan"], path.stat().st_size
    if end != size:
        problem = f"truncated or damaged: what can be read ends at byte {end} of {size}"
        raise StudyError(path, problem, COMPLETE)
    if extensions < announced:
        problem = f"truncated: holds {extensions} of {announced} extensions"
        raise StudyError(path, problem, COMPLETE)


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
        It is no FITS file, compressed, truncated, not readable or too large, or has a header
        that is no valid one.
    """
    path = Path(path)
    try:
        if path.is_fifo():  # opening it would wait for ever
            raise StudyError(path, "is a pipe", "give a file")
        with path.open("rb") as file, warnings.catch_warnings():
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
    """Read a header, to its END, and refuse cards that astropy cannot read or write."""
    header = b""
    for _ in range(MAX_HEADER_BLOCKS):
        block = file.read(BLOCK)
        header += block
        if len(block) < BLOCK:
            break
        for card in (block[i : i + 80].rstrip(b" \0") for i in range(0, BLOCK, 80)):
            if card == b"END":
                return fits.Header.fromstring(header)
            try:
                valid = not card.translate(None, PRINTABLE)
                _ = valid and fits.Card.fromstring(card).value
            except fits.VerifyError:
                valid = False
            if not valid:
                problem = f"damaged: HDU {number} has a card that is not valid, {card}"
                raise StudyError(path, problem, f"correct that card, or {COMPLETE}")
    raise StudyError(path, f"truncated: the header of HDU {number} has no END", COMPLETE)


def _array(path: Path, header: fits.Header, number: int) -> tuple[int, int]:
    """Return how many bytes the array of an HDU fills, and how many elements it has unpacked."""
    try:
        axes = _axes(header, "NAXIS")
        # The bytes that precede and follow a table's or a group's rows (FITS standard, eq. 2).
        more, groups = (_whole(header.get(key, n)) for key, n in (("PCOUNT", 0), ("GCOUNT", 1)))
        elements = math.prod(axes[axes[:1] == [0] :]) if axes else 0
        if header["BITPIX"] not in BITPIX:
            raise ValueError(f"BITPIX {header['BITPIX']}")
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
