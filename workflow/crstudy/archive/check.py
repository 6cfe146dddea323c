"""Check that an exposure can enter the study: all that later stages will ask of it."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import numpy as np
from astropy.io import fits

from crstudy.config.groups import DROP
from crstudy.core.errors import StudyError
from crstudy.data.exposure import (
    SIMULATED,
    Chip,
    Exposure,
    observed_with,
    read_exposure,
    read_noise,
)

USE_CALIBRATED = f"use the archive's calibrated _flc.fits file, or {DROP}"
#: A pixel of HST's CCDs holds about 1e5 e-, and 16 bits at a gain of 8 e-/DN are less than 6e5;
#: division by a flat field of a few per cent multiplies that.
MAX_E = 1e7
#: Bias and dark are subtracted to within a few e-: a sky lower than this, in units of the read
#: noise, is no sky.
MIN_SKY = -5.0
#: Poisson and read noise are the least that an image in electrons has: one whose variance is
#: below this fraction of theirs is in other units. Count rates of t seconds have 1/t^2 to 1/t;
#: counts, at a gain of 2 e-/DN 0.25 to 0.5, are not told apart.
MIN_VARIANCE = 0.2
#: Fewer good pixels do not tell the noise.
MIN_PIXELS = 100
#: The pixels of HST's cameras are square within tens of per cent: 1 to 1.3.
MAX_CD_CONDITION = 10.0


def check_exposure(path: Path, dataset: str, expected: str | None) -> None:
    """Check that a file is the exposure that the study asks for.

    Parameters
    ----------
    path : path
        Undamaged FITS file.
    dataset : str
        Name that it must have.
    expected : str or None
        Camera and filter that it must have; None: any.

    Raises
    ------
    StudyError
        It is another exposure, of another camera or filter, was not corrected for CTE losses,
        failed, lacks a keyword that a later stage uses, has pixels that are no electrons, or is
        unusable (`crstudy.data.exposure.read_exposure`).
    """
    exposure = read_exposure(path)
    for problem, fix in _problems(exposure, dataset, expected):
        raise StudyError(path, problem, fix)


def _problems(exposure: Exposure, dataset: str, expected: str | None) -> Iterator[tuple[str, str]]:
    """Yield problems and what to do about them; of later ones only the first is sure."""
    header = exposure.header
    if exposure.name != dataset:
        yield f"holds exposure {exposure.name}, not {dataset}", "put the right file there"
    seen = observed_with(header).removeprefix(f"{SIMULATED} ")
    if expected is not None and seen != expected:
        problem = f"was taken with {seen}, not {expected} (configuration key observed_with)"
        yield problem, f"{DROP}, or change observed_with if it fits none"
    corrected = str(header.get("PCTECORR", "COMPLETE")).strip()
    if corrected != "COMPLETE":
        yield f"is not CTE-corrected (PCTECORR {corrected})", "use the _flc file"
    flag = str(header.get("EXPFLAG", "NORMAL")).strip()
    if flag != "NORMAL":
        yield f"is a failed exposure (EXPFLAG {flag})", DROP
    for problem in _wrong_keywords(header):
        yield problem, USE_CALIBRATED
    for chip in exposure.chips:
        for problem in (*_wrong_cards(chip.header), *_wrong_pixels(chip, read_noise(header))):
            yield f"SCI,{chip.extver} {problem}", USE_CALIBRATED


def _wrong_keywords(header: Mapping[str, object]) -> Iterator[str]:
    """Yield what is wrong with the primary header: AstroDrizzle and the tables read these."""
    for key in ("EXPSTART", "EXPEND"):
        if not np.isfinite(_number(header, key)):
            yield f"has {key} {header.get(key)!r}"
    try:
        date.fromisoformat(str(header.get("DATE-OBS")).strip())
    except ValueError:
        yield f"has DATE-OBS {header.get('DATE-OBS')!r}"
    amplifiers = str(header.get("CCDAMP", "ABCD")).strip()
    if not amplifiers or set(amplifiers) - set("ABCD"):
        yield f"has CCDAMP {amplifiers!r}"
    for key in ("EXPTIME", "CCDGAIN", *(f"READNSE{amplifier}" for amplifier in amplifiers)):
        if not 0 < _number(header, key) < np.inf:
            yield f"has {key} {header.get(key)!r}"


def _wrong_cards(header: fits.Header) -> Iterator[str]:
    """Yield what is wrong with the header of a chip: sky coordinates and zero point."""
    cd = [[_number(header, f"CD{i}_{j}") for j in (1, 2)] for i in (1, 2)]
    if not np.isfinite(cd).all() or np.linalg.cond(cd) > MAX_CD_CONDITION:
        yield f"has no regular CD matrix ({cd})"
    for key in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2"):
        if not np.isfinite(_number(header, key)):
            yield f"has {key} {header.get(key)!r}"
    for key in ("PHOTFLAM", "PHOTPLAM"):
        if not 0 < _number(header, key) < np.inf:
            yield f"has {key} {header.get(key)!r}"


def _number(header: Mapping[str, object], key: str) -> float:
    """Return the value of a keyword; NaN if it is absent or no number."""
    value = header.get(key)
    return float(value) if type(value) in (int, float) else np.nan


def _wrong_pixels(chip: Chip, read_noise_e: float) -> Iterator[str]:
    """Yield what tells that the pixels of a chip are no electrons."""
    finite = np.isfinite(chip.sci)
    largest = np.abs(chip.sci[finite]).max()
    if largest > MAX_E:
        yield f"has a pixel of {largest:.2g} e-"
    good = finite & (chip.dq == 0)
    beside = good[:, 1:] & good[:, :-1]
    if beside.sum() < MIN_PIXELS:
        return
    sky = float(np.median(chip.sci[good]))
    if sky < MIN_SKY * read_noise_e:
        yield f"has a sky of {sky:.3g} e-, far below zero"
    # Of neighbours along a row, which transfer of charge does not correlate; without the sky.
    steps = np.abs(np.diff(np.where(good, chip.sci, 0), axis=1)[beside])
    noise = 1.4826 * float(np.median(steps)) / np.sqrt(2)
    least = np.sqrt(read_noise_e**2 + max(sky, 0))
    if noise**2 < MIN_VARIANCE * least**2:
        yield (
            f"has a noise of {noise:.2g} e-, its sky of {sky:.3g} e- and read noise make at least "
            f"{least:.2g}: count rates, not electrons"
        )
