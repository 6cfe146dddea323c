"""Score maps on disk, and the check of their shape and values.

Probabilities of nets take two bytes a pixel before compression, and no decision changes; scores of
other methods are kept without loss.
"""

import gzip
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.io.fits.hdu.compressed import _codecs
from numpy.typing import NDArray

from crstudy.core.errors import MethodFault, StudyError
from crstudy.data.exposure import find_images, read_images, write_hdus

#: Equal steps of probability; thresholds of two digits, e.g. 0.35, lie between two of them.
N_STEPS = 65_500
#: FITS has signed 16-bit integers only: the first step is stored as this value.
FIRST = -32_750
#: Stored where the exposure is not finite.
BLANK = -32_768
# astropy lets gzip write the time into every row: equal maps would have other bytes.
_codecs.gzip_compress = partial(gzip.compress, mtime=0)
#: Names of the images in the files.
PROBABILITY, SCORE, STAR_SCORE = "PROBABILITY", "SCORE", "STAR_SCORE"
#: Keywords of world coordinates (FITS standard, section 8) and SIP polynomials.
WORLD = re.compile(
    r"WCS(AXES|NAME)|(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA)\d|(CD|PC|PV)\d_\d+|RADESYS|EQUINOX"
    r"|(LON|LAT)POLE|[AB]P?_(ORDER|DMAX|\d_\d)|LTV\d|LTM\d_\d"
)


def write_probabilities(
    path: str | Path,
    maps: Mapping[int, NDArray[np.float32]],
    model: str,
    arithmetic: str,
    cards: Mapping[str, str] | None = None,
    headers: Mapping[int, fits.Header] | None = None,
) -> None:
    """Write the probability maps of an exposure.

    A value becomes the centre of its step of 1/65500: it changes by less than 8e-6, and
    ``value > threshold`` stays what it is for every threshold of two digits. The keywords BSCALE
    and BZERO give any reader probabilities; nothing else is lost in compression (RICE_1).

    Parameters
    ----------
    path : path-like
        Output file; appears only when complete.
    maps : mapping of int to ndarray, shape (ny, nx), float32
        Probabilities 0..1 or NaN, by the EXTVER of the chip. `crstudy.data.exposure.read_images`
        reads them back.
    model, arithmetic : str
        Name of the net and type of its activations, for the header.
    cards : mapping of str to str, optional
        Further values of the primary header.
    headers : mapping of int to Header, optional
        Headers of the images, by EXTVER: their world coordinates are copied, without corrections
        that lie in extensions of their own.
    """
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header["MODEL"] = (model, "net")
    hdus[0].header["ARITHM"] = (arithmetic, "arithmetic of the net")
    hdus[0].header.update(cards or {})
    for ver, probability in maps.items():
        hdu = fits.CompImageHDU(_steps(probability), name=PROBABILITY, compression_type="RICE_1")
        hdu.ver = ver
        hdu.header["BSCALE"] = 1 / N_STEPS
        hdu.header["BZERO"] = (0.5 - FIRST) / N_STEPS
        hdu.header["BLANK"] = BLANK
        if headers:
            hdu.header.extend(c for c in headers[ver].cards if WORLD.fullmatch(c.keyword))
        hdus.append(hdu)
    write_hdus(path, hdus)


def _steps(probability: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the step ``(n, n + 1] / N_STEPS`` of each value, counted from `FIRST`."""
    # Edges in float32, as numpy compares a float32 map with a threshold.
    edges = (np.arange(N_STEPS + 1) / N_STEPS).astype(np.float32)
    finite = np.isfinite(probability)
    value = np.where(finite, probability, np.float32(0))
    step = (np.ceil(value * np.float64(N_STEPS)) - 1).clip(0, N_STEPS - 1).astype(np.int32)
    # Rounding of an edge may put it on the other side of a value.
    step -= (value <= edges[step]) & (step > 0)
    step += (value > edges[step + 1]) & (step < N_STEPS - 1)
    return np.where(finite, step + FIRST, BLANK).astype(np.int16)


def write_scores(
    path: str | Path,
    maps: Mapping[int, NDArray[np.float32]],
    missing: str,
    star_maps: Mapping[int, NDArray[np.float32]] | None = None,
) -> None:
    """Write the score maps of an exposure, without loss.

    Parameters
    ----------
    path : path-like
        Output file; appears only when complete.
    maps : mapping of int to ndarray, shape (ny, nx), float32
        By the EXTVER of the chip; none if the method has failed.
    missing : str
        Why the method failed; empty if it did not.
    star_maps : mapping of int to ndarray
        Those with the parameters tuned for stars, unless these are the same.
    """
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header["MISSING"] = (missing[:60], "why the method has no map")
    for name, some in ((SCORE, maps), (STAR_SCORE, star_maps or {})):
        for ver, score in some.items():
            hdu = fits.CompImageHDU(score, name=name, compression_type="GZIP_2", quantize_level=0.0)
            hdu.ver = ver
            hdus.append(hdu)
    write_hdus(path, hdus)


def read_scores(folder: str | Path, exposure: str) -> dict[int, NDArray[np.float32]]:
    """Read the score maps of an exposure.

    Parameters
    ----------
    folder : path-like
        Probabilities of a net, or scores of another method.
    exposure : str
        Dataset.

    Returns
    -------
    dict of int to ndarray, shape (ny, nx)
        By EXTVER; empty if the method is missing for this exposure.

    Raises
    ------
    StudyError
        The folder has no map of the exposure.
    """
    probability = Path(folder) / f"{exposure}_probability.fits"
    if probability.is_file():
        return read_images(probability, PROBABILITY)
    path = Path(folder) / f"{exposure}_score.fits"
    if not path.is_file():
        raise StudyError(
            folder,
            f"has neither {probability.name} nor {path.name}",
            "delete it and run again",
        )
    if fits.getval(path, "MISSING"):
        return {}
    return read_images(path, SCORE)


def read_star_scores(folder: str | Path, exposure: str) -> dict[int, NDArray[np.float32]]:
    """Read the score maps made with the parameters that are tuned for stars.

    Parameters
    ----------
    folder, exposure
        As for `read_scores`.

    Returns
    -------
    dict of int to ndarray, shape (ny, nx)
        By EXTVER; empty where those tuned for the full frame are the same.
    """
    path = Path(folder) / f"{exposure}_score.fits"
    return find_images(path, STAR_SCORE) if path.is_file() else {}


def check_map(name: str, score: NDArray[np.floating], finite: NDArray[np.bool_]) -> None:
    """Refuse a score map of another shape than its chip, or with NaN on it.

    Parameters
    ----------
    name : str
        The method.
    score : ndarray
        The map.
    finite : ndarray of bool, shape (ny, nx)
        Pixels of the chip that are finite.

    Raises
    ------
    MethodFault
        Names the method.
    """
    fix = "fix the method: docs/methods.md says what its score map must be"
    if score.shape != finite.shape:
        raise MethodFault(
            f"method {name}", f"score map of shape {score.shape}, chip of shape {finite.shape}", fix
        )
    holes = int((~np.isfinite(score[finite])).sum())
    if holes:
        raise MethodFault(f"method {name}", f"score not finite in {holes} pixels that are", fix)
