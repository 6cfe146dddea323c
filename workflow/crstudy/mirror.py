"""Take exposures from a folder in the layout that astroquery's downloads have."""

import shutil
from pathlib import Path

from crstudy.errors import StudyError
from crstudy.exposure import read_exposure
from crstudy.files import complete_file


def mirror_path(mirror: str | Path, dataset: str) -> Path:
    """Return where a mirror holds a dataset: ``mastDownload/HST/<dataset>/``."""
    return Path(mirror) / "mastDownload" / "HST" / dataset / f"{dataset}_flc.fits"


def fetch_from_mirror(mirror: str | Path, dataset: str, out_path: str | Path) -> None:
    """Copy an exposure from a mirror and check it.

    Parameters
    ----------
    mirror : path-like
        Folder that holds ``mastDownload``; empty when none is configured.
    dataset : str
        Name of the dataset (HST rootname).
    out_path : path-like
        File to write; appears only if the exposure passes `read_exposure`.

    Raises
    ------
    StudyError
        No mirror is configured, it has no such file, the file is unusable or another exposure.
    """
    if not mirror:
        raise StudyError(
            f"exposure {dataset}",
            "no mirror folder is configured",
            "set the environment variable CRSTUDY_MIRROR or the configuration key mirror",
        )
    source = mirror_path(mirror, dataset)
    if not source.is_file():
        raise StudyError(
            source, "no such file in the mirror", "add it, or drop it from the group table"
        )
    found = read_exposure(source).name
    if found != dataset:
        raise StudyError(
            source, f"holds exposure {found}, not {dataset}", "put the right file there"
        )
    with complete_file(out_path) as part:
        shutil.copyfile(source, part)
