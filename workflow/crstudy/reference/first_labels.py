"""Labels of the first exposures of a group, from more and more of its exposures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crstudy.core.atomic import scratch_folder
from crstudy.reference.astrodrizzle import MIN_EXPOSURES, drizzle_group
from crstudy.reference.labels import write_reference


def label_from_first(
    n: int, group: str, paths: Sequence[Path], folder: Path, log: Path, settings: Mapping[str, Any]
) -> None:
    """Label the first three exposures of a group by a median of its first `n`.

    Parameters
    ----------
    n : int
        Exposures behind the labels.
    group : str
        Name of the group.
    paths : sequence of path
        Its calibrated exposures, in order of time.
    folder : path
        Folder for ``<exposure>_reference.fits``; made.
    log : path
        Everything that AstroDrizzle prints.
    settings : mapping
        Of `crstudy.reference.astrodrizzle.drizzle_group`.

    Raises
    ------
    StudyError
        As for `crstudy.reference.astrodrizzle.drizzle_group`.
    """
    folder.mkdir(parents=True)
    with scratch_folder() as drizzled:
        drizzle_group(group, paths[:n], drizzled, log, **settings)
        for path in paths[:MIN_EXPOSURES]:
            name = path.name.removesuffix("_flc.fits")
            product = drizzled / f"{name}_drizzle.fits"
            write_reference(folder / f"{name}_reference.fits", path, product)
