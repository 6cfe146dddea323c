"""Manifest of fetched exposures: checksums of files and pixels, compared with pinned ones."""

import argparse
import errno
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Row, Table, vstack
from filelock import FileLock

from crstudy.config.groups import DROP
from crstudy.core.atomic import write_table
from crstudy.core.checksums import sha256
from crstudy.core.errors import StudyError

logger = logging.getLogger(__name__)

#: Of these at least one is another after the archive has recalibrated an exposure.
CALIBRATION = ("cal_ver", "idctab", "wcsname", "date")
#: Extensions whose pixels are pinned.
EXTENSIONS = ("SCI", "ERR", "DQ")
DATASUM = "datasum_"

DESCRIPTIONS = {
    "dataset": "HST rootname",
    "source": "where the file came from",
    "bytes": "size of the file",
    "sha256": "checksum of the file",
    "cal_ver": "version of the calibration software",
    "idctab": "distortion table",
    "wcsname": "astrometric solution",
    "date": "day on which the archive wrote the file",
    "retrieved": "time of the file (UTC)",
}


def describe_file(path: str | Path, dataset: str, source: str) -> Table:
    """Describe a fetched exposure.

    Parameters
    ----------
    path : path-like
        Calibrated exposure.
    dataset : str
        HST rootname.
    source : str
        Where it came from.

    Returns
    -------
    Table
        One row: the columns of `DESCRIPTIONS` and, for each SCI, ERR and DQ, the FITS DATASUM of
        its pixels (``datasum_sci1``, ...).
    """
    path = Path(path)
    with fits.open(path, memmap=False, do_not_scale_image_data=True) as hdus:
        primary, science = hdus[0].header, hdus["SCI", 1].header
        sums = {
            f"{DATASUM}{hdu.name.lower()}{hdu.ver}": np.int64(hdu.add_datasum())
            for hdu in hdus
            if hdu.name in EXTENSIONS
        }
    row = {
        "dataset": dataset,
        "source": source,
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
        "cal_ver": str(primary.get("CAL_VER", "")).strip(),
        "idctab": str(primary.get("IDCTAB", "")).strip(),
        "wcsname": str(science.get("WCSNAME", "")).strip(),
        "date": str(primary.get("DATE", "")).strip(),
        "retrieved": datetime.fromtimestamp(int(path.stat().st_mtime), UTC).isoformat(),
        **sums,
    }
    return _described(Table([row]))


def _described(table: Table) -> Table:
    for name in table.colnames:
        table[name].description = DESCRIPTIONS.get(name, "FITS DATASUM of the extension's pixels")
    table["bytes"].unit = "byte"
    return table


def compare_with_pinned(found: Row, pinned_path: str | Path, file: str | Path) -> None:
    """Compare a fetched exposure with the manifest of the dataset.

    Parameters
    ----------
    found : Row
        Of `describe_file`.
    pinned_path : path-like
        Manifest; an exposure that it does not list passes.
    file : path-like
        The exposure's file, for messages.

    Raises
    ------
    StudyError
        Pixels differ: the archive has recalibrated or, under the same header, the file was
        damaged.

    Notes
    -----
    The archive recalibrates from time to time. New headers with the same pixels change no result;
    they are only logged.
    """
    pinned_path = Path(pinned_path)
    pinned = _pinned_row(pinned_path, found["dataset"])
    if pinned is None or pinned["sha256"] == found["sha256"]:
        return
    versions = f"CAL_VER '{pinned['cal_ver']}' there, '{found['cal_ver']}' here"
    changed = [name for name in _sums(pinned) | _sums(found) if _differ(name, pinned, found)]
    if not changed:
        logger.warning(
            "exposure %s: other bytes than in %s, but the same pixels (%s)",
            found["dataset"],
            pinned_path,
            versions,
        )
        return
    names = ", ".join(sorted(name.removeprefix(DATASUM) for name in changed))
    problem = f"pixels of {names} differ from those pinned in {pinned_path}"
    # A manifest may be older than some of these columns.
    known = {*CALIBRATION}.intersection(pinned.colnames, found.colnames)
    # An empty text is masked once read.
    if all((pinned[name] or "") == (found[name] or "") for name in known):
        raise StudyError(
            file,
            f"{problem} for the same calibration: it was damaged or edited",
            "put the archive's file there; a downloaded one can be deleted, to be fetched again",
        )
    raise StudyError(
        f"exposure {found['dataset']}",
        f"{problem} ({versions}): the archive has recalibrated",
        f"to accept the new pixels, `make accept DATASET={pinned_path.stem} "
        f"EXPOSURES={found['dataset']}` (without EXPOSURES: all of the dataset) and run again; "
        "to keep the old ones, put the old file in its place",
    )


def _pinned_row(path: Path, dataset: str) -> Row | None:
    if not path.is_file():
        return None
    rows = [row for row in Table.read(path) if row["dataset"] == dataset]
    return rows[0] if rows else None


def _sums(row: Row) -> dict[str, int]:
    return {
        name: int(row[name])
        for name in row.colnames
        if name.startswith(DATASUM) and row[name] is not np.ma.masked
    }


