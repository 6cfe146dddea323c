"""What the benchmark works on: a simulated full-frame chip and cuts of it, weights and net.

Made in a process of its own: heavy packages are imported where they are needed.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crstudy.weights import SDIST_NAME

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
    from crstudy.openvino_net import convert_net

    convert_net(NET, folder / "weights.pth", folder / "net")
    np.save(folder / CHIP, simulate_chip(folder, shape))


def simulate_chip(folder: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Simulate an ACS/WFC F606W chip with stars and cosmic rays.

    Parameters
    ----------
    folder : pathlib.Path
        Takes the simulator's files.
    shape : (int, int)
        Rows and columns, px.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Electrons.
    """
    from crstudy.config import Study
    from crstudy.exposure import read_exposure
    from crstudy.simulate import simulate_catalogue, simulate_exposure

    section = {
        "n_chips": 1,
        "chip_height_px": shape[0],
        "chip_width_px": shape[1],
        "field_classes": [FIELD_CLASS],
    }
    settings = Study.model_validate({"simulation": section}).model_dump(mode="json")["simulation"]
    settings["psf"] = str(ROOT / settings["psf"])
    templates = ROOT / "resources" / "acs"
    exposure = folder / "chip_flc.fits"
    simulate_exposure(
        simulate_catalogue(SEED, 1, settings, templates),
        exposure,
        folder / "chip_truth.fits",
        seed=SEED,
        group=1,
        number=1,
        settings=settings,
        templates=templates,
    )
    return read_exposure(exposure).chips[0].sci


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
