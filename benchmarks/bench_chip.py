"""What the benchmarks work on: simulated exposures, cuts of a chip, weights and net.

Made in a process of its own: heavy packages are imported where they are needed.
"""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crstudy.deepcr.weights import SDIST_NAME

if TYPE_CHECKING:
    from astropy.table import Table

ROOT = Path(__file__).resolve().parents[1]
NET = "zb20-f606w"
SDIST = ROOT / "resources" / "weights" / SDIST_NAME
SEED = 1
#: A star field: most pixels near the threshold lie on stars.
FIELD_CLASS = "globular_cluster"
CHIP_SHAPE_PX = (2048, 4096)
CHIP = "chip.npy"


def make_material(folder: Path, shape: tuple[int, int] = CHIP_SHAPE_PX) -> None:
    """Make the chip and the net for the CPU.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``weights.pth``; takes ``chip.npy`` and ``net``.
    shape : (int, int)
        Rows and columns of the chip, px.
    """
    from crstudy.data.exposure import read_exposure
    from crstudy.deepcr.openvino_backend import convert_net

    convert_net(NET, folder / "weights.pth", folder / "net")
    (exposure,) = simulate_group(folder, 1, shape)
    np.save(folder / CHIP, read_exposure(exposure).chips[0].sci)


def simulate_group(folder: Path, n_exposures: int, shape: tuple[int, int]) -> list[Path]:
    """Simulate a group of ACS/WFC F606W exposures of one chip, with stars and cosmic rays.

    Parameters
    ----------
    folder : pathlib.Path
        Takes the simulator's files.
    n_exposures : int
        Exposures of the group.
    shape : (int, int)
        Rows and columns of the chip, px.

    Returns
    -------
    list of pathlib.Path
        The exposures.
    """
    section = {
        "n_chips": 1,
        "chip_height_px": shape[0],
        "chip_width_px": shape[1],
        "field_classes": [FIELD_CLASS],
    }
    return simulate_exposures(folder, section, SEED, 1, n_exposures=n_exposures)


def simulate_exposures(
    folder: Path,
    section: Mapping[str, Any],
    seed: int,
    group: int,
    stars: float = 1.0,
    n_exposures: int | None = None,
) -> list[Path]:
    """Simulate the exposures of a group of ACS/WFC F606W.

    Parameters
    ----------
    folder : pathlib.Path
        Takes the simulator's files.
    section : mapping
        Configuration section ``simulation``: what differs from the defaults.
    seed, group : int
        Seed of the study and number of the group.
    stars : float
        Factor of the number of stars, of `multiply_stars`.
    n_exposures : int, optional
        Only so many exposures, even fewer than a study needs.

    Returns
    -------
    list of pathlib.Path
        The exposures.
    """
    from crstudy.config.study import Study
    from crstudy.simulation.acs import simulate_catalogue, simulate_exposure

    settings = Study.model_validate({"simulation": section}).model_dump(mode="json")["simulation"]
    settings["psf"] = str(ROOT / settings["psf"])
    settings["cosmic_rays"]["library"] = str(ROOT / settings["cosmic_rays"]["library"])
    templates = ROOT / "resources" / "acs"
    catalogue = multiply_stars(simulate_catalogue(seed, group, settings, templates), stars, seed)
    numbers = range(1, (n_exposures or settings["exposures_per_group"]) + 1)
    paths = [folder / f"jsim{group:03d}{number:02d}_flc.fits" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        simulate_exposure(
            catalogue,
            path,
            folder / "truth.fits",
            seed=seed,
            group=group,
            number=number,
            settings=settings,
            templates=templates,
        )
    return paths


def multiply_stars(catalogue: "Table", factor: float, seed: int) -> "Table":
    """Draw more or fewer stars like those of a catalogue.

    Parameters
    ----------
    catalogue : Table
        Of `crstudy.simulation.acs.simulate_catalogue`.
    factor : float
        Of their number, at most 4: copies are those mirrored in the middle of the field, along
        right ascension, declination and both, so that the profile of a cluster stays.
    seed : int
        Of the choice of stars.
    """
    from astropy.table import vstack

    star = catalogue["kind"] == "star"
    if factor == 1 or not star.any():
        return catalogue
    stars = catalogue[star]
    rng = np.random.default_rng(seed)
    parts = [catalogue[~star]]
    for number, flips in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        part = stars[rng.random(len(stars)) < factor - number]
        for name, flip in zip(("ra", "dec"), flips, strict=True):
            if flip:
                first = catalogue[name][0]
                offsets = (catalogue[name] - first + 180) % 360 - 180
                part[name] = 2 * (first + offsets.mean()) - part[name]
        parts.append(part)
    table = vstack(parts, metadata_conflicts="silent")
    # Stars too faint to be told apart are drawn by their number.
    table.meta = deepcopy(catalogue.meta)
    for population in table.meta["populations"]:
        population["per_arcmin2"] *= factor
    return table


def cut_square(folder: Path, side: int) -> str:
    """Write a square cut of the chip, and its mirror image below it where the chip ends.

    Parameters
    ----------
    folder : pathlib.Path
        Holds the chip, takes the cut.
    side : int
        Side of the square, px; smaller where chip and mirror image end.

    Returns
    -------
    str
        Name of the file.
    """
    chip = np.load(folder / CHIP)
    square = np.vstack((chip, chip[::-1]))[:side, :side]
    name = f"square-{side}.npy"
    np.save(folder / name, square)
    return name
