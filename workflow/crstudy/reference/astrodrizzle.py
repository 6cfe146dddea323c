"""Blotted medians and cosmic-ray masks of a group of exposures, by AstroDrizzle."""

import errno
import logging
import multiprocessing
import os
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import angular_separation
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.config.groups import MIN_EXPOSURES
from crstudy.core.atomic import has_room, is_full, scratch_folder
from crstudy.core.errors import StudyError
from crstudy.data.exposure import Exposure, read_exposure, write_images
from crstudy.instrument.dq import Dq
from crstudy.reference.blot_coverage import places_of_blot, without_reference
from crstudy.reference.leave_one_out import blot_others, check_combine_type, enters_median

logger = logging.getLogger(__name__)

#: Other exposures that must see a pixel for its blotted median to be a reference.
MIN_OTHERS = 2
#: The other exposures must cover this fraction of an exposure, on average.
MIN_OVERLAP = 0.5
#: Footprints are compared at this many points along each side of a chip.
POINTS_PER_SIDE = 20
#: Fraction of an exposure's mean weight below which a drizzled pixel stays out of the median.
MIN_WEIGHT = 0.3
#: Output name given to AstroDrizzle and the median that results.
OUTPUT, MEDIAN, RUNFILE = "group", "group_med.fits", "astrodrizzle.log"
#: Rim of pixels without median around it: chips may reach beyond the frame.
RIM_PX = 8

#: Settings that never vary. Reference files are out of reach (updatewcs, mdriztab), and no
#: drizzled image is wanted (driz_combine, driz_cr_corr).
SETTINGS: dict[str, Any] = {
    "output": OUTPUT,
    "runfile": RUNFILE,
    "num_cores": 1,
    "in_memory": False,
    "preserve": False,
    "clean": False,
    "build": False,
    "context": False,
    "updatewcs": False,
    "mdriztab": False,
    "static": False,
    "driz_combine": False,
    "driz_cr_corr": False,
    # The archive's own cosmic-ray flags: kept, the median would depend on how far the archive
    # had processed a file, and simulated exposures, which have none, would be treated otherwise.
    "resetbits": f"{Dq.ASTRODRIZZLE_CR:d},{Dq.CRSPLIT_CR:d}",
    # Nothing flagged enters the median: hot (16), unstable (32), warm (64) and saturated (256)
    # pixels stay so in every exposure, and a median does not remove what repeats.
    "driz_sep_bits": "0",
    "combine_maskpt": MIN_WEIGHT,
}


@dataclass(frozen=True)
class _Staged:
    """An exposure copied for AstroDrizzle: name, EXTVERs, chips on the sky, WCSNAMEs."""

    name: str
    vers: tuple[int, ...]
    chips: tuple[WCS, ...]
    wcs_names: frozenset[str]

    @property
    def file(self) -> str:
        """Name of the copy."""
        return f"{self.name}_flc.fits"


