"""Fetch real exposures, and check that they can enter the study."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crstudy.archive.check import check_exposure
from crstudy.archive.download import download
from crstudy.config.groups import DROP
from crstudy.core.errors import StudyError, unreadable
from crstudy.data.fits_sizes import check_file

#: Names of exposures become parts of paths and addresses.
DATASET = re.compile(r"[A-Za-z0-9]+")


def exposure_path(folder: str | Path, dataset: str) -> Path:
    """Return where a mirror or the downloads folder holds a dataset, as astroquery lays it out."""
    return Path(folder) / "mastDownload" / "HST" / dataset / f"{dataset}_flc.fits"


def exposure_url(source: str, dataset: str, settings: Mapping[str, Any]) -> str:
    """Return the address of a dataset.

    Parameters
    ----------
    source : str
        ``mast``, ``s3`` or ``http``.
    dataset : str
        Name of the dataset (HST rootname).
    settings : mapping
        Configuration section ``archive``.
    """
    if source == "s3":
        base = settings["s3_url"].rstrip("/")
        return f"{base}/hst/public/{dataset[:4]}/{dataset}/{dataset}_flc.fits"
    if source == "http":
        base = settings["http_url"].rstrip("/")
        return f"{base}/mastDownload/HST/{dataset}/{dataset}_flc.fits"
    from astroquery.mast import conf

    return f"{conf.server}/api/v0.1/Download/file?uri={mast_uri(dataset)}"


def mast_uri(dataset: str) -> str:
    """Return MAST's name of an exposure's calibrated, CTE-corrected file."""
    return f"mast:HST/product/{dataset}_flc.fits"


def fetch_exposure(
    dataset: str,
    *,
    source: str,
    mirror: str,
    expected: str | None,
    settings: Mapping[str, Any],
) -> Path:
    """Fetch an exposure and check it.

    Parameters
    ----------
    dataset : str
        Name of the dataset (HST rootname).
    source : str
        ``mirror``, ``mast``, ``s3`` or ``http``.
    mirror : str
        Mirror folder, empty when none is configured.
    expected : str or None
        Camera and filter, e.g. ``'ACS/WFC F606W'``; None: any.
    settings : mapping
        Configuration section ``archive``.

    Returns
    -------
    path
        The checked file, in the mirror or in the downloads folder.

    Raises
    ------
    StudyError
        The name is not a valid rootname, or the exposure is unavailable, damaged or not the right
        one.
    """
    if not DATASET.fullmatch(dataset):
        raise StudyError(
            f"exposure {dataset!r}", "is not a valid HST rootname", "correct the group table"
        )
    if source == "mirror":
        path = _in_mirror(mirror, dataset)
        check_exposure(path, dataset, expected)
        return path
    path = exposure_path(settings["downloads"], dataset)
    download(
        f"exposure {dataset}",
        exposure_url(source, dataset, settings),
        path,
        find_damage,
        lambda part: check_exposure(part, dataset, expected),
        store=Path(settings["downloads"]),
        **{k: settings[k] for k in ("max_disk_gb", "attempts", "timeout_s", "backoff_s")},
    )
    return path


def _in_mirror(mirror: str, dataset: str) -> Path:
    if not mirror:
        raise StudyError(
            f"exposure {dataset}",
            "no mirror folder is configured",
            "set the environment variable CRSTUDY_MIRROR or the configuration key mirror",
        )
    path = exposure_path(mirror, dataset)
    try:
        path.stat()
    except FileNotFoundError:
        tree = Path(mirror, "mastDownload", "HST")
        if not tree.is_dir():
            layout = "mastDownload/HST/<name>/<name>_flc.fits"
            raise StudyError(
                mirror,
                f"has no folder {tree.relative_to(mirror)}",
                f"put each exposure at {layout} in it",
            ) from None
        problem, fix = "no such file in the mirror", f"add it, or {DROP}"
        flt = path.with_name(f"{dataset}_flt.fits")
        if flt.is_file():
            problem += f", but {flt.name}, which is not corrected for CTE losses"
            fix = f"fetch its _flc file, or {DROP}"
        raise StudyError(path, problem, fix) from None
    except OSError as error:
        raise unreadable(path, error) from None
    check_file(path, together=True)
    return path


def find_damage(path: Path) -> str | None:
    """Describe damage of a FITS file: structure, length, checksums.

    Parameters
    ----------
    path : path
        Downloaded file.

    Returns
    -------
    str or None
        The problem; None if there is none.
    """
    try:
        check_file(path, together=True)
    except StudyError as error:
        return error.problem
    return None
