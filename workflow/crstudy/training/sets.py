"""Training sets on disk: a file per group, and a table of what was drawn for each."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

UNITS = {
    "exptime": u.s,
    "sky": u.electron / u.s / u.pix,
    "rate_per_s_cm2": 1 / u.s / u.cm**2,
    "thickness_um": u.um,
    "field_free_um": u.um,
    "depleted_spread_px": u.pix,
    "psf_ree80_arcsec": u.arcsec,
    "psf_blur_arcsec": u.arcsec,
}


class Example(NamedTuple):
    """An exposure to train on; arrays of shape (ny, nx).

    Attributes
    ----------
    clean : ndarray, float32
        Image without cosmic rays, with its noise, e-.
    added : ndarray, float32
        What the cosmic rays add to it, trails of charge transfer included, e-.
    charge : ndarray, int32
        Charge of the cosmic rays as deposited, e-.
    noise : ndarray, float32
        Noise of the image without cosmic rays, e-.
    valid : ndarray of bool
        Pixels that are neither bad nor near saturation without cosmic rays.
    stratum : ndarray, uint8
        `crstudy.data.strata.Stratum`.
    sky_noise : float
        Noise of a pixel of blank sky, e-.
    sky : float
        Sky, e-.
    """

    clean: NDArray[np.float32]
    added: NDArray[np.float32]
    charge: NDArray[np.int32]
    noise: NDArray[np.float32]
    valid: NDArray[np.bool_]
    stratum: NDArray[np.uint8]
    sky_noise: float
    sky: float = 0.0

    @property
    def light(self) -> NDArray[np.float32]:
        """Light of sources, e-: what the noise has beyond that of the sky."""
        return self.noise**2 - self.sky_noise**2

    @property
    def scene(self) -> NDArray[np.float32]:
        """Image without cosmic rays and noise, e-."""
        return self.light + self.sky

    def brightness(self) -> NDArray[np.float32]:
        """Return the light of sources, in units of the noise of the sky."""
        return self.light / self.sky_noise


def write_set(examples: Iterable[tuple[Example, dict[str, Any]]], folder: Path) -> Table:
    """Write a training set.

    Parameters
    ----------
    examples : iterable
        Of `crstudy.training.exposures.draw_set`.
    folder : pathlib.Path
        Takes a file ``<group>.npz`` for each.

    Returns
    -------
    Table
        A row per group: what was drawn for it.
    """
    rows = []
    for example, drawn in examples:
        np.savez(folder / f"g{drawn['group']:04d}.npz", **example._asdict())
        rows.append(drawn | {"hit_fraction": float((example.charge > 0).mean())})
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table({name: [row.get(name, np.nan) for row in rows] for name in names})
    for name, unit in UNITS.items():
        if name in names:
            table[name].unit = unit
    return table


def read_set(folder: str | Path) -> list[Example]:
    """Read a training set, its groups in order."""
    files = (np.load(path) for path in sorted(Path(folder).glob("*.npz")))
    read = [Example(*(file[name] for name in Example._fields[:-1])) for file in files]
    return [one._replace(sky=np.median((one.clean - one.light)[one.valid]).item()) for one in read]