def drizzle_group(
    group: str,
    paths: Sequence[Path],
    out_dir: Path,
    log_path: Path,
    *,
    driz_cr_snr: tuple[float, float],
    driz_cr_scale: tuple[float, float],
    driz_cr_grow: int,
    combine_type: str,
    leave_one_out: bool = False,
) -> list[Path]:
    """Find the cosmic rays of a group's exposures with AstroDrizzle (paper section 2).

    AstroDrizzle works in a scratch folder (under ``TMPDIR``) on copies of the exposures.

    Parameters
    ----------
    group : str
        Name of the group, for messages.
    paths : sequence of path
        Calibrated exposures of one field, in any order; never changed.
    out_dir : path
        Folder for ``<exposure>_drizzle.fits``.
    log_path : path
        Everything that AstroDrizzle prints; replaced.
    driz_cr_snr, driz_cr_scale : (float, float)
        Thresholds (RMS) and weights of the median's derivative in the two passes.
    driz_cr_grow : int
        Side of the box by which cosmic rays grow, px; 1 leaves them as they are.
    combine_type : str
        ``median``, or another ``combine_type`` of AstroDrizzle.
    leave_one_out : bool
        Also blot to each exposure the median of the others.

    Returns
    -------
    list of path
        One file per exposure, by name. Per chip: BLOT, the blotted median (float32, e-, with the
        exposure's own sky, so on the scale of SCI); CRMASK, 1 where AstroDrizzle flags a cosmic
        ray; NOREF, 1 where BLOT is not a valid reference: fewer than two other exposures
        contribute to it; with `leave_one_out` also OTHERS, the median of the others alone, as
        BLOT. The primary header has the settings and, as SKY<extver>, the sky that AstroDrizzle
        took off and put back, e-.

    Raises
    ------
    StudyError
        Fewer than three exposures, one given twice, unreadable or off the field of the others,
        AstroDrizzle failed, or `combine_type` cannot leave one out.

    Notes
    -----
    AstroDrizzle registers exposures of moving targets (MTFLAG) pixel by pixel, without their
    dithers. A reference needs the sky to match, so the copies lose that flag.
    """
    choices = {
        "driz_cr_snr": f"{driz_cr_snr[0]} {driz_cr_snr[1]}",
        "driz_cr_scale": f"{driz_cr_scale[0]} {driz_cr_scale[1]}",
        "driz_cr_grow": driz_cr_grow,
        "combine_type": combine_type,
    }
    if len(paths) < MIN_EXPOSURES:
        raise StudyError(
            f"group {group}",
            f"has {len(paths)} exposure(s), a median needs {MIN_EXPOSURES}",
            "add exposures of the field or drop the group",
        )
    if leave_one_out:
        check_combine_type(combine_type)
    with scratch_folder() as scratch:
        try:
            staged = sorted((_stage(path, scratch) for path in paths), key=lambda s: s.name)
        except OSError as error:
            raise _no_room(scratch) if is_full(error) else error from None
        _check_names(group, staged)
        _check_overlap(group, staged)
        status = _run(staged, choices, leave_one_out, scratch, log_path)
        _check_products(group, staged, scratch, log_path, status)
        return [_collect(s, group, choices, scratch, out_dir) for s in staged]


def _no_room(scratch: Path) -> StudyError:
    fix = "make room or let TMPDIR name a folder on a larger disk, then run again"
    return StudyError(scratch.parent, "is full", fix)


def _stage(path: Path, scratch: Path) -> _Staged:
    """Check an exposure and copy it to the scratch folder, where AstroDrizzle edits it."""
    exposure = read_exposure(path)
    staged = _Staged(
        exposure.name,
        tuple(chip.extver for chip in exposure.chips),
        tuple(_linear_wcs(path, chip.header, chip.sci.shape) for chip in exposure.chips),
        frozenset(str(chip.header.get("WCSNAME", "none")) for chip in exposure.chips),
    )
    copy = scratch / staged.file
    # copyfile leaves out the permissions: archives may be read-only.
    shutil.copyfile(path, copy)
    if "MTFLAG" in exposure.header:
        fits.setval(copy, "MTFLAG", value="F")
    _fill_non_finite(exposure, copy)
    return staged


def _fill_non_finite(exposure: Exposure, copy: Path) -> None:
    """Flag non-finite pixels as bad: AstroDrizzle would spread them."""
    for chip in exposure.chips:
        holes = ~np.isfinite(chip.sci)
        if holes.any():
            with fits.open(copy, mode="update", memmap=False) as hdus:
                hdus["SCI", chip.extver].data[holes] = 0
                hdus["DQ", chip.extver].data[holes] |= Dq.BAD_DETECTOR


