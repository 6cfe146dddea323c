"""Simulated stars on a chip: their positions, and how sharp they are on the pixels."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from crstudy.instrument.drawn_psf import DrawnPsf
from crstudy.instrument.wcs import on_chip


def stars_near(catalogue: Table, wcs: WCS, shape: tuple[int, int]) -> Table:
    """Find the simulated stars on a chip and a little beyond its edges.

    Parameters
    ----------
    catalogue : Table
        Of `crstudy.simulation.skies.scene.draw_scene`.
    wcs : WCS
        World coordinates of the chip.
    shape : (int, int)
        Its rows and columns.

    Returns
    -------
    Table
        A row per star: x, y, px, pixel centres at whole numbers from 0; mag; inside, whether it
        lies on the chip.
    """
    stars = catalogue[catalogue["kind"] == "star"]
    inside, x, y = on_chip(wcs, SkyCoord(stars["ra"], stars["dec"], unit="deg"), shape, 0.0)
    table = Table({"x": x, "y": y, "mag": np.asarray(stars["mag"]), "inside": inside})
    return table[np.isfinite(x)]


def peak_fractions(
    stars: Table, psf: DrawnPsf, extver: int, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Measure how sharply stars fall on the pixels.

    Parameters
    ----------
    stars : Table
        Columns x, y of `stars_near`.
    psf : DrawnPsf
        That of the exposure.
    extver : int
        EXTVER of the chip.
    shape : (int, int)
        Its rows and columns; a smaller chip is cut from the middle of the full one.

    Returns
    -------
    ndarray, shape (len(stars),)
        Fraction of each star's light in its brightest pixel, as
        `crstudy.simulation.skies.render.render_chip` draws it: it depends on where in a pixel the
        centre of the star lies.
    """
    star = psf.on_chip(extver, shape)
    places = zip(stars["x"], stars["y"], strict=True)
    return np.array([star(x, y).max() for x, y in places], dtype=float)