def _differ(name: str, one: Row, other: Row) -> bool:
    return _sums(one).get(name) != _sums(other).get(name)


def pin_new(found: Table, pinned_path: str | Path) -> list[str]:
    """Add exposures to the manifest that it does not list yet; existing rows stay.

    Where nothing may be written, a warning says which are not added.

    Parameters
    ----------
    found : Table
        Rows of `describe_file`.
    pinned_path : path-like
        Manifest; made if it is not there.

    Returns
    -------
    list of str
        The exposures that were added.
    """
    pinned_path = Path(pinned_path)
    if not _new(found, pinned_path):
        return []
    try:
        pinned_path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(pinned_path.with_name(f".{pinned_path.name}.lock")):
            new = _new(found, pinned_path)
            rows = found[np.isin(found["dataset"], new)]
            there = [Table.read(pinned_path)] if pinned_path.is_file() else []
            write_table(stack([*there, rows]), pinned_path)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        names = ", ".join(_new(found, pinned_path))
        logger.warning("%s cannot be written: %s not pinned", pinned_path, names)
        return []
    return new


def _new(found: Table, pinned_path: Path) -> list[str]:
    """Return the exposures that the manifest does not list."""
    known = set(Table.read(pinned_path)["dataset"]) if pinned_path.is_file() else set()
    return [str(name) for name in found["dataset"] if name not in known]


def forget(pinned_path: str | Path, datasets: list[str]) -> list[str]:
    """Remove exposures from the manifest, so that the next run pins what it finds.

    Parameters
    ----------
    pinned_path : path-like
        Manifest.
    datasets : list of str
        Exposures; empty means all.

    Returns
    -------
    list of str
        The exposures that were removed.

    Raises
    ------
    StudyError
        There is no such manifest, or it does not list an exposure.
    """
    pinned_path = Path(pinned_path)
    if not pinned_path.is_file():
        there = ", ".join(sorted(path.stem for path in pinned_path.parent.glob("*.ecsv")))
        raise StudyError(pinned_path, "no such manifest", f"give DATASET, of {there or 'none'}")
    there = Table.read(pinned_path)
    unknown = set(datasets) - set(there["dataset"])
    if unknown:
        raise StudyError(
            pinned_path, f"does not list {min(unknown)}", "give EXPOSURES that it lists"
        )
    goes = [not datasets or name in datasets for name in there["dataset"]]
    if all(goes):
        pinned_path.unlink()
    else:
        write_table(there[~np.array(goes)], pinned_path)
    return [str(name) for name in there["dataset"][goes]]


def read_records(paths: Iterable[str | Path]) -> Table:
    """Read the records of fetched exposures.

    Parameters
    ----------
    paths : iterable of path-like
        Tables of `describe_file` with the further column ``path``.

    Returns
    -------
    Table
        Their rows without that column.
    """
    table = stack([Table.read(path) for path in paths])
    table.remove_column("path")
    return table


def fetched_files(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Return the fetched file of each exposure, compared with its checksum.

    Parameters
    ----------
    paths : iterable of path-like
        As in `read_records`.

    Raises
    ------
    StudyError
        A file is gone, or has changed since it was fetched.
    """
    files = {}
    for path in paths:
        (row,) = Table.read(path)
        file = files[str(row["dataset"])] = Path(row["path"])
        fix = f"delete {path} and run again"
        if not file.is_file():
            raise StudyError(file, "was downloaded but no longer exists", fix)
        if sha256(file) != row["sha256"]:
            raise StudyError(file, "has changed since it was fetched", fix)
    return files


def check_distinct(group: str, records: Table) -> None:
    """Refuse a group in which two exposures have the same science pixels.

    Parameters
    ----------
    group : str
        Its name, for messages.
    records : Table
        Rows of `describe_file` of its exposures.

    Raises
    ------
    StudyError
        The same file lies under two names: cosmic rays that repeat would become the sky.
    """
    seen: dict[frozenset, str] = {}
    for row in records:
        pixels = frozenset(
            (name, value) for name, value in _sums(row).items() if name.startswith(f"{DATASUM}sci")
        )
        twin = seen.setdefault(pixels, row["dataset"])
        if twin != row["dataset"]:
            problem = f"exposures {twin} and {row['dataset']} have the same pixels"
            raise StudyError(f"group {group}", problem, f"{DROP}, or the other")


def stack(rows: list[Table]) -> Table:
    """Stack rows of `describe_file`; exposures may differ in their chips."""
    table = vstack(rows, metadata_conflicts="silent")
    table.sort("dataset")
    return _described(table)


def main() -> None:
    """Accept new pixels: ``python -m crstudy.archive.manifest MANIFEST [EXPOSURE ...]``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("manifest")
    parser.add_argument("exposures", nargs="*")
    arguments = parser.parse_args()
    try:
        gone = forget(arguments.manifest, arguments.exposures)
    except StudyError as error:
        sys.exit(str(error))
    # A finished study would have no reason to pin anything.
    Path("results", Path(arguments.manifest).stem, "tables/manifest.ecsv").unlink(missing_ok=True)
    print(f"{arguments.manifest}: {len(gone)} exposure(s) will be pinned again by the next run.")


if __name__ == "__main__":
    main()