def _linear_wcs(path: Path, header: fits.Header, shape: tuple[int, int]) -> WCS:
    """Return the WCS of a chip without its distortion, which shifts all exposures alike."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    try:
        wcs.wcs.crval = header["CRVAL1"], header["CRVAL2"]
        wcs.wcs.crpix = header["CRPIX1"], header["CRPIX2"]
        wcs.wcs.cd = [[header[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)]
    except KeyError as error:
        raise StudyError(
            path, f"has no sky coordinates ({error.args[0]})", "use a calibrated _flc.fits file"
        ) from None
    wcs.pixel_shape = shape[::-1]
    return wcs


def _check_names(group: str, staged: Sequence[_Staged]) -> None:
    names = [s.name for s in staged]
    for name in names:
        if names.count(name) > 1:
            raise StudyError(
                f"group {group}", f"has exposure {name} more than once", "name each exposure once"
            )
    wcs_names = sorted(frozenset().union(*(s.wcs_names for s in staged)))
    if len(wcs_names) > 1:
        logger.warning(
            "group %s mixes astrometric solutions (%s); see its alignment",
            group,
            ", ".join(wcs_names),
        )


def _check_overlap(group: str, staged: Sequence[_Staged]) -> None:
    """Require the other exposures to cover enough of each exposure."""
    overlaps = [
        np.mean([_covered(one, other) for other in staged if other is not one]) for one in staged
    ]
    worst = int(np.argmin(overlaps))
    if overlaps[worst] < MIN_OVERLAP:
        raise StudyError(
            f"group {group}, exposure {staged[worst].name}",
            f"the other exposures cover {overlaps[worst]:.0%} of it on average, "
            f"{MIN_OVERLAP:.0%} are needed",
            "group exposures of one field",
        )


def _covered(one: _Staged, other: _Staged) -> float:
    """Return the fraction of an exposure's area that another one covers."""
    sky = np.vstack([wcs.wcs_pix2world(_grid(wcs), 0) for wcs in one.chips])
    inside = np.zeros(len(sky), bool)
    for wcs in other.chips:
        # The gnomonic projection also maps the far side of the sky onto the chip.
        near = angular_separation(*np.radians([*sky.T]), *np.radians(wcs.wcs.crval)) < 1.4
        pixels = wcs.wcs_world2pix(sky[near], 0)
        inside[near] |= ((pixels > -0.5) & (pixels < np.array(wcs.pixel_shape) - 0.5)).all(axis=1)
    return float(inside.mean())


def _grid(wcs: WCS) -> NDArray[np.float64]:
    """Return evenly spread (x, y) pixels of a chip."""
    sides = [(np.arange(POINTS_PER_SIDE) + 0.5) / POINTS_PER_SIDE * n for n in wcs.pixel_shape]
    return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2) - 0.5


def _run(
    staged: Sequence[_Staged],
    choices: Mapping[str, Any],
    others: bool,
    scratch: Path,
    log_path: Path,
) -> int | None:
    """Run AstroDrizzle in a separate process and return its exit status.

    It writes to its current directory, prints, and changes the state of logging and warnings. A
    forked process keeps the imports of this one, which is still small.
    """
    chips = {s.file: s.vers for s in staged}
    log_path.parent.mkdir(parents=True, exist_ok=True)
    arguments = chips, choices, others, scratch, log_path.resolve()
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_astrodrizzle, args=arguments, daemon=True)
    process.start()
    process.join()
    runfile = scratch / RUNFILE
    if runfile.exists():
        with log_path.open("a", encoding="utf-8") as log:
            log.write(f"\n{RUNFILE}:\n{runfile.read_text(encoding='utf-8')}")
    return process.exitcode


def _check_products(
    group: str, staged: Sequence[_Staged], scratch: Path, log_path: Path, status: int | None
) -> None:
    """Check that every product exists: AstroDrizzle ignores some errors."""
    products = [
        f"{s.name}_sci{ver}_{kind}.fits"
        for kind in ("blt", "crmask", "noref")
        for s in staged
        for ver in s.vers
    ]
    missing = [name for name in products if not (scratch / name).exists()]
    if missing or status:
        said = os.strerror(errno.ENOSPC) in log_path.read_text(encoding="utf-8")
        if said or not has_room(scratch):
            raise _no_room(scratch)
        made = f"produced no {missing[0]}" if missing else "failed"
        raise StudyError(
            f"group {group}",
            f"AstroDrizzle {made} (exit status {status})",
            f"read {log_path} and fix or drop the exposure",
        )


def _collect(
    staged: _Staged, group: str, choices: Mapping[str, Any], scratch: Path, out_dir: Path
) -> Path:
    """Gather the products of an exposure into one file."""
    images = {}
    header = {
        "GROUP": group,
        "ROOTNAME": staged.name,
        "DRIZVER": (version("drizzlepac"), "version of drizzlepac"),
        "CRSNR": (choices["driz_cr_snr"], "driz_cr_snr"),
        "CRSCALE": (choices["driz_cr_scale"], "driz_cr_scale"),
        "CRGROW": (choices["driz_cr_grow"], "[px] driz_cr_grow"),
        "COMBTYPE": (choices["combine_type"], "combine_type"),
    }
    for ver in staged.vers:
        root = scratch / f"{staged.name}_sci{ver}"
        blot = fits.getdata(f"{root}_blt.fits").astype(np.float32)
        no_reference = fits.getdata(f"{root}_noref.fits").astype(bool)
        images["BLOT", ver] = blot
        images["CRMASK", ver] = fits.getdata(f"{root}_crmask.fits") == 0
        images["NOREF", ver] = no_reference | ~np.isfinite(blot)
        if (others := Path(f"{root}_others.fits")).exists():
            images["OTHERS", ver] = fits.getdata(others).astype(np.float32)
        sky = fits.getval(scratch / staged.file, "MDRIZSKY", "SCI", ver)
        header[f"SKY{ver}"] = (sky, "[electron] sky of AstroDrizzle")
    path = out_dir / f"{staged.name}_drizzle.fits"
    write_images(path, images, header)
    return path


def _astrodrizzle(
    chips: Mapping[str, Sequence[int]],
    choices: Mapping[str, Any],
    others: bool,
    scratch: Path,
    log_path: Path,
) -> None:
    """Run AstroDrizzle on the copies in the scratch folder (in a separate process)."""
    _reset_logging(log_path)
    os.chdir(scratch)
    from drizzlepac import astrodrizzle

    astrodrizzle.AstroDrizzle(list(chips), **SETTINGS, **choices)
    if not Path(MEDIAN).exists():
        sys.exit("AstroDrizzle produced no median.")
    enters = {file: enters_median(file, MIN_WEIGHT) for file in chips}
    _write_no_reference(chips, enters)
    if others:
        blot_others(chips, Path(MEDIAN), enters, choices["combine_type"])


def _reset_logging(log_path: Path) -> None:
    """Redirect output to the log file; reset logging and warnings inherited from the parent."""
    sys.stdout = sys.stderr = log_path.open("w", encoding="utf-8", buffering=1)
    for descriptor in (1, 2):
        os.dup2(sys.stdout.fileno(), descriptor)
    logging.captureWarnings(False)
    logging.getLogger().handlers.clear()
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)


def _write_no_reference(
    chips: Mapping[str, Sequence[int]], enters: Mapping[str, NDArray[np.bool_]]
) -> None:
    """Mark the chip pixels without a reference, by the coverage of the median.

    The median image does not show it: its pixels without data are zeros, not a fill value.
    """
    from stwcs.wcsutil import HSTWCS

    median = HSTWCS(MEDIAN, ext=0)
    median.wcs.crpix += RIM_PX
    n_seen = sum(one.astype(np.int16) for one in enters.values())
    for file, vers in chips.items():
        lacking = np.pad(n_seen - enters[file] < MIN_OTHERS, RIM_PX, constant_values=True)
        for ver in vers:
            chip = HSTWCS(file, ext=("SCI", ver))
            on_median = places_of_blot(chip, median)
            no_reference = without_reference(lacking, on_median, chip.array_shape)
            name = f"{file.removesuffix('_flc.fits')}_sci{ver}_noref.fits"
            fits.writeto(name, no_reference.astype(np.uint8))
